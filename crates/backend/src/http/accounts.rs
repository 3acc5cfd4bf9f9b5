//! Getting an account, and getting back into one. What answers say does not depend on whether
//! there is such an account: not their status, body, headers, nor how long they take.

use axum::{
    Json as Answer,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    api::{
        Language,
        account::{
            MailRequest, MailSent, PasswordChangeRequest, PasswordResetRequest, RegisterRequest,
            Verified, VerifyEmailRequest,
        },
    },
    path,
};

use super::{
    docs::{Naming, Refusals, refuses},
    error::ApiError,
    extract::{Holder, Idempotent, Json, Mailing, Registering},
    shares::Shares,
};
use crate::{
    account::{AccountError, Email, Password, Wish},
    idempotency::{Attempt, IdempotencyKey, Once},
    limit::Limit,
};

/// What registers: a request that may be sent again, and must say so.
type Registration = Idempotent<IdempotencyKey, Json<RegisterRequest>>;

/// Work: taking a user id and a password.
enum Wishing {}
refuses!(Wishing: Forbidden, PasswordRejected, UserExists, Busy);

/// Work: using the token of a mail.
enum Proving {}
refuses!(Proving: MailTokenInvalid);

/// Work: taking another password.
enum TakingPassword {}
refuses!(TakingPassword: PasswordRejected, Busy);

/// What shows that it is the account's owner.
enum Confirming {}
refuses!(Confirming: AuthCredentialsInvalid, AccountNotFound, PreconditionFailed);

/// Asks for an account
///
/// A mail goes to the address; the account is there once its link was followed. Until then the
/// user id is kept for whoever asked. The answer is the same whether the address has an account
/// already or not.
#[utoipa::path(
    post, path = path::REGISTER, tag = "Accounts", operation_id = "register",
    params(Registration),
    request_body = RegisterRequest,
    responses(
        (
            status = 202, description = "A mail is on its way", body = MailSent,
            headers(("Idempotent-Replayed")),
        ),
        Refusals<(Registering, Registration, Naming, Wishing)>,
    )
)]
pub(super) async fn register(
    Registering { accounts, source }: Registering,
    shares: Shares,
    headers: HeaderMap,
    request: Registration,
) -> Result<Response, ApiError> {
    let once = Once::for_network(shares.network());
    let work = async move |Json(request): Json<RegisterRequest>, attempt: Attempt| {
        let invalid = |fault| ApiError::InvalidId { pointer: "/user_id", fault };
        let wish = Wish {
            user: request.user_id.parse().map_err(invalid)?,
            email: email(&request.email)?,
            language: request.language.unwrap_or_else(|| language(&headers)),
            password: Password::new(request.password),
        };
        let (user, email) = (wish.user.clone(), wish.email.clone());
        shares.take_of_account(Limit::MailsPerRecipient, email.as_str()).await?;
        match accounts.register(wish, &source).await {
            // A run of this request before this one may have done it.
            Err(AccountError::UserTaken)
                if attempt.is_again() && accounts.waits_for_proof(&user, &email).await? => {}
            registered => registered?,
        }
        let detail =
            "A mail with a link is on its way; the account is there once the link was followed.";
        Ok(sent(detail).into_response())
    };
    request.answer(once, work).await
}

/// Proves an address
///
/// With the token of the mail's link; the account can be signed in to from here on.
#[utoipa::path(
    post, path = path::VERIFY_EMAIL, tag = "Accounts", operation_id = "verifyEmail",
    request_body = VerifyEmailRequest,
    responses(
        (status = 200, description = "The account is there", body = Verified),
        Refusals<(Registering, Json<VerifyEmailRequest>, Proving)>,
    )
)]
pub(super) async fn verify_email(
    Registering { accounts, source }: Registering,
    Json(request): Json<VerifyEmailRequest>,
) -> Result<Answer<Verified>, ApiError> {
    let user = accounts.verify(&request.token, &source).await?;
    Ok(Answer(Verified { user_id: user.to_string() }))
}

