//! What the account room says, as problems.

use axum::http::StatusCode;
use common::api::ErrorCode;

use super::{ApiError, Draft};
use crate::account::{AccountError, HashingFailed};

pub(super) fn account(error: AccountError) -> Draft {
    match error {
        AccountError::Credentials => Draft::new(
            ErrorCode::AuthCredentialsInvalid,
            "The name or the password is wrong, or nobody may sign in to this account (yet).",
        ),
        AccountError::RefreshInvalid => Draft::new(
            ErrorCode::AuthRefreshInvalid,
            "It is none of ours, or its sign-in has ended; sign in again.",
        ),
        AccountError::RefreshExpired => {
            Draft::new(ErrorCode::AuthRefreshExpired, "The sign-in is over; sign in again.")
        }
        AccountError::RefreshReused => Draft::new(
            ErrorCode::AuthRefreshReused,
            "Two have had it, so its sign-in was ended; sign in again.",
        ),
        AccountError::MailToken => Draft::field(
            ErrorCode::MailTokenInvalid,
            "/token",
            "it was used, replaced by a newer one, or is too old; ask for another mail",
        ),
        AccountError::Closed => {
            Draft::new(ErrorCode::Forbidden, "Here only operators make accounts (registration).")
        }
        AccountError::NoAccount => {
            Draft::new(ErrorCode::AccountNotFound, "It was never made, or was deleted.")
        }
        AccountError::NoSignIn => Draft::new(ErrorCode::SignInNotFound, "It has ended."),
        AccountError::NoApiKey => {
            Draft::new(ErrorCode::ApiKeyNotFound, "It was revoked, or has ended.")
        }
        AccountError::TooManyApiKeys(most) => Draft::new(
            ErrorCode::ApiKeyLimit,
            format!("The account has {most} API keys, as many as it may have (api-keys-per-user)."),
        ),
        error @ AccountError::Namespace => {
            Draft::field(ErrorCode::ValidationFailed, "/scopes", error.to_string())
        }
        error @ AccountError::NamespaceTaken => {
            Draft::field(ErrorCode::NamespaceTaken, "/scopes", error.to_string())
        }
        AccountError::Unauthorized => Draft::new(
            ErrorCode::AuthTokenInvalid,
            "The sign-in of the token has ended, or what its account may do has changed.",
        ),
        AccountError::Denied => {
            Draft::new(ErrorCode::Forbidden, "This API key may not do that; its scopes say what.")
        }
        AccountError::UserTaken => {
            Draft::field(ErrorCode::UserExists, "/user_id", "choose another user id")
        }
        AccountError::EmailTaken => {
            Draft::field(ErrorCode::UserExists, "/email", "another account has it")
        }
        AccountError::Email(error) => {
            Draft::field(ErrorCode::ValidationFailed, "/email", error.to_string())
        }
        AccountError::Password(error) => {
            Draft::field(ErrorCode::PasswordRejected, "/password", error.to_string())
        }
        AccountError::LastAdmin => Draft::new(
            ErrorCode::LastAdmin,
            "Nobody could give anyone a role then; make another administrator first.",
        ),
        AccountError::Changed => Draft::field(
            ErrorCode::PreconditionFailed,
            "If-Match",
            "the account has changed by now; read it and decide again",
        ),
        AccountError::Store(error) => {
            tracing::error!(%error, "the database failed");
            Draft::new(ErrorCode::StoreUnavailable, "Nothing was changed; try again.")
        }
        AccountError::Stopped => ApiError::Draining.draft(),
        AccountError::Issue(error) => ApiError::Issue(error).draft(),
        AccountError::Hashing(HashingFailed::Crowded) => {
            Draft::new(ErrorCode::Busy, "Too many sign in at this moment; try again.")
        }
        error @ (AccountError::Hashing(HashingFailed::Defect) | AccountError::Sealing) => {
            tracing::error!(%error, "a defect");
            Draft::of_status(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
