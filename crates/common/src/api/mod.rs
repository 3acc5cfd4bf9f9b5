//! The wire: one file per resource. These types say what JSON looks like and nothing of
//! what the server does with it.

pub mod account;
pub mod api_key;
pub mod audit;
pub mod cookie;
pub mod error;
pub mod server;
pub mod session;
pub mod template;
pub mod ticket;
pub mod token;

pub use account::{Language, NoRole, Role, Roles, SignInKind};
pub use api_key::{NoScope, Scope};
pub use audit::{AuditAction, AuditResult};
pub use cookie::CookieLife;
pub use error::{ErrorCode, FieldError, Problem};
pub use server::{Minting, ServerInfo};
pub use session::{
    CreateSession, PublicSessionRef, Session, SessionList, SessionSummary, UpdateSession,
    UserSessionRef, Visibility,
};
pub use template::{RenderRequest, Template, TemplateList};
pub use ticket::Ticket;
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

/// Reads a whole number that may be absent, in any of the ways to write one in JSON: some
/// languages write 60 seconds as `60.0`.
fn whole<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    use serde::{Deserialize, de::Error};
    /// Up to here every whole number is a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let written = || number.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=EXACT).contains(n));
    // It is whole and not below zero, so nothing is lost.
    let whole = number.as_u64().or_else(|| written().map(|n| n as u64));
    whole.map(Some).ok_or_else(|| D::Error::custom("not a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let read = |text: &str| {
            let request: Result<TokenRequest, _> =
                serde_json::from_str(&format!(r#"{{"user_id": "alice", "ttl_seconds": {text}}}"#));
            request.map(|request| request.ttl_seconds)
        };
        for (text, seconds) in
            [("60", 60), ("60.0", 60), ("6e1", 60), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(read(text).unwrap(), Some(seconds), "{text}");
        }
        assert_eq!(read("null").unwrap(), None);
        for text in ["0.5", "-1", "-1.0", "1e300", "\"60\"", "true", "[]"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
