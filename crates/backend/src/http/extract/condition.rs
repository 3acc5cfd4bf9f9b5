//! Conditional requests (RFC 9110 §13): entity tags as clients send them.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, header, request::Parts},
};
use common::etag::EntityTags;

use crate::{
    account::AccountError,
    http::{
        docs::{reads, refuses},
        error::ApiError,
    },
    session::Expectation,
    store::Account,
};

/// `If-Match`: what a write expects to find.
pub(in crate::http) struct IfMatch(pub(in crate::http) Expectation);
refuses!(IfMatch: ValidationFailed, PreconditionFailed);
reads!(IfMatch: if_match);

/// `If-None-Match`: what a reader has already.
pub(in crate::http) struct IfNoneMatch(EntityTags);
reads!(IfNoneMatch: if_none_match);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let tags = tags(&parts.headers, &header::IF_MATCH).ok_or_else(|| ApiError::Invalid {
            pointer: "If-Match".to_owned(),
            detail: "send an ETag as it was received, quotes included, or *".to_owned(),
        })?;
        Ok(Self(match tags {
            // `*` asks that the session exists, which every write here does anyway.
            EntityTags::Absent | EntityTags::Any => Expectation::Anything,
            EntityTags::Listed(tags) => {
                // A weak tag never matches strongly, and one that is no revision never at all.
                let strong = tags.iter().filter(|tag| !tag.weak);
                Expectation::OneOf(strong.filter_map(|tag| tag.opaque.parse().ok()).collect())
            }
        }))
    }
}

/// `If-Match` with the version of an account: what a change expects to find.
pub(in crate::http) struct IfVersion(Option<Vec<u64>>);
refuses!(IfVersion: ValidationFailed, PreconditionFailed);
reads!(IfVersion: if_match);

impl<S: Sync> FromRequestParts<S> for IfVersion {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let tags = tags(&parts.headers, &header::IF_MATCH).ok_or_else(|| ApiError::Invalid {
            pointer: "If-Match".to_owned(),
            detail: "send an ETag as it was received, quotes included, or *".to_owned(),
        })?;
        Ok(Self(match tags {
            EntityTags::Absent | EntityTags::Any => None,
            EntityTags::Listed(tags) => {
                // A weak tag never matches strongly, and one that is no version never at all.
                let strong = tags.iter().filter(|tag| !tag.weak);
                Some(strong.filter_map(|tag| tag.opaque.parse().ok()).collect())
            }
        }))
    }
}

impl IfVersion {
    /// The version that a change expects, of those that were sent the one that holds now.
    ///
    /// # Errors
    /// [`AccountError::Changed`] when none of them does.
    pub(in crate::http) fn of(&self, account: &Account) -> Result<Option<u64>, AccountError> {
        match &self.0 {
            None => Ok(None),
            Some(versions) if versions.contains(&account.version) => Ok(Some(account.version)),
            Some(_) => Err(AccountError::Changed),
        }
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
            EntityTags::Absent => false,
            EntityTags::Any => true,
            EntityTags::Listed(tags) => tags.iter().any(|tag| tag.opaque == etag.trim_matches('"')),
        }
    }
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<EntityTags> {
    let values: Option<Vec<&str>> =
        headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
    EntityTags::parse(values?)
}
