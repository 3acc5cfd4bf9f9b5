//! The server, as functions: one for each endpoint, with the types that both sides share.

pub(crate) mod account;
pub(crate) mod admin;
mod call;

use common::{
    SessionAddress, SessionId, UserId,
    api::{
        CreateSession, RenderRequest, ServerInfo, Session, SessionList, TemplateList, Ticket,
        Token, TokenRequest, UpdateSession, UserSessionRef,
    },
    path,
};

use crate::identity::Identity;
use call::{Call, json, text};

pub(crate) use call::{Answer, ApiError};

/// What this server offers.
pub(crate) async fn server() -> Answer<ServerInfo> {
    json(Call::get(path::SERVER).send().await?).await
}

/// A token for a user.
pub(crate) async fn mint(request: &TokenRequest) -> Answer<Token> {
    json(Call::post(path::TOKEN).json(request).send().await?).await
}

/// The gallery.
pub(crate) async fn templates() -> Answer<TemplateList> {
    json(Call::get(path::TEMPLATES).send().await?).await
}

/// The SVG that a template makes of its args; nothing is kept.
pub(crate) async fn render(request: &RenderRequest) -> Answer<String> {
    text(Call::post(path::RENDER).json(request).send().await?).await
}

/// A page of a user's sessions, newest first.
pub(crate) async fn sessions(
    who: Identity,
    user: &UserId,
    cursor: Option<&str>,
) -> Answer<SessionList> {
    let call = Call::get(&path::user_sessions(user)).query("cursor", cursor);
    json(call.send_for(who).await?).await
}

/// A new session. Repeated with the same key, it is one request.
pub(crate) async fn create(
    who: Identity,
    user: &UserId,
    session: &CreateSession,
    key: &str,
) -> Answer<UserSessionRef> {
    let call = Call::post(&path::user_session_create(user)).repeatable(key).json(session);
    json(call.send_for(who).await?).await
}

/// A whole session.
pub(crate) async fn session(who: Identity, address: &SessionAddress) -> Answer<Session> {
    json(Call::get(&path::session(address)).send_for(who).await?).await
}

/// Changes a session that still has the entity tag `seen`, and says which it has now.
pub(crate) async fn update(
    who: Identity,
    address: &SessionAddress,
    update: &UpdateSession,
    seen: Option<&str>,
) -> Answer<Option<String>> {
    let call = Call::put(&path::session(address)).header("If-Match", seen).json(update);
    Ok(call.send_for(who).await?.headers().get("ETag"))
}

/// Ends a session.
pub(crate) async fn delete(who: Identity, user: &UserId, id: &SessionId) -> Answer<()> {
    let address = SessionAddress::owned(user.clone(), id.clone());
    Call::delete(&path::session(&address)).send_for(who).await.map(drop)
}

/// A right to open one stream of a session of one's own: an `EventSource` sends no token.
pub(crate) async fn ticket(who: Identity, address: &SessionAddress) -> Answer<Ticket> {
    json(Call::post(&path::ticket(address)).send_for(who).await?).await
}

/// The current frame of a session of one's own, as SVG.
pub(crate) async fn picture(who: Identity, address: &SessionAddress) -> Answer<String> {
    text(Call::get(&snapshot(address)).send_for(who).await?).await
}

/// Where the current frame of a session is, once, as SVG.
pub(crate) fn snapshot(address: &SessionAddress) -> String {
    format!("{}.svg", path::stream(address))
}
