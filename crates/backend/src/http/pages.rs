//! The page: files that were built into the program, already compressed.

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::{Embed, EmbeddedFile};

use super::{App, coding::Codings, error::ApiError, extract::Segments};

#[derive(Embed)]
#[folder = "../frontend/dist"]
struct Files;

const INDEX: &str = "index.html";
const ASSETS: &str = "/assets/{file}";

/// Its own scripts and styles, pictures that it made from frames, and no one else's anything.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
                           style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The names of assets change with their content, so a copy is good for ever.
const ASSET_CACHING: &str = "public, max-age=31536000, immutable";

/// Paths of which a page is never the answer.
const NOT_PAGES: &[&str] = &["/api", "/stream", "/.well-known", "/assets", "/health", "/ready"];

/// What a server answers whose page was not built into it.
const NO_PAGE: &str = "<!doctype html><title>Easel</title><p>This server was built without its \
                       page. <code>cargo easel</code> builds both.";

pub(super) fn routes() -> Router<App> {
    Router::new().route(ASSETS, get(asset))
}

async fn asset(segments: Segments, headers: HeaderMap) -> Result<Response, ApiError> {
    let name = format!("assets/{}", segments.segment("file"));
    let caching = [(header::CACHE_CONTROL, ASSET_CACHING)];
    Ok((caching, file(&name, &headers).ok_or(ApiError::NotFound)?).into_response())
}

/// Answers whatever no route takes: a browser that navigates gets the page, which knows its
/// own paths; everyone else a 404.
pub(super) async fn fallback(request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path();
    let reserved = NOT_PAGES.iter().any(|prefix| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let accepts_html = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !reads || reserved || !(accepts_html || path == "/") {
        return Err(ApiError::NotFound);
    }
    let page = file(INDEX, request.headers())
        .unwrap_or_else(|| axum::response::Html(NO_PAGE).into_response());
    let headers = [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        // Names the newest assets: an upgrade is seen at the next visit.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, page).into_response())
}

/// A file in the smallest form that the client takes.
fn file(name: &str, request: &HeaderMap) -> Option<Response> {
    let codings = Codings::of(request);
    let compressed = |coding, suffix| {
        codings
            .take(coding)
            .then(|| Files::get(&format!("{name}{suffix}")))
            .flatten()
            .map(|file| (file, Some(coding)))
    };
    let (file, coding) = compressed("br", ".br")
        .or_else(|| compressed("gzip", ".gz"))
        .or_else(|| Files::get(name).map(|file| (file, None)))?;
    Some(send(name, file, coding))
}

fn send(name: &str, file: EmbeddedFile, coding: Option<&'static str>) -> Response {
    let content_type = match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "wasm")) => "application/wasm",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let headers = [(header::CONTENT_TYPE, content_type), (header::VARY, "Accept-Encoding")];
    let mut response = (headers, file.data).into_response();
    if let Some(coding) = coding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}
