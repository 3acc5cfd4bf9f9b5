//! Requests that may be sent again, by the key in their `Idempotency-Key` header. As it reads the
//! body it stands last in a handler, behind whatever says who is asking and what they may do:
//! whoever has no right to a request gets none of its answers either.

use std::{future::Future, marker::PhantomData, sync::Arc};

use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::{FromRef, FromRequest, MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use common::api::ErrorCode;
use utoipa::{
    IntoParams,
    openapi::{
        Required,
        path::{Parameter, ParameterIn},
    },
};

use super::json::{Understood, whole};
use crate::{
    http::{
        App,
        docs::{Refuses, params, refuses},
        error::{ApiError, Draft, RETRY_AFTER},
        shares::whole_seconds,
    },
    idempotency::{
        Answered, Attempt, Idempotency, IdempotencyError, IdempotencyKey, InvalidKey,
        LARGEST_ANSWER, Once, Outcome, fingerprint,
    },
    store::{Fingerprint, StoredAnswer},
};

/// The header that names a request.
pub(in crate::http) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A request that may be sent again, and its body. `Key` is an [`IdempotencyKey`] where it must
/// have one, and an `Option` of that where it may.
pub(in crate::http) struct Idempotent<Key, Body> {
    body: Body,
    named: Option<Named>,
    idempotency: Arc<Idempotency>,
    key: PhantomData<Key>,
}

/// What a request with a key is known by, beside who sent it.
struct Named {
    key: IdempotencyKey,
    method: String,
    route: String,
    fingerprint: Fingerprint,
}

/// Work: doing once what has a key.
enum DoingOnce {}
refuses!(
    DoingOnce: ValidationFailed, IdempotencyInProgress, IdempotencyKeyReused, StoreUnavailable
);

/// Whether a request must have a key.
pub(in crate::http) trait Keyed {
    /// Whether it must.
    const REQUIRED: bool;
}

impl Keyed for IdempotencyKey {
    const REQUIRED: bool = true;
}

impl Keyed for Option<IdempotencyKey> {
    const REQUIRED: bool = false;
}

impl<Key: Keyed, Body: Refuses> Refuses for Idempotent<Key, Body> {
    fn codes() -> Vec<ErrorCode> {
        let required = Key::REQUIRED.then_some(ErrorCode::IdempotencyKeyRequired);
        let codes = [DoingOnce::codes(), Body::codes()].concat();
        codes.into_iter().chain(required).collect()
    }
}

impl<Key: Keyed, Body> IntoParams for Idempotent<Key, Body> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let required = if Key::REQUIRED { Required::True } else { Required::False };
        vec![params::idempotency_key(required)]
    }
}

impl<Key: Keyed, Body: Understood> FromRequest<App> for Idempotent<Key, Body> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let key = key(&parts.headers, Key::REQUIRED)?;
        let bytes = whole(body, app).await?;
        Ok(Self {
            // What cannot be read is refused before it is looked up.
            body: Body::understood(&parts.headers, &bytes)?,
            named: key.map(|key| Named::new(key, &parts, &bytes)),
            idempotency: Arc::from_ref(app),
            key: PhantomData,
        })
    }
}

/// The key of a request, if it has one.
fn key(headers: &HeaderMap, required: bool) -> Result<Option<IdempotencyKey>, ApiError> {
    let invalid = |detail| ApiError::Invalid { pointer: IDEMPOTENCY_KEY.to_owned(), detail };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return if required { Err(IdempotencyError::KeyRequired.into()) } else { Ok(None) };
    };
    if values.next().is_some() {
        return Err(invalid("is there twice".to_owned()));
    }
    let key = value.to_str().unwrap_or_default().parse();
    key.map(Some).map_err(|error: InvalidKey| invalid(error.to_string()))
}

impl Named {
    fn new(key: IdempotencyKey, parts: &Parts, body: &[u8]) -> Self {
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default();
        let route = parts.extensions.get().map_or(path, MatchedPath::as_str);
        Self {
            fingerprint: fingerprint(&key, parts.method.as_str(), path, query, body),
            key,
            method: parts.method.to_string(),
            route: route.to_owned(),
        }
    }
}

