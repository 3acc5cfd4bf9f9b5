//! Fair shares: how much one client, one user and one session may take of this server, so
//! that enough is left for all others.
//!
//! Rates are counted here, per key; seats of viewers are held here, by guards. How much may
//! be stored is counted by the store, in one step with the write. Nothing here knows HTTP.

mod address;
mod connections;
mod rate;
mod report;
mod shared;
mod viewers;

use std::{collections::BTreeMap, fmt, fmt::Debug, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{SessionAddress, UserId};

pub use self::{
    address::{ClientAddress, TrustedProxies},
    connections::{ConnectionLimits, Place},
    rate::{LocalRates, Rate},
    shared::SharedRates,
    viewers::{Crowded, Seat, Seats, ViewerLimits},
};
use self::{connections::Places, report::Reports};
use crate::{clock::Clock, metrics::Metrics, store::StoreError};

macro_rules! limits {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// What has a rate.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Limit {
            $($(#[$doc])* $variant,)*
        }

        impl Limit {
            /// Every limit.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name: a setting, a policy in answers, and a label of the metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

limits! {
    /// Requests from an address, whatever becomes of them.
    RequestsPerAddress = "requests-per-address";
    /// Requests with a user's token.
    RequestsPerUser = "requests-per-user";
    /// Attempts to get a token, from an address.
    TokensPerAddress = "tokens-per-address";
    /// Attempts to sign in with a password, from an address.
    LoginsPerAddress = "logins-per-address";
    /// Attempts to sign in to an account.
    LoginsPerAccount = "logins-per-account";
    /// Refresh tokens that are used, from an address.
    RefreshesPerAddress = "refreshes-per-address";
    /// Attempts to register, and to prove an address, from an address.
    RegistrationsPerAddress = "registrations-per-address";
    /// Mails that are asked for, from an address.
    MailsPerAddress = "mails-per-address";
    /// Mails that anyone can cause to one address of e-mail.
    MailsPerRecipient = "mails-per-recipient";
    /// Attempts to make an API key, by a user.
    KeyCreationsPerUser = "key-creations-per-user";
    /// Refresh tokens of one sign-in that are used.
    RefreshesPerSignIn = "refreshes-per-sign-in";
    /// Refusals of what someone's roles do not allow that are written down.
    DenialsPerUser = "denials-per-user";
    /// Attempts to create a session, from an address.
    CreationsPerAddress = "creations-per-address";
    /// Attempts to create a session, by a user.
    CreationsPerUser = "creations-per-user";
    /// Attempts to change a session.
    UpdatesPerSession = "updates-per-session";
    /// Attempts to change any of a user's sessions.
    UpdatesPerUser = "updates-per-user";
    /// Attempts to change any public session, from an address.
    UpdatesPerAddress = "updates-per-address";
    /// Pictures that are made for one request alone, from an address.
    RendersPerAddress = "renders-per-address";
}

impl Limit {
    /// Whether nodes that share a store share what is counted: it protects users, and those who
    /// share with them. The rest protects a node.
    pub const fn is_shared(self) -> bool {
        matches!(
            self,
            Self::CreationsPerUser
                | Self::UpdatesPerSession
                | Self::UpdatesPerUser
                | Self::LoginsPerAccount
                | Self::MailsPerRecipient
                | Self::KeyCreationsPerUser
                | Self::RefreshesPerSignIn
        )
    }
}

impl Limit {
    /// Whether nothing goes on while nobody can count it for all nodes: each of them by itself
    /// would let whoever guesses passwords try as often as there are nodes.
    pub const fn fails_closed(self) -> bool {
        matches!(self, Self::LoginsPerAccount | Self::MailsPerRecipient)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose share is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A client's.
    Address(ClientAddress),
    /// A user's.
    User(UserId),
    /// A session's.
    Session(SessionAddress),
    /// An account's, whether there is one or not.
    Account(AccountKey),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "address {address}"),
            Self::User(user) => write!(f, "user {user}"),
            Self::Session(session) => write!(f, "session {session}"),
            // Whose it is would be an e-mail address in a log.
            Self::Account(_) => f.write_str("an account"),
        }
    }
}

/// What an account is counted by: the SHA-256 of what someone says it is called. It is nobody's
/// secret, and need not lie around either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountKey(pub [u8; 32]);

/// What became of the wish for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Which limit was asked.
    pub limit: Limit,
    /// What it is.
    pub rate: Rate,
    /// How many are left at once.
    pub remaining: u32,
    /// After how long there is one more than that.
    pub more_after: Duration,
    /// Whether it was refused.
    pub refused: bool,
}

/// Counts how often.
///
/// Those of users and sessions are counted over all nodes once nodes share a store, and so
/// this is asynchronous; those of addresses protect one node and stay with it.
#[async_trait]
pub trait Rates: Debug + Send + Sync {
    /// Takes one from the share of `key`, if there is one left; `None` where there is no
    /// limit. What was refused is not counted, so insisting makes nothing worse.
    ///
    /// # Errors
    /// When nobody can count it, for a limit that must not be passed unseen.
    async fn take(&self, limit: Limit, key: &Key) -> Result<Option<Decision>, StoreError>;
}

/// What the operator decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSettings {
    /// How often; what is missing is not limited.
    pub rates: BTreeMap<Limit, Rate>,
    /// How many may watch at once.
    pub viewers: ViewerLimits,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
    /// Whose word on a client's address we take.
    pub proxies: TrustedProxies,
}

