//! Conditional requests (RFC 9110 §13): entity tags as clients send them.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, header, request::Parts},
};

use crate::{
    http::{
        docs::{reads, refuses},
        error::ApiError,
    },
    session::Expectation,
};

/// `If-Match`: what a write expects to find.
pub(in crate::http) struct IfMatch(pub(in crate::http) Expectation);
refuses!(IfMatch: ValidationFailed, PreconditionFailed);
reads!(IfMatch: if_match);

/// `If-None-Match`: what a reader has already.
pub(in crate::http) struct IfNoneMatch(Tags);
reads!(IfNoneMatch: if_none_match);

#[derive(Debug, Default, PartialEq, Eq)]
enum Tags {
    #[default]
    Absent,
    Any,
    /// The insides of the tags, and whether each is weak.
    Listed(Vec<(String, bool)>),
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let tags = tags(&parts.headers, &header::IF_MATCH).ok_or_else(|| ApiError::Invalid {
            pointer: "If-Match".to_owned(),
            detail: "send an ETag as it was received, quotes included, or *".to_owned(),
        })?;
        Ok(Self(match tags {
            // `*` asks that the session exists, which every write here does anyway.
            Tags::Absent | Tags::Any => Expectation::Anything,
            Tags::Listed(tags) => {
                // A weak tag never matches strongly, and one that is no revision never at all.
                let strong = tags.iter().filter(|(_, weak)| !weak);
                Expectation::OneOf(strong.filter_map(|(tag, _)| tag.parse().ok()).collect())
            }
        }))
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // One that cannot be read only costs the answer that it would have saved.
        Ok(Self(tags(&parts.headers, &header::IF_NONE_MATCH).unwrap_or_default()))
    }
}

impl IfNoneMatch {
    /// Whether the reader has what carries this entity tag. The comparison is weak.
    pub(in crate::http) fn has(&self, etag: &str) -> bool {
        match &self.0 {
            Tags::Absent => false,
            Tags::Any => true,
            Tags::Listed(tags) => tags.iter().any(|(tag, _)| tag == etag.trim_matches('"')),
        }
    }
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Tags> {
    let mut listed = Vec::new();
    for value in headers.get_all(name) {
        let mut rest = value.to_str().ok()?.trim();
        if rest == "*" {
            return Some(Tags::Any);
        }
        loop {
            // RFC 9110 §5.6.1: empty elements of a list mean nothing.
            rest = rest.trim_start_matches([',', ' ', '\t']);
            if rest.is_empty() {
                break;
            }
            let (opaque, weak) = match rest.strip_prefix("W/") {
                Some(opaque) => (opaque, true),
                None => (rest, false),
            };
            // A comma between the quotes is part of the tag.
            let (inside, after) = opaque.strip_prefix('"')?.split_once('"')?;
            listed.push((inside.to_owned(), weak));
            rest = after.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }
    Some(if listed.is_empty() { Tags::Absent } else { Tags::Listed(listed) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(value: &'static str) -> Option<Tags> {
        let headers = [(header::IF_MATCH, HeaderValue::from_static(value))];
        tags(&headers.into_iter().collect(), &header::IF_MATCH)
    }

    #[test]
    fn tags_are_read_as_the_rfc_writes_them() {
        let listed = Tags::Listed(vec![("1-2".to_owned(), false), ("1-3".to_owned(), true)]);
        assert_eq!(read("\"1-2\" , W/\"1-3\""), Some(listed));
        assert_eq!(read("*"), Some(Tags::Any));
        assert_eq!(tags(&HeaderMap::new(), &header::IF_MATCH), Some(Tags::Absent));
        assert_eq!(read("\"1-2\",, W/\"1-3\","), read("\"1-2\",W/\"1-3\""));
        let with_comma = Tags::Listed(vec![("a, b".to_owned(), true)]);
        assert_eq!(read("W/\"a, b\""), Some(with_comma));
        for bad in ["1-2", "\"1-2", "\"", "\"1-2\" \"1-3\"", "\"1-2\"x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
