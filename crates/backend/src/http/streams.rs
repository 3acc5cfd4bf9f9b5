//! Live pictures over HTTP: one URL, and what comes back depends on who asks.

use std::convert::Infallible;

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use common::{Revision, path};
use tokio_stream::StreamExt;

use super::{
    App,
    coding::Codings,
    cors::EXPOSED,
    docs::{Finding, Pictures, Refusals, reads, refuses},
    error::ApiError,
    extract::{IfNoneMatch, MaybeCaller, Proof, Query, Readable, Watching, last_event_id},
    form::{Form, How},
    shares::Shares,
};
use crate::{
    delivery::{Exit, Live},
    encode::{Coding, Format, sse},
    limit::Limit,
    render::{Size, page},
    session::SessionError,
};

/// What a picture may do in a browser that opens it by itself: be drawn.
pub(super) const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                              font-src data:; sandbox";

/// The tag of a bitmap: other bytes in another size, and so another tag.
fn bitmap_tag(revision: Revision, size: Size) -> String {
    match size {
        Size::Scale(1.0) => format!("\"{revision}.png\""),
        Size::Scale(scale) => format!("\"{revision}.{scale}x.png\""),
        Size::Width(width) => format!("\"{revision}.{width}w.png\""),
    }
}

/// Work: sending a picture in a form of one's choice.
enum Sending {}
refuses!(
    Sending: TooManyViewers, RenderLimit, RenderFailed, RenderUnavailable, NodeFull, Draining
);

/// Watches a session of a user
///
/// One URL for every viewer: an `<img>` gets `multipart/x-mixed-replace`, a browser's tab a
/// page, everything else server-sent events; `?as=` chooses by hand. Each event is unnamed,
/// carries the SVG as its data and its revision as its id; the last event is `end` with
/// `{"reason": "deleted|expired|revoked|draining"}`. With `.svg` or `.png` after the session
/// id the current frame comes once, with an `ETag`; `scale` or `width` say how large a PNG is to
/// be.
#[utoipa::path(
    get, path = path::USER_STREAM, tag = "Streams", operation_id = "watchSession",
    security((), ("bearer" = []), ("cookie" = []), ("ticket" = [])),
    params(Readable, How, IfNoneMatch),
    responses(Pictures, Refusals<(Readable, Sending)>)
)]
pub(super) async fn owned(
    readable: Readable,
    State(app): State<App>,
    shares: Shares,
    method: Method,
    known: IfNoneMatch,
    headers: HeaderMap,
    exit: Option<Extension<Exit>>,
) -> Result<Response, ApiError> {
    let exit = exit.map(|Extension(exit)| exit);
    let asker = Asker { shares, method, headers, exit };
    answer(readable, &app, &known, &asker).await
}

/// What names a public picture.
enum PublicPicture {}
reads!(PublicPicture: watched_id, last_event_id);

/// Watches a public session
///
/// As `watchSession` does for a session of a user; everyone may.
#[utoipa::path(
    get, path = path::PUBLIC_STREAM, tag = "Streams", operation_id = "watchPublicSession",
    params(PublicPicture, How, IfNoneMatch),
    responses(Pictures, Refusals<(MaybeCaller, Finding, Query<How>, Sending)>)
)]
pub(super) async fn public(
    readable: Readable,
    app: State<App>,
    shares: Shares,
    method: Method,
    known: IfNoneMatch,
    headers: HeaderMap,
    exit: Option<Extension<Exit>>,
) -> Result<Response, ApiError> {
    owned(readable, app, shares, method, known, headers, exit).await
}

/// Who asks for a stream, as far as the answer depends on it.
struct Asker {
    shares: Shares,
    method: Method,
    headers: HeaderMap,
    exit: Option<Exit>,
}

