//! Every URL of Easel, once: the pattern that the router matches, and the builder that
//! clients, tests and pages call.

use crate::id::{SessionAddress, UserId};

/// Mints a token.
pub const TOKEN: &str = "/api/auth/token";
/// Lets a browser watch with its cookie, or takes that back.
pub const COOKIE: &str = "/api/auth/cookie";
/// The public keys that verify tokens.
pub const JWKS: &str = "/.well-known/jwks.json";
/// The same keys, for clients that only know `/api`.
pub const JWKS_ALIAS: &str = "/api/auth/jwks";

/// A user's sessions: created here.
pub const USER_SESSION_CREATE: &str = "/api/user/{user_id}/session";
/// A user's sessions: listed here.
pub const USER_SESSIONS: &str = "/api/user/{user_id}/sessions";
/// One session of a user.
pub const USER_SESSION: &str = "/api/user/{user_id}/session/{session_id}";
/// Tickets to watch one session of a user: issued here.
pub const TICKET: &str = "/api/user/{user_id}/session/{session_id}/ticket";
/// Public sessions: created here.
pub const PUBLIC_SESSION_CREATE: &str = "/api/session";
/// One public session.
pub const PUBLIC_SESSION: &str = "/api/session/{session_id}";

/// The gallery.
pub const TEMPLATES: &str = "/api/templates";
/// One template of the gallery.
pub const TEMPLATE: &str = "/api/templates/{name}";
/// Renders without storing.
pub const RENDER: &str = "/api/render";
/// What this server offers to the page.
pub const SERVER: &str = "/api/server";
/// The OpenAPI document.
pub const OPENAPI: &str = "/api/openapi.json";
/// The OpenAPI document as a page.
pub const DOCS: &str = "/api/docs";

/// The live picture of a user's session.
pub const USER_STREAM: &str = "/stream/{user_id}/{session_id}";
/// The live picture of a public session.
pub const PUBLIC_STREAM: &str = "/stream/{session_id}";

/// Is the process alive?
pub const HEALTH: &str = "/health";
/// Can it serve?
pub const READY: &str = "/ready";
/// Measurements in Prometheus text, on the ops listener only.
pub const METRICS: &str = "/metrics";

/// Where `user` creates sessions.
pub fn user_session_create(user: &UserId) -> String {
    format!("/api/user/{user}/session")
}

/// Where `user` lists sessions.
pub fn user_sessions(user: &UserId) -> String {
    format!("/api/user/{user}/sessions")
}

/// The resource of one session, whoever owns it.
pub fn session(address: &SessionAddress) -> String {
    match &address.owner {
        Some(owner) => format!("/api/user/{owner}/session/{}", address.id),
        None => format!("/api/session/{}", address.id),
    }
}

/// Where tickets to watch a session are issued.
pub fn ticket(address: &SessionAddress) -> String {
    format!("{}/ticket", session(address))
}

/// The stream of one session, whoever owns it.
pub fn stream(address: &SessionAddress) -> String {
    format!("/stream/{address}")
}

/// One template of the gallery.
pub fn template(name: &str) -> String {
    format!("/api/templates/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, url: &str) -> bool {
        let (mut pattern, mut url) = (pattern.split('/'), url.split('/'));
        loop {
            match (pattern.next(), url.next()) {
                (None, None) => return true,
                (Some(p), Some(u)) if p == u || (p.starts_with('{') && !u.is_empty()) => {}
                _ => return false,
            }
        }
    }

    #[test]
    fn every_builder_fits_its_pattern() {
        let alice: UserId = "alice".parse().unwrap();
        let owned: SessionAddress = "alice/chart".parse().unwrap();
        let public: SessionAddress = "chart".parse().unwrap();
        assert!(matches(USER_SESSION_CREATE, &user_session_create(&alice)));
        assert!(matches(USER_SESSIONS, &user_sessions(&alice)));
        assert!(matches(USER_SESSION, &session(&owned)));
        assert!(matches(PUBLIC_SESSION, &session(&public)));
        assert!(matches(TICKET, &ticket(&owned)));
        assert!(matches(USER_STREAM, &stream(&owned)));
        assert!(matches(PUBLIC_STREAM, &stream(&public)));
        assert!(matches(TEMPLATE, &template("badge")));
    }
}
