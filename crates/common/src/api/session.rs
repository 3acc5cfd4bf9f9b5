//! Sessions on the wire.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Args;

/// Who may watch a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Anyone who knows the URL.
    #[default]
    Public,
    /// Its owner, and whoever presents a ticket first.
    Private,
}

impl Visibility {
    /// The word for it, on the wire and in stores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }

    /// What a word stands for.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Public, Self::Private].into_iter().find(|visibility| visibility.as_str() == word)
    }
}

/// What one sends to create a session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({
    "session_id": "chart",
    "template": "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"120\" height=\"24\"><text y=\"18\">{{ value }}</text></svg>",
    "args": { "value": 42 },
    "ttl_seconds": 3_600
})))]
#[serde(deny_unknown_fields)]
pub struct CreateSession {
    /// The name: `[A-Za-z0-9_-]{1,64}`; a random one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    pub session_id: Option<String>,
    /// A Tera template that renders to SVG. Either this or `template_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// A template of the gallery, by name; its sample args stand in when `args` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_name: Option<String>,
    /// The first args; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub args: Option<Args>,
    /// Lifetime in seconds; an hour when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::whole")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub ttl_seconds: Option<u64>,
    /// The lifetime in words, such as `1d` or `2h 30m`. Either this or `ttl_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire: Option<String>,
    /// Who may watch; everyone when absent. A public session cannot be private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// So many frames a second are sent to a viewer at most, and the newest in any case; as many
    /// as there are when absent or 0.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::whole")]
    #[cfg_attr(feature = "openapi", schema(maximum = 1000))]
    pub max_frames_per_second: Option<u64>,
}

/// What one sends to change a session. What is absent stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "args": { "value": 43 } })))]
#[serde(deny_unknown_fields)]
pub struct UpdateSession {
    /// Replaces all args.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::present")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub args: Option<Args>,
    /// Replaces the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// A new lifetime in seconds, counted from now.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::whole")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub ttl_seconds: Option<u64>,
    /// The new lifetime in words. Either this or `ttl_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire: Option<String>,
    /// Who may watch from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// So many frames a second are sent to a viewer at most from now on; 0 for as many as there
    /// are.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::whole")]
    #[cfg_attr(feature = "openapi", schema(maximum = 1000))]
    pub max_frames_per_second: Option<u64>,
}

/// Names a session of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "user_id": "alice", "session_id": "chart" })))]
pub struct UserSessionRef {
    /// Whose it is.
    pub user_id: String,
    /// What it is called.
    pub session_id: String,
}

/// Names a public session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "session_id": "chart" })))]
pub struct PublicSessionRef {
    /// What it is called.
    pub session_id: String,
}

/// A session in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = summary_example))]
pub struct SessionSummary {
    /// What it is called.
    pub session_id: String,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// Seconds left to live.
    pub ttl: u64,
    /// `<epoch>-<seq>` of its newest frame: the inside of its `ETag`.
    pub revision: String,
    /// Who may watch it.
    pub visibility: Visibility,
    /// How many are watching now.
    pub viewers: u64,
}

#[cfg(feature = "openapi")]
fn summary_example() -> serde_json::Value {
    serde_json::json!({
        "session_id": "chart",
        "created_at": "2026-11-21T09:30:00Z",
        "updated_at": "2026-11-21T09:31:12Z",
        "ttl": 3_528,
        "revision": "1795250000000000-3",
        "visibility": "public",
        "viewers": 2
    })
}

/// A page of a user's sessions, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "sessions": [summary_example()], "next_cursor": null })))]
pub struct SessionList {
    /// At most `limit` of them.
    pub sessions: Vec<SessionSummary>,
    /// Fetches the next page; absent on the last.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// A whole session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({
    "user_id": "alice",
    "session_id": "chart",
    "created_at": "2026-11-21T09:30:00Z",
    "updated_at": "2026-11-21T09:31:12Z",
    "ttl": 3_528,
    "revision": "1795250000000000-3",
    "visibility": "public",
    "viewers": 2,
    "template": "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"120\" height=\"24\"><text y=\"18\">{{ value }}</text></svg>",
    "args": { "value": 42 }
})))]
pub struct Session {
    /// Whose it is; absent for a public session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What the list says of it too.
    #[serde(flatten)]
    pub summary: SessionSummary,
    /// So many frames a second are sent to a viewer at most; absent if all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_frames_per_second: Option<u16>,
    /// The Tera source.
    pub template: String,
    /// The args of the newest frame.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub args: Args,
}
