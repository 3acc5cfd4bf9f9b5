//! One call to the server, and what it comes to.

use std::fmt;

use common::api::{ErrorCode, Problem};
use gloo_net::http::{Method, Request, RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Blob};

use crate::{identity::Identity, wording::sentence};

/// Why a call did not do what it should.
#[derive(Debug, Clone)]
pub(crate) enum ApiError {
    /// The server said why.
    Problem(Box<Problem>),
    /// There was an answer, but not one of ours: a proxy's, or a much newer server's.
    Strange(u16),
    /// There was no answer.
    Unreachable,
}

impl ApiError {
    /// The server's code, if it gave one.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Whether the server says that there is no such thing (any more).
    pub(crate) fn is_gone(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the server says that this is not (or no longer) one's own.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Whether the server says no, and would say it again: not that it is busy or broken.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.status(), Some(400..=404))
    }

    /// Whether the server says which part of what was sent is at fault.
    pub(crate) fn has_faults(&self) -> bool {
        matches!(self, Self::Problem(problem) if !problem.errors.is_empty())
    }

    /// Whether the token was not taken. A wrong password is another thing.
    fn is_about_the_token(&self) -> bool {
        self.status() == Some(401) && self.code() != Some(ErrorCode::AuthCredentialsInvalid)
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            Self::Strange(status) => Some(*status),
            Self::Unreachable => None,
        }
    }
}

/// What to tell the person who waits for the answer.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => match problem.errors.first() {
                Some(first) => f.write_str(&sentence(&first.detail)),
                None => write!(f, "{} {}", sentence(&problem.title), sentence(&problem.detail)),
            },
            Self::Strange(status) => {
                write!(f, "The server's answer (status {status}) makes no sense to this page.")
            }
            Self::Unreachable => f.write_str("The server cannot be reached just now."),
        }
    }
}

/// What a call to the server comes to.
pub(crate) type Answer<T> = Result<T, ApiError>;

/// A call that is to be made, as often as it takes. Without `Debug`: there may be a password
/// in it.
pub(super) struct Call {
    method: Method,
    url: String,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
    patience: Option<u32>,
}

impl Call {
    fn new(method: Method, url: &str) -> Self {
        let (query, headers) = (Vec::new(), Vec::new());
        Self { method, url: url.to_owned(), query, headers, body: None, patience: None }
    }

    pub(super) fn get(url: &str) -> Self {
        Self::new(Method::GET, url)
    }

    pub(super) fn post(url: &str) -> Self {
        Self::new(Method::POST, url)
    }

    pub(super) fn put(url: &str) -> Self {
        Self::new(Method::PUT, url)
    }

    pub(super) fn patch(url: &str) -> Self {
        Self::new(Method::PATCH, url)
    }

    pub(super) fn delete(url: &str) -> Self {
        Self::new(Method::DELETE, url)
    }

    /// With a parameter, if there is something to say in it.
    pub(super) fn query(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// With a header, if there is something to say in it.
    pub(super) fn header(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.headers.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// Known by this key when it is made once more, so that it is done once.
    pub(super) fn repeatable(self, key: &str) -> Self {
        self.header("Idempotency-Key", Some(key))
    }

    /// With a body.
    pub(super) fn json(mut self, content: &impl Serialize) -> Self {
        // What cannot be written is not sent, and the server says that it misses it.
        self.body = serde_json::to_string(content).ok();
        self
    }

    /// Given up after so many milliseconds, instead of when the connection is.
    pub(super) fn within(mut self, milliseconds: u32) -> Self {
        self.patience = Some(milliseconds);
        self
    }

    /// Makes the call, for nobody in particular.
    pub(super) async fn send(self) -> Answer<Response> {
        self.send_with(None).await
    }

    /// Makes the call for whoever is signed in.
    ///
    /// A token that is not taken is renewed, and the call made once more. If that does not
    /// help, the sign-in is over, wherever on the page it happened.
    pub(super) async fn send_for(self, who: Identity) -> Answer<Response> {
        let token = who.token();
        let answer = self.send_with(token.as_deref()).await;
        let Some(stale) = token.filter(|_| is_about_the_token(&answer)) else {
            return answer;
        };
        if !who.renew(&stale).await? {
            return answer;
        }
        let answer = self.send_with(who.token().as_deref()).await;
        if is_about_the_token(&answer) {
            who.refused();
        }
        answer
    }

    async fn send_with(&self, token: Option<&str>) -> Answer<Response> {
        let request = self.request(token).map_err(|_| ApiError::Unreachable)?;
        let response = request.send().await.map_err(|_| ApiError::Unreachable)?;
        if response.ok() {
            return Ok(response);
        }
        let status = response.status();
        Err(json(response).await.map_or(ApiError::Strange(status), ApiError::Problem))
    }

    fn request(&self, token: Option<&str>) -> Result<Request, gloo_net::Error> {
        let query = self.query.iter().map(|(name, value)| (*name, value));
        let mut request = RequestBuilder::new(&self.url).method(self.method.clone()).query(query);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(token) = token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        if let Some(milliseconds) = self.patience {
            let end = AbortSignal::timeout_with_u32(milliseconds);
            request = request.abort_signal(Some(&end));
        }
        match &self.body {
            Some(body) => request.header("Content-Type", "application/json").body(body),
            None => request.build(),
        }
    }
}

fn is_about_the_token<T>(answer: &Answer<T>) -> bool {
    answer.as_ref().is_err_and(ApiError::is_about_the_token)
}

/// Reads an answer.
pub(super) async fn json<T: DeserializeOwned>(response: Response) -> Answer<T> {
    let status = response.status();
    let text = response.text().await.map_err(|_| ApiError::Unreachable)?;
    serde_json::from_str(&text).map_err(|_| ApiError::Strange(status))
}

/// Reads an answer that is no JSON.
pub(super) async fn text(response: Response) -> Answer<String> {
    response.text().await.map_err(|_| ApiError::Strange(response.status()))
}

/// Takes an answer as a file, which may be larger than one would hold in hands.
pub(super) async fn file(response: Response) -> Answer<Blob> {
    let status = response.status();
    let blob = web_sys::Response::from(response).blob().map_err(|_| ApiError::Strange(status))?;
    let blob = JsFuture::from(blob).await.map_err(|_| ApiError::Unreachable)?;
    blob.dyn_into().map_err(|_| ApiError::Strange(status))
}
