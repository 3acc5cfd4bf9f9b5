//! By which name a request asks for us.

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{header, request::Parts, uri::Authority},
};
use common::api;
use url::{Host, Url};

use crate::{
    config::Config,
    http::{App, docs::refuses, error::ApiError},
};

/// A request that asks for us by a name that is ours, where that decides: a page whose name was
/// made to lead to this machine (DNS rebinding) is of our origin to its browser, and would get
/// tokens where anyone gets them because nobody else can reach us. An address is no name.
pub(in crate::http) struct OurName;
refuses!(OurName: HostNotAllowed);

impl FromRequestParts<App> for OurName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let config = Arc::<Config>::from_ref(app);
        let is_for_this_machine =
            config.minting == api::Minting::Open && config.listen.ip().is_loopback();
        let public_url = config.public_url.as_deref().and_then(|url| Url::parse(url).ok());
        match !is_for_this_machine || names(parts).all(|name| is_ours(&name, public_url.as_ref())) {
            true => Ok(Self),
            false => Err(ApiError::Host),
        }
    }
}

/// What the request calls us. Every browser says it.
fn names(parts: &Parts) -> impl Iterator<Item = String> {
    let in_headers = parts.headers.get_all(header::HOST).iter();
    let in_headers = in_headers.map(|host| host.to_str().unwrap_or_default().to_owned());
    let in_uri = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    in_headers.chain(in_uri)
}

fn is_ours(name: &str, public_url: Option<&Url>) -> bool {
    let Ok(authority) = name.parse::<Authority>() else { return false };
    match Host::parse(authority.host()) {
        Ok(Host::Domain(name)) => {
            let public = public_url.and_then(Url::host_str);
            name == "localhost" || name.ends_with(".localhost") || public == Some(&name)
        }
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_the_public_name_are_ours() {
        let public_url = Url::parse("https://Draw.example/easel").unwrap();
        for name in [
            "127.0.0.1:3000",
            "127.0.0.1",
            "[::1]:3000",
            "192.0.2.7",
            "localhost",
            "LOCALHOST:3000",
            "easel.localhost:3000",
            "draw.example",
            "DRAW.example:443",
        ] {
            assert!(is_ours(name, Some(&public_url)), "{name}");
        }
        for name in [
            "evil.example:3000",
            "localhost.evil.example",
            "draw.example.evil.example",
            "evillocalhost",
            "127.0.0.1.evil.example",
            "",
            ":3000",
            "a b",
            "draw.example@evil.example",
        ] {
            assert!(!is_ours(name, Some(&public_url)), "{name}");
        }
        assert!(!is_ours("draw.example", None));
    }
}
