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

/// Asks for an account.
pub const REGISTER: &str = "/api/auth/register";
/// Proves an address, which makes the account.
pub const VERIFY_EMAIL: &str = "/api/auth/verify-email";
/// Sends the mail again that proves an address.
pub const VERIFY_EMAIL_RESEND: &str = "/api/auth/verify-email/resend";
/// Signs in.
pub const LOGIN: &str = "/api/auth/login";
/// Replaces a refresh token, with an access token to it.
pub const REFRESH: &str = "/api/auth/refresh";
/// Signs out.
pub const LOGOUT: &str = "/api/auth/logout";
/// Sends the mail that leads to a new password.
pub const PASSWORD_RESET_REQUEST: &str = "/api/auth/password-reset/request";
/// Sets a new password by the token of that mail.
pub const PASSWORD_RESET_CONFIRM: &str = "/api/auth/password-reset/confirm";
/// Changes a password by the one before it.
pub const PASSWORD_CHANGE: &str = "/api/auth/password/change";
/// The account of the token that asks.
pub const ME: &str = "/api/auth/me";
/// The sign-ins of the token's account.
pub const SIGN_INS: &str = "/api/auth/sign-ins";
/// One of them.
pub const SIGN_IN: &str = "/api/auth/sign-ins/{sign_in_id}";
/// All accounts.
pub const USERS: &str = "/api/users";
/// One account.
pub const USER: &str = "/api/users/{user_id}";
/// Its roles.
pub const USER_ROLES: &str = "/api/users/{user_id}/roles";
/// The audit log.
pub const AUDIT: &str = "/api/audit";
/// The API keys of a user.
pub const API_KEYS: &str = "/api/user/{user_id}/keys";
/// One of them.
pub const API_KEY: &str = "/api/user/{user_id}/keys/{key_id}";
/// The page that the link of a mail leads to, which proves an address.
pub const VERIFY_PAGE: &str = "/verify-email";
/// The page that the link of a mail leads to, which takes a new password.
pub const RESET_PAGE: &str = "/reset-password";

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

/// One sign-in of the caller's.
pub fn sign_in(id: &str) -> String {
    format!("/api/auth/sign-ins/{id}")
}

/// One account.
pub fn user(user: &UserId) -> String {
    format!("/api/users/{user}")
}

/// The roles of an account.
pub fn user_roles(user: &UserId) -> String {
    format!("/api/users/{user}/roles")
}

/// The API keys of `user`.
pub fn api_keys(user: &UserId) -> String {
    format!("/api/user/{user}/keys")
}

/// One API key of `user`.
pub fn api_key(user: &UserId, id: &str) -> String {
    format!("/api/user/{user}/keys/{id}")
}

/// The link of a mail: the token stands behind a `#`, which browsers send to nobody.
pub fn mail_link(public_url: &str, page: &str, token: &str) -> String {
    format!("{public_url}{page}#token={token}")
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
        assert!(matches(SIGN_IN, &sign_in("x1")));
        assert!(matches(USER, &user(&alice)));
        assert!(matches(USER_ROLES, &user_roles(&alice)));
        assert!(matches(API_KEYS, &api_keys(&alice)));
        assert!(matches(API_KEY, &api_key(&alice, "x1")));
    }
}
