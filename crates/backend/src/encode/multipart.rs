//! Frames as `multipart/x-mixed-replace`, framed so that every browser engine paints each
//! frame the moment it arrives.
//!
//! Engines hand a finished part to the picture only when they have read the header block of
//! the *next* part. So the stream opens with the first header block, and every frame goes
//! out as its body followed at once by the boundary and the next header block, without a
//! Content-Length. Nothing is sent twice and no browser is sniffed.

use std::{borrow::Cow, iter};

use once_cell::sync::OnceCell;
use rand::distr::{Alphanumeric, Distribution};

use super::{Chunk, Coding, PerCoding};

/// What separates the parts of a stream. It is random, but no secret: whoever watches can
/// read it and draw it. [`part`] sees to it that no client takes it for more than a picture.
#[derive(Debug)]
pub struct Boundary {
    name: String,
    opening: OnceCell<PerCoding<Chunk>>,
}

/// Begins every boundary. No name in a checked picture has a capital in it, so a boundary
/// stands in text and values only, where XML has a second way to spell it.
const BOUNDARY_START: char = 'B';

/// [`BOUNDARY_START`] as XML may also write it.
const BOUNDARY_START_REFERENCE: &str = "&#66;";

/// Random characters in a boundary: about 140 bits.
const BOUNDARY_LENGTH: usize = 24;

/// Bytes before the first boundary. Chromium holds back the beginning of a cross-origin
/// picture until it has 1,024 bytes to sniff, WebKit holds back 512.
const PADDING_BYTES: usize = 1100;

const PART_HEADERS: &str = "Content-Type: image/svg+xml; charset=utf-8\r\n\r\n";

impl Boundary {
    /// A new boundary.
    pub fn random() -> Self {
        // The start stands nowhere else in it, so no two of its occurrences overlap, and
        // spelling each of them otherwise leaves none.
        let random = Alphanumeric.sample_iter(rand::rng()).map(char::from);
        let random = random.filter(|c| *c != BOUNDARY_START).take(BOUNDARY_LENGTH);
        Self::named(iter::once(BOUNDARY_START).chain(random).collect())
    }

    fn named(name: String) -> Self {
        Self { name, opening: OnceCell::new() }
    }

    /// The media type of a stream that is divided by this boundary.
    pub fn content_type(&self) -> String {
        format!("multipart/x-mixed-replace; boundary={}", self.name)
    }

    /// What a stream begins with: padding, then the first part's header block.
    pub fn opening(&self, coding: Coding) -> &Chunk {
        let made = || {
            let opening = format!("{:PADDING_BYTES$}\r\n--{}\r\n{PART_HEADERS}", "", self.name);
            PerCoding::beginning(opening.as_bytes())
        };
        self.opening.get_or_init(made).of(coding)
    }

    /// The picture in a spelling that does not contain this boundary.
    fn kept_out_of<'a>(&self, svg: &'a str) -> Cow<'a, str> {
        if !svg.contains(&self.name) {
            return Cow::Borrowed(svg);
        }
        let (_, rest) = self.name.split_at(BOUNDARY_START.len_utf8());
        Cow::Owned(svg.replace(&self.name, &format!("{BOUNDARY_START_REFERENCE}{rest}")))
    }
}

/// One frame: its body, and the next part's header block.
pub fn part(boundary: &Boundary, svg: &str) -> Chunk {
    ended(boundary, svg, "\r\n", PART_HEADERS)
}

/// The end of a stream: the last frame again, so that the open part is a whole picture, and
/// the closing boundary, without which WebKit shows a broken image.
pub fn closing(boundary: &Boundary, svg: &str) -> Chunk {
    ended(boundary, svg, "--\r\n", "")
}

fn ended(boundary: &Boundary, svg: &str, line_end: &str, headers: &str) -> Chunk {
    let body = boundary.kept_out_of(svg);
    Chunk::of(body.len() + boundary.name.len() + headers.len() + 8, |part| {
        for text in [&body, "\r\n--", &boundary.name, line_end, headers] {
            part.extend_from_slice(text.as_bytes());
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(chunk: &Chunk) -> String {
        String::from_utf8(chunk.payload().to_vec()).unwrap()
    }

    #[test]
    fn a_stream_is_padding_then_headers_before_bodies() {
        let boundary = Boundary::named("b".to_owned());
        let opening = text(boundary.opening(Coding::Identity));
        let (padding, rest) = opening.split_at(PADDING_BYTES);
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
        let (one, two) = (Boundary::random(), Boundary::random());
        assert_ne!(one.name, two.name);
        assert!(one.name.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(one.name.len() <= 70, "RFC 2046 §5.1.1");
    }

    #[test]
    fn whoever_draws_the_boundary_draws_just_that() {
        for _ in 0..200 {
            let boundary = Boundary::random();
            let rest = &boundary.name[1..];
            let svg = format!("<svg id='{0}'>--{0}--{0}{0}{rest}</svg>", boundary.name);
            let part = text(&part(&boundary, &svg));
            assert_eq!(part.matches(&boundary.name).count(), 1, "{part:?}");
            let (picture, _) = part.split_once("\r\n--").unwrap();
            assert_eq!(picture.replace("&#66;", "B"), svg);
        }
    }
}
