//! The wire: one file per resource. These types say what JSON looks like and nothing of
//! what the server does with it.

pub mod error;
pub mod server;
pub mod session;
pub mod template;
pub mod token;

pub use error::{ErrorCode, FieldError, Problem};
pub use server::{Minting, ServerInfo};
pub use session::{
    CreateSession, PublicSessionRef, Session, SessionList, SessionSummary, UpdateSession,
    UserSessionRef, Visibility,
};
pub use template::{RenderRequest, Template, TemplateList};
pub use token::{Token, TokenRequest};

/// A JSON object: the args of a template.
pub type Args = serde_json::Map<String, serde_json::Value>;

/// Reads a field that may be absent and must not be `null`: for args, "nothing" and "no
/// change" would look too much alike.
fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}
