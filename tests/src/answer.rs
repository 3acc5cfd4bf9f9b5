//! What a server answered, with the questions that stories ask of it.

use backend::telemetry::trace::TraceContext;
use bytes::Bytes;
use common::{
    Revision,
    api::{ErrorCode, Problem},
};
use reqwest::{Method, Response, header::HeaderMap};
use serde_json::Value;

use crate::document::{Answered, Document};

/// Words that would tell a client what the server is made of.
const INTERNALS: &[&str] = &["sqlx", "sqlite", "tokio", "axum", "serde", "panicked", "src/", ".rs"];

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    path: String,
}

impl Answer {
    /// Reads an answer to its end, and checks what every answer must have.
    ///
    /// # Panics
    /// When it breaks off or has no name.
    pub async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let path = response.url().path().to_owned();
        let body = response.bytes().await.expect("a whole answer");
        let answer = Self { status, headers, body, path };
        answer.is_guarded();
        answer
    }

    /// Insists that the OpenAPI document promises this answer to a request of `method`.
    pub(crate) fn is_promised_for(&self, method: &Method) {
        let Self { status, headers, body, path } = self;
        Document::of_easel().holds(Answered {
            method,
            path,
            status: *status,
            headers,
            body: Some(body),
        });
    }

    /// What every answer carries, whatever it is about: the names of its request, what a
    /// browser may make of it, and nothing of what made it.
    fn is_guarded(&self) {
        assert!(!self.header("x-request-id").is_empty(), "{self:?}");
        assert!(TraceContext::parse(self.header("traceparent")).is_some(), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        let from = self.header("cross-origin-resource-policy");
        assert!(matches!(from, "same-origin" | "same-site" | "cross-origin"), "{self:?}");
        assert!(self.header("permissions-policy").contains("camera=()"));
        assert!(self.header("content-security-policy").starts_with("default-src 'none'"));
        for telltale in ["server", "x-powered-by", "via"] {
            assert_eq!(self.find_header(telltale), None);
        }
    }

    /// Insists on a status.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// A header, which must be there.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        match self.find_header(name) {
            Some(value) => value,
            None => panic!("no {name} in {} {:?}", self.status, self.headers),
        }
    }

    /// A header that may be there.
    ///
    /// # Panics
    /// When it is no text.
    pub fn find_header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of plain text"))
    }

    /// The revision in the `ETag`, which must be strong.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn revision(&self) -> Revision {
        let etag = self.header("etag");
        let revision: Revision = etag.trim_matches('"').parse().expect("a revision in the ETag");
        assert_eq!(etag, revision.etag());
        revision
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body of text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert!(self.header("content-type").contains("json"), "{self:?}");
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// Insists on a refusal with this code, in the form that every refusal has.
    ///
    /// # Panics
    /// When it is anything else.
    #[track_caller]
    pub fn refuses(&self, code: ErrorCode) -> Problem {
        let text = self.text();
        assert_eq!(self.header("content-type"), "application/problem+json", "{text}");
        let problem: Problem = serde_json::from_slice(&self.body).expect("a problem");
        assert_eq!(problem.code, code, "{text}");
        assert_eq!((self.status, problem.status), (code.status(), code.status()), "{text}");
        assert_eq!(problem.title, code.title());
        assert_eq!(problem.kind, "about:blank");
        assert_eq!(problem.instance, self.path);
        assert!(!problem.detail.is_empty());
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        assert!(problem.trace_id.len() == 32 && problem.trace_id.bytes().all(hex), "{text}");
        for internal in INTERNALS {
            assert!(!text.to_lowercase().contains(internal), "{internal} in {text}");
        }
        problem
    }

    /// Insists on a refusal that points at the field at fault.
    ///
    /// # Panics
    /// When it is anything else.
    #[track_caller]
    pub fn refuses_at(&self, code: ErrorCode, pointer: &str) -> Problem {
        let problem = self.refuses(code);
        let fault = problem.errors.first().unwrap_or_else(|| panic!("no field: {problem:?}"));
        assert_eq!(fault.pointer, pointer, "{problem:?}");
        assert!(!fault.detail.is_empty());
        problem
    }
}
