//! The head of an answer whose body is a stream (RFC 9112 §4, §5).

use axum::http::{HeaderMap, HeaderValue, header, response::Parts};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// RFC 9110 §5.6.7.
const DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// The head as it stands on the wire. The body that follows is chunked, and the connection is
/// for nothing else: what comes behind the request is not answered.
pub(super) fn written(parts: &Parts, now: OffsetDateTime) -> Vec<u8> {
    let mut headers = parts.headers.clone();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(date) = date(now) {
        headers.insert(header::DATE, date);
    }
    let status = parts.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    append(&mut head, &headers);
    head.extend_from_slice(b"\r\n");
    head
}

/// A header's name and value hold no line end: their types see to that.
fn append(head: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(piece);
        }
    }
}

fn date(now: OffsetDateTime) -> Option<HeaderValue> {
    HeaderValue::try_from(now.to_utc().format(DATE).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, response::Response};

    #[test]
    fn a_head_is_a_status_line_and_headers() {
        let response = Response::builder()
            .header(header::CONTENT_TYPE, "text/event-stream")
            .header(header::VARY, "Accept")
            .header(header::VARY, "Origin")
            .header(header::CONTENT_LENGTH, "0")
            .body(Body::empty())
            .unwrap();
        let (parts, _) = response.into_parts();
        let now = OffsetDateTime::from_unix_timestamp(784_111_777).unwrap();
        let head = String::from_utf8(written(&parts, now)).unwrap();
        let mut lines: Vec<_> = head.strip_suffix("\r\n\r\n").unwrap().split("\r\n").collect();
        assert_eq!(lines.remove(0), "HTTP/1.1 200 OK");
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "connection: close",
                "content-type: text/event-stream",
                "date: Sun, 06 Nov 1994 08:49:37 GMT",
                "transfer-encoding: chunked",
                "vary: Accept",
                "vary: Origin",
            ]
        );
    }
}
