//! Fair shares at the edge: whose share a request takes from, and what its answer says of
//! what is left.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use common::{SessionAddress, UserId};
use sha2::{Digest, Sha256};

use super::{
    App,
    docs::refuses,
    error::{ApiError, Draft},
};
use crate::{
    limit::{AccountKey, ClientAddress, Decision, Key, Limit, Limits, Seat},
    session::SessionError,
};

/// The one header that we take a client's address from. `Forwarded` (RFC 7239) is not read:
/// a proxy that writes one of the two passes the other on as the client made it up.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// The shares that a request takes from. Clones are of the same request.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    limits: Arc<Limits>,
    client: ClientAddress,
    decisions: Arc<Mutex<Vec<Decision>>>,
}

refuses!(Shares: RateLimited);

/// Counts a request for its address before anything else is done with it, and writes into
/// its answer what all limits that were asked have to say.
pub(super) async fn count(
    State(limits): State<Arc<Limits>>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = client(&request, &limits);
    let shares = Shares { limits, client, decisions: Arc::default() };
    let mut response = match shares.take_of_address(Limit::RequestsPerAddress).await {
        Ok(()) => {
            request.extensions_mut().insert(shares.clone());
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    if let Some(quota) = response.extensions().get::<Draft>().and_then(|draft| draft.quota) {
        shares.limits.quota_refused(quota, &Key::Address(client));
    }
    shares.write(response.headers_mut());
    response
}

/// Whom a request counts for.
pub(super) fn client(request: &Request, limits: &Limits) -> ClientAddress {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // A listener that knows no peers has one client.
    let peer = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    // What is no text is no address; as an entry of its own it ends the list.
    let lines = request.headers().get_all(FORWARDED_FOR).iter();
    let lines: Vec<_> = lines.map(|line| line.to_str().unwrap_or("")).collect();
    limits.proxies().client(peer, lines.iter().flat_map(|line| line.split(',')))
}

impl Shares {
    /// The network that the request comes from.
    pub(super) fn network(&self) -> IpAddr {
        self.client.network()
    }

    /// Takes one from the share of the request's address.
    pub(super) async fn take_of_address(&self, limit: Limit) -> Result<(), ApiError> {
        self.take(limit, &Key::Address(self.client)).await
    }

    /// Takes one from the share of a user.
    pub(super) async fn take_of_user(&self, limit: Limit, user: &UserId) -> Result<(), ApiError> {
        self.take(limit, &Key::User(user.clone())).await
    }

    /// Takes one from the share of a session.
    pub(super) async fn take_of_session(
        &self,
        limit: Limit,
        session: &SessionAddress,
    ) -> Result<(), ApiError> {
        self.take(limit, &Key::Session(session.clone())).await
    }

    /// Takes one from the share of an account, by what someone says it is called.
    pub(super) async fn take_of_account(&self, limit: Limit, name: &str) -> Result<(), ApiError> {
        let name = name.trim().to_lowercase();
        self.take(limit, &Key::Account(AccountKey(Sha256::digest(name).into()))).await
    }

    /// Takes one from the share of a sign-in, by what its refresh tokens have in common.
    pub(super) async fn take_of_sign_in(&self, limit: Limit, chain: &[u8]) -> Result<(), ApiError> {
        self.take(limit, &Key::Account(AccountKey(Sha256::digest(chain).into()))).await
    }

    /// Takes one from the share of whoever has signed in to an account already: those who only know
    /// its name take nothing from it.
    pub(super) async fn take_of_holder(&self, limit: Limit, user: &UserId) -> Result<(), ApiError> {
        // No name of an account has a space in it.
        self.take_of_account(limit, &format!("signed in {user}")).await
    }

    /// Takes one from the share of a user, if there is one left; says whether there was.
    pub(super) async fn has_left_of_user(
        &self,
        limit: Limit,
        user: &UserId,
    ) -> Result<bool, ApiError> {
        let taken = self.limits.take(limit, &Key::User(user.clone())).await;
        let decision = taken.map_err(SessionError::Store)?;
        Ok(decision.is_none_or(|decision| !decision.refused))
    }

    async fn take(&self, limit: Limit, key: &Key) -> Result<(), ApiError> {
        let decision = self.limits.take(limit, key).await.map_err(SessionError::Store)?;
        let Some(decision) = decision else {
            return Ok(());
        };
        // What is left to an account would tell whether someone signs in to it.
        if !matches!(key, Key::Account(_)) {
            self.decisions.lock().unwrap_or_else(PoisonError::into_inner).push(decision);
        }
        if decision.refused { Err(ApiError::Limited(decision)) } else { Ok(()) }
    }

    /// Takes a viewer's seat.
    pub(super) fn seat(&self, session: &SessionAddress) -> Result<Seat, ApiError> {
        self.limits.seat(session, self.client).map_err(ApiError::Crowded)
    }

    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): what the
    /// limits are, and what is left of them.
    fn write(&self, headers: &mut HeaderMap) {
        let decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut add = |name, line: fn(&Decision) -> String| {
            let line: Vec<_> = decisions.iter().map(line).collect();
            if let Ok(value) = HeaderValue::from_str(&line.join(", ")) {
                headers.insert(name, value);
            }
        };
        if !decisions.is_empty() {
            add(POLICY, policy);
            add(LEFT, left);
        }
    }
}

fn policy(decision: &Decision) -> String {
    let Decision { limit, rate, .. } = decision;
    format!("\"{limit}\";q={};w={}", rate.count(), rate.window().as_secs())
}

fn left(decision: &Decision) -> String {
    let Decision { limit, remaining, more_after, .. } = decision;
    format!("\"{limit}\";r={remaining};t={}", whole_seconds(*more_after))
}

/// Rounded up: whoever waits so long has waited long enough.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

impl FromRequestParts<App> for Shares {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        parts.extensions.get().cloned().ok_or_else(|| {
            tracing::error!("a route that takes shares stands outside of their layer");
            ApiError::Internal
        })
    }
}
