//! Which codings of an answer a client takes (RFC 9110 §12.5.3).

use axum::http::{HeaderMap, header};

/// What a client says of codings.
pub(super) struct Codings<'a>(Vec<(&'a str, f32)>);

impl<'a> Codings<'a> {
    /// Those of a request. What cannot be read is not taken.
    pub(super) fn of(request: &'a HeaderMap) -> Self {
        let lines = request.get_all(header::ACCEPT_ENCODING).iter();
        let offers = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        Self(offers.filter_map(offer).collect())
    }

    /// How much a coding is liked, from 0 for not at all to 1.
    fn quality(&self, coding: &str) -> f32 {
        let named = |name: &str| {
            let found = self.0.iter().find(|(offer, _)| offer.eq_ignore_ascii_case(name));
            found.map(|(_, quality)| *quality)
        };
        named(coding).or_else(|| named("*")).unwrap_or(0.0)
    }

    /// Whether an answer may be, and is best, in this coding rather than as it is.
    pub(super) fn take(&self, coding: &str) -> bool {
        let plain = self.0.iter().find(|(offer, _)| offer.eq_ignore_ascii_case("identity"));
        let quality = self.quality(coding);
        quality > 0.0 && plain.is_none_or(|(_, plain)| quality >= *plain)
    }
}

/// `name` or `name;q=0.5`.
fn offer(text: &str) -> Option<(&str, f32)> {
    let (name, weight) = text.split_once(';').map_or((text, None), |(n, w)| (n, Some(w)));
    let quality = match weight.map(|weight| weight.trim().split_once('=')) {
        None => 1.0,
        Some(Some((q, quality))) if q.trim().eq_ignore_ascii_case("q") => {
            quality.trim().parse().ok().filter(|quality| (0.0..=1.0).contains(quality))?
        }
        Some(_) => return None,
    };
    let name = name.trim();
    // An old name for the same (RFC 9110 §8.4.1.3).
    Some((if name.eq_ignore_ascii_case("x-gzip") { "gzip" } else { name }, quality))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn gzip_is_taken_where_it_is_allowed_and_not_less_liked_than_plain() {
        for (accepted, takes) in [
            (&["gzip"][..], true),
            (&["gzip, deflate, br, zstd"], true),
            (&["br", "GZIP;q=0.1"], true),
            (&["x-gzip"], true),
            (&["*"], true),
            (&["gzip ; q=0.5 , *;q=0"], true),
            (&["identity;q=0.5, gzip;q=0.5"], true),
            (&[], false),
            (&[""], false),
            (&["br"], false),
            (&["gzip;q=0"], false),
            (&["gzip;q=0.000"], false),
            (&["*;q=0"], false),
            (&["gzip;q=0, *"], false),
            (&["identity, gzip;q=0.5"], false),
            (&["gzip;q=2"], false),
            (&["gzip;q=x"], false),
            (&["gzip;level=9"], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in accepted {
                headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
            }
            assert_eq!(Codings::of(&headers).take("gzip"), takes, "{accepted:?}");
        }
    }
}