/// All limits of this node that are not the store's.
#[derive(Debug)]
pub struct Limits {
    rates: Box<dyn Rates>,
    seats: Arc<Seats>,
    places: Arc<Places>,
    connections: ConnectionLimits,
    proxies: TrustedProxies,
    reports: Reports,
}

impl Limits {
    /// Limits whose rates are counted by `rates`; seats and connections are this node's.
    pub fn new(
        settings: &LimitSettings,
        rates: Box<dyn Rates>,
        clock: &Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            rates,
            seats: Seats::new(settings.viewers),
            places: Arc::default(),
            connections: settings.connections,
            proxies: settings.proxies.clone(),
            reports: Reports::new(clock, metrics),
        }
    }

    /// Whose word on a client's address we take.
    pub fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    /// How many connections there may be.
    pub fn connections(&self) -> ConnectionLimits {
        self.connections
    }

    /// Lets a connection from `peer` in: `None` when there are too many from there. One of our
    /// own proxies brings many clients, and so its connections are not counted.
    pub fn lets_in(&self, peer: IpAddr) -> Option<Option<Place>> {
        if self.proxies.trusts(peer.to_canonical()) {
            return Some(None);
        }
        let address = ClientAddress::from(peer);
        let place = self.places.take(address, self.connections.per_address);
        if place.is_none() {
            self.reports.refused("connections-per-address", &Key::Address(address));
        }
        place.map(Some)
    }

    /// Takes one from the share of `key`; `None` where there is no limit.
    ///
    /// # Errors
    /// When nobody can count it, for a limit that must not be passed unseen.
    pub async fn take(&self, limit: Limit, key: &Key) -> Result<Option<Decision>, StoreError> {
        let decision = self.rates.take(limit, key).await?;
        if decision.is_some_and(|decision| decision.refused) {
            self.reports.refused(limit.name(), key);
        }
        Ok(decision)
    }

    /// Takes a viewer's seat.
    ///
    /// # Errors
    /// Which seats are all taken.
    pub fn seat(&self, session: &SessionAddress, client: ClientAddress) -> Result<Seat, Crowded> {
        self.seats.take(session, client).inspect_err(|crowded| {
            let key = match crowded {
                Crowded::Session(_) => Key::Session(session.clone()),
                Crowded::Address(_) | Crowded::Node(_) => Key::Address(client),
            };
            self.reports.refused(crowded.name(), &key);
        })
    }

    /// Something that `key` asked for was not stored, because a quota is used up.
    pub fn quota_refused(&self, quota: &'static str, key: &Key) {
        self.reports.refused(quota, key);
    }
}
