//! Errors on the wire: RFC 9457 problem details with a stable code.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong, for programs: stable, and registered only here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(
                $(#[$doc])*
                #[serde(rename = $code)]
                $variant,
            )*
        }

        impl ErrorCode {
            /// Every code, in the order of their statuses.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it stands in a problem.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// The HTTP status that always goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),* }
            }

            /// The sentence that always goes with it.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }
        }
    };
}

codes! {
    /// A user or session id is not `[A-Za-z0-9_-]{1,64}`.
    InvalidId = "INVALID_ID", 400, "The id is not valid";
    /// The body is not JSON.
    InvalidJson = "INVALID_JSON", 400, "The body is not valid JSON";
    /// A field, a query parameter or a header has a value that is not allowed.
    ValidationFailed = "VALIDATION_FAILED", 400, "The request is not valid";
    /// The cursor did not come from this server.
    InvalidCursor = "INVALID_CURSOR", 400, "The cursor is not valid";
    /// The request needs a key by which it may be sent again, and has none.
    IdempotencyKeyRequired = "IDEMPOTENCY_KEY_REQUIRED", 400, "An Idempotency-Key is needed";
    /// The token of a mail is none of ours, was used, replaced by a newer one, or too old.
    MailTokenInvalid = "MAIL_TOKEN_INVALID", 400, "The link is not valid any more";
    /// The password is too short, too long, or one that everyone guesses first.
    PasswordRejected = "PASSWORD_REJECTED", 400, "The password cannot be used";
    /// No token was sent, and one is needed.
    AuthRequired = "AUTH_REQUIRED", 401, "A token is needed";
    /// The token is not one of ours, or not valid now.
    AuthTokenInvalid = "AUTH_TOKEN_INVALID", 401, "The token is not valid";
    /// The token was valid and has expired.
    AuthTokenExpired = "AUTH_TOKEN_EXPIRED", 401, "The token has expired";
    /// The user id or the password is wrong.
    AuthCredentialsInvalid = "AUTH_CREDENTIALS_INVALID", 401, "The credentials are not valid";
    /// The refresh token is none of ours, or its sign-in has ended.
    AuthRefreshInvalid = "AUTH_REFRESH_INVALID", 401, "The refresh token is not valid";
    /// The sign-in of the refresh token is over.
    AuthRefreshExpired = "AUTH_REFRESH_EXPIRED", 401, "The sign-in has expired";
    /// The refresh token was used before; its sign-in has ended.
    AuthRefreshReused = "AUTH_REFRESH_REUSED", 401, "The refresh token was used before";
    /// The ticket is not one of ours, not for this session, used, or too old.
    AuthTicketInvalid = "AUTH_TICKET_INVALID", 401, "The ticket is not valid";
    /// The token is valid and does not give this right.
    Forbidden = "FORBIDDEN", 403, "This belongs to someone else";
    /// The page that sent the request is of a site that may not do this.
    OriginNotAllowed = "ORIGIN_NOT_ALLOWED", 403, "This site may not do that";
    /// Tokens are for this machine only, and the request asks for it by a name that is not its own.
    HostNotAllowed = "HOST_NOT_ALLOWED", 403, "The server is not known by this name";
    /// No such route.
    NotFound = "NOT_FOUND", 404, "There is nothing here";
    /// This server keeps no accounts.
    AccountsOff = "ACCOUNTS_OFF", 404, "This server keeps no accounts";
    /// No such account.
    AccountNotFound = "ACCOUNT_NOT_FOUND", 404, "There is no such account";
    /// No such living sign-in of the caller's.
    SignInNotFound = "SIGN_IN_NOT_FOUND", 404, "There is no such sign-in";
    /// No such API key.
    ApiKeyNotFound = "API_KEY_NOT_FOUND", 404, "There is no such API key";
    /// No such session, or it has expired.
    SessionNotFound = "SESSION_NOT_FOUND", 404, "There is no such session";
    /// No such template in the gallery.
    TemplateNotFound = "TEMPLATE_NOT_FOUND", 404, "There is no such template";
    /// The route exists and does not take this method.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, "The method is not allowed here";
    /// The body did not come in within its time.
    RequestTimeout = "REQUEST_TIMEOUT", 408, "The request took too long";
    /// The session id is taken.
    SessionExists = "SESSION_EXISTS", 409, "The session exists already";
    /// The first request with this key is still being worked on.
    IdempotencyInProgress = "IDEMPOTENCY_IN_PROGRESS", 409, "The request is being worked on";
    /// The user id is taken, or was not long ago.
    UserExists = "USER_EXISTS", 409, "The user id is taken";
    /// No administrator would be left.
    LastAdmin = "LAST_ADMIN", 409, "The last administrator stays";
    /// An API key would mint for users that another account has, or that exist.
    NamespaceTaken = "NAMESPACE_TAKEN", 409, "These user ids are taken";
    /// `If-Match` names another revision than the current one.
    PreconditionFailed = "PRECONDITION_FAILED", 412, "The session has changed";
    /// The body is larger than the server takes.
    BodyTooLarge = "BODY_TOO_LARGE", 413, "The body is too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415, "The body must be JSON";
    /// The template does not compile.
    TemplateInvalid = "TEMPLATE_INVALID", 422, "The template does not compile";
    /// The template compiles and does not render with these args.
    RenderFailed = "RENDER_FAILED", 422, "The template does not render";
    /// What the template renders to is not well-formed SVG.
    NotSvg = "NOT_SVG", 422, "The result is not well-formed SVG";
    /// The template, its args or its result passes a limit.
    RenderLimit = "RENDER_LIMIT", 422, "A rendering limit was reached";
    /// The key was used for a request that asks for something else.
    IdempotencyKeyReused = "IDEMPOTENCY_KEY_REUSED", 422, "The key belongs to another request";
    /// Too many requests of this kind came lately.
    RateLimited = "RATE_LIMITED", 429, "Too many requests";
    /// A user, an address, all public sessions or all together have stored as much as they may.
    QuotaExceeded = "QUOTA_EXCEEDED", 429, "A quota is used up";
    /// The session, or the address, has as many viewers as it may have.
    TooManyViewers = "TOO_MANY_VIEWERS", 429, "Too many viewers";
    /// Too many tickets of this user have not been used yet.
    TicketLimit = "TICKET_LIMIT", 429, "Too many tickets are waiting";
    /// An account has as many API keys as it may have.
    ApiKeyLimit = "API_KEY_LIMIT", 429, "Too many API keys";
    /// Something broke here; the log knows what.
    Internal = "INTERNAL", 500, "Something went wrong on the server";
    /// The store cannot be reached.
    StoreUnavailable = "STORE_UNAVAILABLE", 503, "The store cannot be reached";
    /// Too much of what takes long is asked for at once.
    Busy = "BUSY", 503, "The server has too much to do";
    /// No picture can be rendered now.
    RenderUnavailable = "RENDER_UNAVAILABLE", 503, "Rendering does not work now";
    /// A part of the server that it needs does not work; the errors name it.
    NotReady = "NOT_READY", 503, "The server is not ready";
    /// The node has as many viewers as it takes; another one may have room.
    NodeFull = "NODE_FULL", 503, "The server has too many viewers";
    /// The server is stopping.
    Draining = "DRAINING", 503, "The server is stopping";
}

