//! People and programs, with verbs over the public API.

use common::{
    Revision, SessionAddress, UserId,
    api::{Session, SessionList},
    path,
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{Answer, Door, Picture, Viewer};

/// Someone who uses a server: with a token, an owner of their own sessions (and a stranger
/// to all others); without one, anyone, who shares the public sessions.
#[derive(Debug, Clone)]
pub struct Actor {
    door: Door,
    user: Option<UserId>,
    token: Option<String>,
}

impl Actor {
    pub(crate) fn new(door: Door, user: Option<UserId>, token: Option<String>) -> Self {
        Self { door, user, token }
    }

    /// The same person at another server, or at the same one after a restart.
    pub fn at(&self, door: &Door) -> Self {
        Self { door: door.clone(), ..self.clone() }
    }

    /// The token.
    ///
    /// # Panics
    /// When there is none.
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("someone with a token")
    }

    /// Where this actor's session of that name lives.
    ///
    /// # Panics
    /// When it is no name.
    pub fn address(&self, id: &str) -> SessionAddress {
        SessionAddress { owner: self.user.clone(), id: id.parse().expect("a session id") }
    }

    /// The path of this actor's session of that name.
    pub fn session(&self, id: &str) -> String {
        path::session(&self.address(id))
    }

    /// The path where this actor creates sessions.
    pub fn space(&self) -> String {
        match &self.user {
            Some(user) => path::user_session_create(user),
            None => path::PUBLIC_SESSION_CREATE.to_owned(),
        }
    }

    /// The path of this actor's list of sessions.
    ///
    /// # Panics
    /// For someone without a name.
    pub fn list(&self) -> String {
        path::user_sessions(self.user.as_ref().expect("an owner"))
    }

    /// A request of this actor's, with the token if there is one.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.door.request(method, path);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.door.send(request).await
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends JSON.
    pub async fn asks(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(self.request(method, path).json(body)).await
    }

    /// Tries to create a session.
    pub async fn creates(&self, body: &Value) -> Answer {
        self.asks(Method::POST, &self.space(), body).await
    }

    /// Creates a session.
    pub async fn draws(&self, id: &str, template: &str, args: Value) -> Revision {
        let body = json!({ "session_id": id, "template": template, "args": args });
        self.creates(&body).await.is(201).revision()
    }

    /// Tries to change a session.
    pub async fn changes(&self, id: &str, body: &Value) -> Answer {
        self.asks(Method::PUT, &self.session(id), body).await
    }

    /// Replaces all args of a session.
    pub async fn puts(&self, id: &str, args: Value) -> Revision {
        let answer = self.changes(id, &json!({ "args": args })).await;
        answer.is(self.changed()).revision()
    }

    /// Tries to merge a patch into the args of a session.
    pub async fn merges(&self, id: &str, patch: &Value) -> Answer {
        self.asks(Method::PATCH, &self.session(id), patch).await
    }

    /// Changes some args of a session.
    pub async fn patches(&self, id: &str, patch: Value) -> Revision {
        self.merges(id, &patch).await.is(self.changed()).revision()
    }

    fn changed(&self) -> u16 {
        if self.user.is_some() { 204 } else { 200 }
    }

    /// Deletes a session.
    pub async fn deletes(&self, id: &str) {
        let request = self.request(Method::DELETE, &self.session(id));
        self.send(request).await.is(204);
    }

    /// Reads a session.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn reads(&self, id: &str) -> Session {
        let answer = self.get(&self.session(id)).await.is(200);
        serde_json::from_value(answer.json()).expect("a session")
    }

    /// Lists the sessions, from the beginning.
    ///
    /// # Panics
    /// When there is no list.
    pub async fn lists(&self) -> SessionList {
        let answer = self.get(&self.list()).await.is(200);
        serde_json::from_value(answer.json()).expect("a list of sessions")
    }

    /// Tries to get a ticket for a session.
    pub async fn asks_for_ticket(&self, id: &str) -> Answer {
        self.send(self.request(Method::POST, &path::ticket(&self.address(id)))).await
    }

    /// Gets a ticket for a session.
    ///
    /// # Panics
    /// When there is none.
    pub async fn gets_ticket(&self, id: &str) -> String {
        let answer = self.asks_for_ticket(id).await.is(200);
        answer.json()["ticket"].as_str().expect("a ticket").to_owned()
    }

    /// Gets the cookie with which a browser may watch: `NAME=VALUE`, as it is sent back.
    ///
    /// # Panics
    /// When there is none.
    pub async fn gets_cookie(&self) -> String {
        let answer = self.send(self.request(Method::POST, path::COOKIE)).await.is(200);
        let (pair, _) = answer.header("set-cookie").split_once(';').expect("attributes");
        pair.to_owned()
    }

    /// A request for the stream of this actor's session, with the token.
    pub fn stream(&self, id: &str) -> RequestBuilder {
        self.request(Method::GET, &path::stream(&self.address(id)))
    }

    /// Watches this actor's own session as events.
    pub async fn watches(&self, id: &str) -> Viewer {
        Viewer::watch(self.stream(id)).await
    }

    /// Watches this actor's own session as an `<img>` does.
    pub async fn looks_at(&self, id: &str) -> Picture {
        Picture::watch(self.stream(id)).await
    }
}