impl<Key, Body> Idempotent<Key, Body> {
    /// Does `work` once for whoever sends this, or gives the answer that it had. Without a key,
    /// does it.
    pub(in crate::http) async fn answer<W>(
        self,
        once: Once,
        work: impl FnOnce(Body, Attempt) -> W + Send + 'static,
    ) -> Result<Response, ApiError>
    where
        Body: Send + 'static,
        W: Future<Output = Result<Response, ApiError>> + Send,
    {
        let Self { body, named, idempotency, .. } = self;
        let Some(Named { key, method, route, fingerprint }) = named else {
            return work(body, Attempt::only()).await;
        };
        let scope = once.scope(&method, &route, &key);
        let work = async move |attempt| {
            let answer = work(body, attempt).await;
            remembered(answer.into_response(), &once).await
        };
        match idempotency.once(scope, fingerprint, work).await? {
            Answered::Now(response) => Ok(response),
            Answered::Before(answer) => Ok(replayed(answer)),
        }
    }
}

/// An answer, and what of it is left to whoever asks again.
async fn remembered(response: Response, once: &Once) -> (Response, Outcome) {
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let outcome = if did_nothing(&response) { Outcome::Nothing } else { Outcome::Unknown };
        return (response, outcome);
    }
    let length = response.body().size_hint().exact();
    if length.is_none_or(|length| length > LARGEST_ANSWER as u64) {
        return (response, Outcome::Unknown);
    }
    let (parts, body) = response.into_parts();
    let bytes = match to_bytes(body, LARGEST_ANSWER).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "an answer broke off");
            return (ApiError::Internal.into_response(), Outcome::Unknown);
        }
    };
    let text = |name| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
    let kept = once.kept(StoredAnswer {
        status: status.as_u16(),
        content_type: text(header::CONTENT_TYPE),
        location: text(header::LOCATION),
        etag: text(header::ETAG),
        body: bytes.to_vec(),
    });
    let outcome = kept.map_or(Outcome::Unknown, Outcome::Answer);
    (Response::from_parts(parts, Body::from(bytes)), outcome)
}

/// Whether a refusal says that nothing was done: all that find fault with the request do, and
/// nothing is stored that was not drawn.
fn did_nothing(response: &Response) -> bool {
    let code = response.extensions().get().map(|draft: &Draft| draft.code);
    let nothing = [Some(ErrorCode::RenderUnavailable), Some(ErrorCode::Busy)];
    response.status().is_client_error() || nothing.contains(&code)
}

