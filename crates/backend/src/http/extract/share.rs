//! Rights to do what costs something: each takes one from the shares that it belongs to, once
//! it is known whose they are, and before the body is read.

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{OurName, OwnedSession, OwnedSpace, PublicSession, PublicSpace};
use crate::{
    http::{
        App,
        docs::{reads, refuses},
        error::ApiError,
        shares::Shares,
    },
    limit::Limit,
};

/// A namespace, and the right to create a session in it.
pub(in crate::http) struct Creating<Space>(pub(in crate::http) Space);

refuses!(Creating<OwnedSpace>: ; and OwnedSpace, Shares);
reads!(Creating<OwnedSpace>: user_id);

impl FromRequestParts<App> for Creating<OwnedSpace> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let space = OwnedSpace::from_request_parts(parts, app).await?;
        let shares = Shares::from_request_parts(parts, app).await?;
        shares.take_of_address(Limit::CreationsPerAddress).await?;
        shares.take_of_user(Limit::CreationsPerUser, &space.0).await?;
        Ok(Self(space))
    }
}

refuses!(Creating<PublicSpace>: ; and PublicSpace, Shares);

impl FromRequestParts<App> for Creating<PublicSpace> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let space = PublicSpace::from_request_parts(parts, app).await?;
        let shares = Shares::from_request_parts(parts, app).await?;
        shares.take_of_address(Limit::CreationsPerAddress).await?;
        Ok(Self(space))
    }
}

/// A session, and the right to change it.
pub(in crate::http) struct Changing<Session>(pub(in crate::http) Session);

refuses!(Changing<OwnedSession>: ; and OwnedSession, Shares);
reads!(Changing<OwnedSession>: user_id, session_id);

impl FromRequestParts<App> for Changing<OwnedSession> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let session = OwnedSession::from_request_parts(parts, app).await?;
        let shares = Shares::from_request_parts(parts, app).await?;
        if let Some(owner) = &session.0.owner {
            shares.take_of_user(Limit::UpdatesPerUser, owner).await?;
        }
        shares.take_of_session(Limit::UpdatesPerSession, &session.0).await?;
        Ok(Self(session))
    }
}

refuses!(Changing<PublicSession>: ; and PublicSession, Shares);
reads!(Changing<PublicSession>: session_id);

impl FromRequestParts<App> for Changing<PublicSession> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let session = PublicSession::from_request_parts(parts, app).await?;
        let shares = Shares::from_request_parts(parts, app).await?;
        shares.take_of_address(Limit::UpdatesPerAddress).await?;
        shares.take_of_session(Limit::UpdatesPerSession, &session.0).await?;
        Ok(Self(session))
    }
}

/// The right to ask for a token.
pub(in crate::http) struct Minting(pub(in crate::http) Shares);

refuses!(Minting: ; and Shares, OurName);

impl FromRequestParts<App> for Minting {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let shares = Shares::from_request_parts(parts, app).await?;
        shares.take_of_address(Limit::TokensPerAddress).await?;
        OurName::from_request_parts(parts, app).await.map(|OurName| Self(shares))
    }
}

/// The right to a picture that is made for this request alone.
pub(in crate::http) struct Rendering;

refuses!(Rendering: ; and Shares);

impl FromRequestParts<App> for Rendering {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let shares = Shares::from_request_parts(parts, app).await?;
        shares.take_of_address(Limit::RendersPerAddress).await.map(|()| Self)
    }
}