/// By hand: the derive does not see the names that the macro above gives.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for ErrorCode {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
            .description(Some("What went wrong, for programs: stable."))
            .build()
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for ErrorCode {}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One fault in one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Which field: a JSON pointer (RFC 6901) into the body, or the name of a query
    /// parameter, path segment or header.
    #[cfg_attr(feature = "openapi", schema(example = "/ttl_seconds"))]
    pub pointer: String,
    /// What is wrong with it.
    pub code: ErrorCode,
    /// What is wrong and what would be right, in words.
    pub detail: String,
    /// For a fault in a template: the line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// For a fault in a template: the column, from 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

/// An error answer: `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Always `about:blank`: the code says more than a URL would.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(example = "about:blank"))]
    pub kind: String,
    /// The sentence that goes with the code.
    pub title: String,
    /// The HTTP status, again.
    #[cfg_attr(feature = "openapi", schema(example = 404))]
    pub status: u16,
    /// What happened here and what would help, in words.
    pub detail: String,
    /// The path that was asked for.
    #[cfg_attr(feature = "openapi", schema(example = "/api/user/alice/session/chart"))]
    pub instance: String,
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// The W3C trace id of this request, for a question to the operator.
    #[cfg_attr(feature = "openapi", schema(example = "4bf92f3577b34da6a3ce929d0e0e4736"))]
    pub trace_id: String,
    /// The faults, field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_word_everywhere() {
        for &code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(code.as_str().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
            assert!((400..600).contains(&code.status()), "{code}");
        }
    }
}