/// Sends the mail again that proves an address
///
/// If someone waits for it; the link of an earlier mail is not valid any more.
#[utoipa::path(
    post, path = path::VERIFY_EMAIL_RESEND, tag = "Accounts", operation_id = "resendVerification",
    request_body = MailRequest,
    responses(
        (status = 202, description = "A mail is on its way, if someone waits for it", body = MailSent),
        Refusals<(Mailing, Json<MailRequest>)>,
    )
)]
pub(super) async fn resend(
    Mailing { accounts, source }: Mailing,
    shares: Shares,
    Json(request): Json<MailRequest>,
) -> Result<(StatusCode, Answer<MailSent>), ApiError> {
    let email = email(&request.email)?;
    shares.take_of_account(Limit::MailsPerRecipient, email.as_str()).await?;
    accounts.resend(&email, &source).await?;
    Ok(sent("If this address waits to be proved, another mail is on its way to it."))
}

/// Asks for a mail that leads to a new password
///
/// If the address has an account; the link of an earlier mail is not valid any more.
#[utoipa::path(
    post, path = path::PASSWORD_RESET_REQUEST, tag = "Accounts", operation_id = "requestPasswordReset",
    request_body = MailRequest,
    responses(
        (status = 202, description = "A mail is on its way, if there is an account", body = MailSent),
        Refusals<(Mailing, Json<MailRequest>)>,
    )
)]
pub(super) async fn request_reset(
    Mailing { accounts, source }: Mailing,
    shares: Shares,
    Json(request): Json<MailRequest>,
) -> Result<(StatusCode, Answer<MailSent>), ApiError> {
    let email = email(&request.email)?;
    shares.take_of_account(Limit::MailsPerRecipient, email.as_str()).await?;
    accounts.request_reset(&email, &source).await?;
    Ok(sent("If this address has an account, a mail with a link is on its way to it."))
}

/// Sets a new password
///
/// With the token of the mail's link. All sign-ins of the account end.
#[utoipa::path(
    post, path = path::PASSWORD_RESET_CONFIRM, tag = "Accounts", operation_id = "confirmPasswordReset",
    request_body = PasswordResetRequest,
    responses(
        (status = 204, description = "The password is set"),
        Refusals<(Registering, Json<PasswordResetRequest>, Proving, TakingPassword)>,
    )
)]
pub(super) async fn confirm_reset(
    Registering { accounts, source }: Registering,
    Json(request): Json<PasswordResetRequest>,
) -> Result<StatusCode, ApiError> {
    accounts.reset(&request.token, Password::new(request.password), &source).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the password
///
/// All sign-ins of the account end but the one of the token that asks.
#[utoipa::path(
    post, path = path::PASSWORD_CHANGE, tag = "Accounts", operation_id = "changePassword",
    security(("bearer" = [])),
    request_body = PasswordChangeRequest,
    responses(
        (status = 204, description = "The password is changed"),
        Refusals<(Holder, Json<PasswordChangeRequest>, Confirming, TakingPassword)>,
    )
)]
pub(super) async fn change_password(
    holder: Holder,
    shares: Shares,
    Json(request): Json<PasswordChangeRequest>,
) -> Result<StatusCode, ApiError> {
    let by = holder.authority();
    let Holder { accounts, who, source } = holder;
    shares.take_of_holder(Limit::LoginsPerAccount, &who.user).await?;
    let (current, new) =
        (Password::new(request.current_password), Password::new(request.new_password));
    let change = accounts.change_password(&by, current, new, &source);
    change.await.map_err(|error| match error {
        AccountError::Password(weak) => ApiError::WeakPassword { pointer: "/new_password", weak },
        error => error.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

fn sent(detail: &str) -> (StatusCode, Answer<MailSent>) {
    (StatusCode::ACCEPTED, Answer(MailSent { detail: detail.to_owned() }))
}

fn email(text: &str) -> Result<Email, ApiError> {
    text.parse().map_err(|error| AccountError::Email(error).into())
}

/// The first language of a browser's list that we have.
fn language(headers: &HeaderMap) -> Language {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let tags = wanted.unwrap_or_default().split(',');
    // Browsers write the list in the order of what they prefer.
    let names = tags.filter_map(|tag| tag.split([';', '-']).next());
    names.map(str::trim).find_map(Language::of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn mail_is_in_the_first_language_that_we_have() {
        for (list, expected) in [
            ("ko-KR,ko;q=0.9,en;q=0.8", Language::Ko),
            ("fr, ko;q=0.5", Language::Ko),
            ("en-GB", Language::En),
            ("de", Language::En),
            ("", Language::En),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(list));
            assert_eq!(language(&headers), expected, "{list}");
        }
        assert_eq!(language(&HeaderMap::new()), Language::En);
    }
}
