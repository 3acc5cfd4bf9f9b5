//! The gallery, and rendering without a session.

use serde::{Deserialize, Serialize};

use super::Args;

/// A ready-made template with args that show it at its best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({
    "name": "label",
    "title": "Label",
    "description": "One value, in words.",
    "template": "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"120\" height=\"24\"><text y=\"18\">{{ value }}</text></svg>",
    "args": { "value": 42 }
})))]
pub struct Template {
    /// Its name in URLs and in `template_name`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it is good for, in a sentence.
    pub description: String,
    /// The Tera source.
    pub template: String,
    /// Sample args.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub args: Args,
}

/// The whole gallery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "templates": [{
    "name": "label",
    "title": "Label",
    "description": "One value, in words.",
    "template": "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"120\" height=\"24\"><text y=\"18\">{{ value }}</text></svg>",
    "args": { "value": 42 }
}] })))]
pub struct TemplateList {
    /// In the order in which a gallery shows them.
    pub templates: Vec<Template>,
}

/// What one sends to `POST /api/render`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "template": "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"120\" height=\"24\"><text y=\"18\">{{ value }}</text></svg>", "args": { "value": 42 } })))]
#[serde(deny_unknown_fields)]
pub struct RenderRequest {
    /// The Tera source.
    pub template: String,
    /// Its args; none when absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub args: Args,
}
