//! The account of whoever is at the page: how it is got, signed in to, looked after and ended.

use common::{
    UserId,
    api::{
        Language,
        account::{
            Account, DeleteAccountRequest, LoginRequest, MailRequest, MailSent,
            PasswordChangeRequest, PasswordResetRequest, RefreshRequest, RegisterRequest,
            SignInList, SignedIn, UpdateAccount, Verified, VerifyEmailRequest,
        },
        api_key::{ApiKeyList, CreateApiKey, CreatedApiKey},
    },
    path,
};

use super::call::{Answer, Call, json};
use crate::identity::Identity;

/// How long the next token may take, in milliseconds: meanwhile all tabs wait for it.
const RENEWAL_PATIENCE: u32 = 20_000;

/// Asks for an account. Repeated with the same key, it is one request.
pub(crate) async fn register(request: &RegisterRequest, key: &str) -> Answer<MailSent> {
    let call = Call::post(path::REGISTER).repeatable(key).json(request);
    json(call.send().await?).await
}

/// Proves an address by the token of a mail, which makes the account.
pub(crate) async fn verify_email(token: String) -> Answer<Verified> {
    json(Call::post(path::VERIFY_EMAIL).json(&VerifyEmailRequest { token }).send().await?).await
}

/// Has the mail sent again that proves an address.
pub(crate) async fn resend_verification(email: String) -> Answer<MailSent> {
    json(Call::post(path::VERIFY_EMAIL_RESEND).json(&MailRequest { email }).send().await?).await
}

/// Signs in.
pub(crate) async fn sign_in(request: &LoginRequest) -> Answer<SignedIn> {
    json(Call::post(path::LOGIN).json(request).send().await?).await
}

/// The next access token, by the cookie.
pub(crate) async fn refresh() -> Answer<SignedIn> {
    let call = Call::post(path::REFRESH).json(&RefreshRequest::default());
    json(call.within(RENEWAL_PATIENCE).send().await?).await
}

/// Ends the sign-in of the cookie, and of the token: a browser keeps no cookie of a page that came
/// over plain http from elsewhere.
pub(crate) async fn sign_out(token: Option<String>) -> Answer<()> {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let call = Call::post(path::LOGOUT).header("Authorization", bearer.as_deref());
    call.json(&RefreshRequest::default()).send().await.map(drop)
}

/// Has the mail sent that leads to a new password.
pub(crate) async fn request_password_reset(email: String) -> Answer<MailSent> {
    json(Call::post(path::PASSWORD_RESET_REQUEST).json(&MailRequest { email }).send().await?).await
}

/// Sets a new password by the token of a mail.
pub(crate) async fn reset_password(request: &PasswordResetRequest) -> Answer<()> {
    Call::post(path::PASSWORD_RESET_CONFIRM).json(request).send().await.map(drop)
}

/// Sets a new password by the one before it.
pub(crate) async fn change_password(who: Identity, request: &PasswordChangeRequest) -> Answer<()> {
    Call::post(path::PASSWORD_CHANGE).json(request).send_for(who).await.map(drop)
}

/// The account of whoever is signed in.
pub(crate) async fn me(who: Identity) -> Answer<Account> {
    json(Call::get(path::ME).send_for(who).await?).await
}

/// Has its mail written in a language.
pub(crate) async fn set_language(
    who: Identity,
    user: &UserId,
    language: Language,
) -> Answer<Account> {
    let update = UpdateAccount { language: Some(language), ..UpdateAccount::default() };
    json(Call::patch(&path::user(user)).json(&update).send_for(who).await?).await
}

/// Ends the account, and all that is its own.
pub(crate) async fn delete(who: Identity, user: &UserId, password: String) -> Answer<()> {
    let request = DeleteAccountRequest { password: Some(password) };
    Call::delete(&path::user(user)).json(&request).send_for(who).await.map(drop)
}

/// All its living sign-ins.
pub(crate) async fn sign_ins(who: Identity) -> Answer<SignInList> {
    json(Call::get(path::SIGN_INS).send_for(who).await?).await
}

/// Ends one of them.
pub(crate) async fn end_sign_in(who: Identity, id: &str) -> Answer<()> {
    Call::delete(&path::sign_in(id)).send_for(who).await.map(drop)
}

/// Ends all of them but the one that this page is signed in by.
pub(crate) async fn end_other_sign_ins(who: Identity) -> Answer<()> {
    Call::delete(path::SIGN_INS).send_for(who).await.map(drop)
}

/// Its API keys.
pub(crate) async fn api_keys(who: Identity, user: &UserId) -> Answer<ApiKeyList> {
    json(Call::get(&path::api_keys(user)).send_for(who).await?).await
}

/// A new API key. Repeated with the same key of the request, it is one request.
pub(crate) async fn create_api_key(
    who: Identity,
    user: &UserId,
    request: &CreateApiKey,
    key: &str,
) -> Answer<CreatedApiKey> {
    let call = Call::post(&path::api_keys(user)).repeatable(key).json(request);
    json(call.send_for(who).await?).await
}

/// Ends an API key.
pub(crate) async fn revoke_api_key(who: Identity, user: &UserId, id: &str) -> Answer<()> {
    Call::delete(&path::api_key(user, id)).send_for(who).await.map(drop)
}