/// An answer that was given before.
fn replayed(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    let kept = [
        (header::CONTENT_TYPE, answer.content_type),
        (header::LOCATION, answer.location),
        (header::ETAG, answer.etag),
    ];
    for (name, value) in kept {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// What a client is told of why its request is not answered.
pub(in crate::http) fn draft(error: IdempotencyError) -> Draft {
    let field = |code, detail| Draft::field(code, IDEMPOTENCY_KEY, detail);
    match error {
        IdempotencyError::KeyRequired => field(
            ErrorCode::IdempotencyKeyRequired,
            "send a new random name, such as a UUID, and the same one if you have to try again",
        ),
        IdempotencyError::InProgress(left) => {
            let detail = "the first request with this key is being worked on; ask again soon";
            // Most are done long before their time has run out.
            let wait = whole_seconds(left).clamp(1, RETRY_AFTER);
            let draft = field(ErrorCode::IdempotencyInProgress, detail);
            Draft { retry_after: Some(wait), ..draft }
        }
        IdempotencyError::Reused => field(
            ErrorCode::IdempotencyKeyReused,
            "this key was sent with another path, query or body; a new request needs a new key",
        ),
        IdempotencyError::Store(error) => ApiError::Session(error.into()).draft(),
        IdempotencyError::Defect(error) => ApiError::Session(error.into()).draft(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Json;
    use serde_json::json;

    use crate::{http::error, session::SessionError, store::StoreError};

    fn read(values: &[&'static str], required: bool) -> Result<Option<IdempotencyKey>, ApiError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        key(&headers, required)
    }

    #[test]
    fn a_key_stands_in_one_header() {
        let same = Some("a-1".parse().unwrap());
        for required in [true, false] {
            assert_eq!(read(&["a-1"], required).unwrap(), same);
            assert_eq!(read(&["\"a-1\""], required).unwrap(), same);
            for bad in [&["a-1", "a-1"][..], &[""], &["a 1"], &["a-1, a-2"], &["ä"]] {
                let refused = read(bad, required).unwrap_err().draft();
                assert_eq!(refused.code, ErrorCode::ValidationFailed, "{bad:?}");
                assert_eq!(refused.errors[0].pointer, "Idempotency-Key");
            }
        }
    }

    #[test]
    fn who_must_have_a_key_is_told_so() {
        assert_eq!(read(&[], false).unwrap(), None);
        let refused = read(&[], true).unwrap_err().draft();
        assert_eq!(refused.code, ErrorCode::IdempotencyKeyRequired);
        assert_eq!(refused.errors[0].pointer, "Idempotency-Key");
        let document = |codes: Vec<ErrorCode>, parameters: Vec<Parameter>| {
            let required = parameters[0].required == Required::True;
            (codes.contains(&ErrorCode::IdempotencyKeyRequired), required)
        };
        type Body = crate::http::extract::Json<()>;
        type Must = Idempotent<IdempotencyKey, Body>;
        type May = Idempotent<Option<IdempotencyKey>, Body>;
        assert_eq!(document(Must::codes(), Must::into_params(|| None)), (true, true));
        assert_eq!(document(May::codes(), May::into_params(|| None)), (false, false));
    }

    fn once() -> Once {
        Once::for_network([192, 0, 2, 7].into())
    }

    async fn text(response: Response) -> String {
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_given_again_as_it_was() {
        let headers =
            [("location", "/a/b"), ("etag", "\"1-1\""), ("ratelimit", "r=1"), ("vary", "x")];
        let answer = (StatusCode::CREATED, headers, Json(json!({ "id": 1 }))).into_response();
        let (now, outcome) = remembered(answer, &once()).await;
        assert_eq!(now.headers().len(), 5);
        let Outcome::Answer(kept) = outcome else { panic!("{outcome:?}") };
        let again = replayed(kept);
        assert_eq!(again.status(), now.status());
        for name in ["content-type", "location", "etag"] {
            assert_eq!(again.headers()[name], now.headers()[name]);
        }
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(again.headers().len(), 4);
        assert_eq!(text(now).await, "{\"id\":1}");
        assert_eq!(text(again).await, "{\"id\":1}");

        let (_, outcome) = remembered(StatusCode::NO_CONTENT.into_response(), &once()).await;
        let Outcome::Answer(kept) = outcome else { panic!("{outcome:?}") };
        assert_eq!(replayed(kept).headers().len(), 1);
    }

    #[tokio::test]
    async fn a_refusal_frees_its_key_and_a_failure_does_not() {
        let lost = || StoreError::Corrupt("disk");
        for (refusal, outcome) in [
            (ApiError::InvalidCursor, Outcome::Nothing),
            (ApiError::AuthRequired, Outcome::Nothing),
            (SessionError::Exists.into(), Outcome::Nothing),
            (crate::render::RenderError::Worker.into(), Outcome::Nothing),
            (ApiError::Internal, Outcome::Unknown),
            (SessionError::Store(lost()).into(), Outcome::Unknown),
        ] {
            let said = format!("{refusal:?}");
            assert_eq!(remembered(refusal.into_response(), &once()).await.1, outcome, "{said}");
        }
        let defect = error::panicked(Box::new(()));
        assert_eq!(remembered(defect, &once()).await.1, Outcome::Unknown);
    }

    #[tokio::test]
    async fn what_is_too_large_to_be_kept_is_answered_all_the_same() {
        let large = "x".repeat(LARGEST_ANSWER + 1);
        let (now, outcome) = remembered(large.clone().into_response(), &once()).await;
        assert_eq!(outcome, Outcome::Unknown);
        assert!(text(now).await == large, "it is cut off");
        let endless = Body::from_stream(tokio_stream::iter([Ok::<_, std::io::Error>("x")]));
        let (now, outcome) = remembered(endless.into_response(), &once()).await;
        assert_eq!(outcome, Outcome::Unknown);
        assert_eq!(text(now).await, "x");
    }
}