async fn answer(
    Readable(readable): Readable,
    app: &App,
    known: &IfNoneMatch,
    Asker { shares, method, headers, exit }: &Asker,
) -> Result<Response, ApiError> {
    let Watching { shown, place, form, size, proof } = match readable {
        Ok(watching) => watching,
        // A browser's EventSource that comes back: 204 is how it is told to stop.
        Err(SessionError::NotFound) if headers.contains_key("last-event-id") => {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Err(error) => return Err(error.into()),
    };
    let streams = form.is_live();
    if streams && app.hub.is_draining() {
        return Err(ApiError::Draining);
    }
    // Whoever asks for the head alone does not stay.
    let stays = streams && method != Method::HEAD;
    let seat = stays.then(|| shares.seat(&shown.address)).transpose()?;
    let begin = |format, knows| {
        let compresses = app.config.stream_compression && Codings::of(headers).take("gzip");
        let coding = if compresses { Coding::Gzip } else { Coding::Identity };
        Live::begin(seat, place, format, coding, knows)
            // It went away in this very moment, and a stream of parts cannot say so.
            .ok_or(SessionError::NotFound)
    };
    let exit = exit.as_ref().filter(|_| stays);
    let mut response = match form {
        Form::Sse => send(begin(Format::Sse, last_event_id(headers))?, sse::CONTENT_TYPE, exit),
        Form::Multipart => {
            let live = begin(Format::Multipart, None)?;
            let content_type = live.shown().map(|shown| shown.boundary().content_type());
            send(live, &content_type.unwrap_or_default(), exit)
        }
        Form::Html => watch_page(&shown.address.to_string(), &path::stream(&shown.address))?,
        Form::Svg => {
            let svg = shown.frame.svg.clone();
            snapshot(&shown.frame.revision.etag(), known, "image/svg+xml; charset=utf-8", async {
                Ok(Bytes::copy_from_slice(svg.as_bytes()))
            })
            .await?
        }
        Form::Png => {
            let etag = bitmap_tag(shown.frame.revision, size);
            let png = async {
                shares.take_of_address(Limit::RendersPerAddress).await?;
                Ok(app.sessions.snapshot(&shown.frame, size).await?.into())
            };
            snapshot(&etag, known, "image/png", png).await?
        }
    };
    // A ticket is used up by what shows the picture: not by a question what would come, by the
    // page around the picture, or by an answer that the client has it already.
    let shows = form != Form::Html && method != Method::HEAD && response.status().is_success();
    if let (true, Proof::Ticket { ticket, .. }) = (shows, &proof) {
        app.tickets.redeem(ticket, &shown.address).await?;
    }
    let headers = response.headers_mut();
    if form != Form::Html {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PICTURE_POLICY));
    }
    share(headers, &proof);
    Ok(response)
}

/// Says which other sites may have the picture, and which caches. What a browser sent by
/// itself opens it to the pages of the same site only; whoever put a ticket into a URL meant
/// the page that loads it, wherever that is. A token in a header is for the sites that the
/// configuration names, which [`super::cors`] knows.
fn share(headers: &mut HeaderMap, proof: &Proof) {
    let mut add = |name, value| headers.insert(name, HeaderValue::from_static(value));
    let resource_policy = HeaderName::from_static("cross-origin-resource-policy");
    match proof {
        Proof::NotNeeded | Proof::Ticket { .. } => {
            add(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
            add(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            add(resource_policy, "cross-origin");
        }
        Proof::Header | Proof::Cookie => {
            add(resource_policy, "same-site");
        }
    }
    match proof {
        Proof::NotNeeded => {
            add(header::VARY, "Accept, Accept-Encoding, Sec-Fetch-Dest");
        }
        Proof::Header | Proof::Ticket { .. } | Proof::Cookie => {
            add(
                header::VARY,
                "Accept, Accept-Encoding, Sec-Fetch-Dest, Sec-Fetch-Site, Authorization, Cookie",
            );
            if headers.contains_key(header::ETAG) {
                headers
                    .insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
            }
        }
    }
}

async fn snapshot(
    etag: &str,
    known: &IfNoneMatch,
    content_type: &'static str,
    picture: impl Future<Output = Result<Bytes, ApiError>>,
) -> Result<Response, ApiError> {
    let caching = [(header::ETAG, etag), (header::CACHE_CONTROL, "no-cache")];
    if known.has(etag) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    Ok((caching, [(header::CONTENT_TYPE, content_type)], picture.await?).into_response())
}

fn watch_page(title: &str, stream: &str) -> Result<Response, ApiError> {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let html = page::watch(title, stream, &nonce).map_err(|error| {
        tracing::error!(%error, "the watch page does not render");
        ApiError::Internal
    })?;
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'"
    );
    Ok(([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response())
}

/// Sends a stream: out by the exit, where there is one.
fn send(live: Live, content_type: &str, exit: Option<&Exit>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies that gather an answer before they pass it on would gather for ever.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let coding = match live.coding() {
        Coding::Identity => None,
        Coding::Gzip => Some([(header::CONTENT_ENCODING, "gzip")]),
    };
    let body = match exit {
        Some(exit) => {
            exit.leave(live);
            Body::empty()
        }
        None => Body::from_stream(live.into_body().map(Ok::<_, Infallible>)),
    };
    (headers, coding, body).into_response()
}
