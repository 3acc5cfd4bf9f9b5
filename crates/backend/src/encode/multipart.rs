//! Frames as `multipart/x-mixed-replace`, framed so that every browser engine paints each
//! frame the moment it arrives.
//!
//! Engines hand a finished part to the picture only when they have read the header block of
//! the *next* part. So the stream opens with the first header block, and every frame goes
//! out as its body followed at once by the boundary and the next header block, without a
//! Content-Length. Nothing is sent twice and no browser is sniffed.

use bytes::Bytes;
use rand::distr::{Alphanumeric, SampleString};

/// What separates the parts of a stream: random, so that no picture can contain it by
/// design, and checked against every picture all the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Boundary(String);

/// Random characters in a boundary: about 140 bits.
const BOUNDARY_LENGTH: usize = 24;

/// Bytes before the first boundary. Chromium holds back the beginning of a cross-origin
/// picture until it has 1,024 bytes to sniff, WebKit holds back 512.
const PADDING_BYTES: usize = 1100;

const PART_HEADERS: &str = "Content-Type: image/svg+xml; charset=utf-8\r\n\r\n";

impl Boundary {
    /// A boundary that does not occur in `svg`.
    pub fn random_for(svg: &str) -> Self {
        loop {
            let boundary = Self(Alphanumeric.sample_string(&mut rand::rng(), BOUNDARY_LENGTH));
            if !boundary.occurs_in(svg) {
                return boundary;
            }
        }
    }

    /// Whether a client could mistake a piece of `svg` for this boundary.
    pub fn occurs_in(&self, svg: &str) -> bool {
        svg.contains(&self.0)
    }

    /// The media type of a stream that is divided by this boundary.
    pub fn content_type(&self) -> String {
        format!("multipart/x-mixed-replace; boundary={}", self.0)
    }
}

/// What a stream begins with: padding, then the first part's header block.
pub fn opening(boundary: &Boundary) -> Bytes {
    format!("{:PADDING_BYTES$}\r\n--{}\r\n{PART_HEADERS}", "", boundary.0).into()
}

/// One frame: its body, and the next part's header block.
pub fn part(boundary: &Boundary, svg: &str) -> Bytes {
    format!("{svg}\r\n--{}\r\n{PART_HEADERS}", boundary.0).into()
}

/// The end of a stream: the last frame again, so that the open part is a whole picture, and
/// the closing boundary, without which WebKit shows a broken image.
pub fn closing(boundary: &Boundary, svg: &str) -> Bytes {
    format!("{svg}\r\n--{}--\r\n", boundary.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_stream_is_padding_then_headers_before_bodies() {
        let boundary = Boundary("b".to_owned());
        let opening = opening(&boundary);
        let (padding, rest) = text(&opening).split_at(PADDING_BYTES);
        assert!(padding.bytes().all(|b| b == b' '));
        assert_eq!(rest, "\r\n--b\r\nContent-Type: image/svg+xml; charset=utf-8\r\n\r\n");
        assert_eq!(
            text(&part(&boundary, "<svg/>")),
            "<svg/>\r\n--b\r\nContent-Type: image/svg+xml; charset=utf-8\r\n\r\n"
        );
        assert_eq!(text(&closing(&boundary, "<svg/>")), "<svg/>\r\n--b--\r\n");
    }

    #[test]
    fn boundaries_differ_and_are_legal() {
        let (one, two) = (Boundary::random_for(""), Boundary::random_for(""));
        assert_ne!(one, two);
        assert!(one.0.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(one.occurs_in(&format!("<svg id='x{}'/>", one.0)));
    }
}
