//! What a store of sign-ins promises. A sign-in is a chain of refresh tokens, of which one is
//! good at a time; each is used once and replaced by the next.

use std::{fmt::Debug, net::IpAddr, time::Duration};

use async_trait::async_trait;
use common::{UserId, api::SignInKind};
use time::OffsetDateTime;

use super::{After, StoreError};

/// The SHA-256 of a refresh token: enough to know it again, not enough to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshHash(pub [u8; 32]);

/// What refresh tokens of one sign-in have in common. It is in no answer but the token: who can
/// name it has held one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chain(pub [u8; 16]);

impl Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chain")
    }
}

/// Where and by what someone signed in, for people to tell their sign-ins apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What they call it.
    pub label: String,
    /// What it calls itself.
    pub user_agent: String,
    /// Where it is.
    pub address: IpAddr,
}

/// A sign-in that begins.
#[derive(Debug, Clone)]
pub struct NewSignIn {
    /// What its tokens name.
    pub chain: Chain,
    /// What people see, and the `sid` of its tokens.
    pub id: String,
    /// What keeps it going.
    pub kind: SignInKind,
    /// Whose it is.
    pub user: UserId,
    /// The account's, when the password was checked.
    pub version: u64,
    /// Where it is.
    pub device: Device,
    /// Its first token.
    pub hash: RefreshHash,
    /// When it ends, used or not.
    pub absolute_end: OffsetDateTime,
    /// When it ends if it is not used before.
    pub idle_end: OffsetDateTime,
    /// When the token that goes with it ends.
    pub token_end: OffsetDateTime,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// It began, and these ended for it: oldest first.
    Begun(Vec<String>),
    /// The account is gone, disabled, or has changed since its password was checked.
    Outdated,
}

/// A sign-in as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Its name.
    pub id: String,
    /// What keeps it going.
    pub kind: SignInKind,
    /// Where it is.
    pub device: Device,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When its last token was made.
    pub last_used_at: OffsetDateTime,
    /// When it ends.
    pub ends_at: OffsetDateTime,
}

/// A refresh token as it was presented, and what replaces it if it is good.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// What it names.
    pub chain: Chain,
    /// Where in the chain it says to be.
    pub seq: u64,
    /// What it is known by.
    pub hash: RefreshHash,
    /// The next token.
    pub next: RefreshHash,
    /// The next token itself, for who has the presented one.
    pub sealed: String,
    /// How long the presented token goes on to lead to the next one.
    pub grace: Duration,
    /// How long the sign-in lasts without being used.
    pub idle: Duration,
    /// When the access token ends that goes with the answer.
    pub token_end: OffsetDateTime,
}

/// What a refresh token was good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The next token is the one.
    Rotated(Refreshing),
    /// It was replaced just now, by what is sealed here.
    Repeated(Refreshing, String),
    /// There is no such sign-in, the token is none of its, or it has ended.
    Invalid,
    /// The sign-in is over.
    Expired,
    /// It was replaced before: two have it. Its sign-in has ended with this step.
    Reused(Refreshing, Reuse),
}

/// Whose sign-in was refreshed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshing {
    /// Whose it is.
    pub user: UserId,
    /// Its name.
    pub id: String,
}

/// How far behind a token was that was used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// The one before the current.
    Recent,
    /// An older one.
    Stale,
}

/// Why a sign-in ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInEnd {
    /// Its user signed out.
    SignedOut,
    /// Its user ended it from elsewhere.
    Revoked,
    /// Another one took its place.
    NewerSignIn,
    /// A token of its was used twice.
    Reused,
    /// The password is another one.
    PasswordChanged,
    /// The account's rights are others, or it is disabled or gone.
    AccountChanged,
}

impl SignInEnd {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Revoked => "revoked",
            Self::NewerSignIn => "newer_sign_in",
            Self::Reused => "reused",
            Self::PasswordChanged => "password_changed",
            Self::AccountChanged => "account_changed",
        }
    }
}

/// Keeps sign-ins. Each method is one step, together with what `after` says of its outcome:
/// whatever happens at the same time happened before it or after it. The tokens of a sign-in that
/// ends are revoked in the same step: see [`RevocationStore`](super::RevocationStore).
#[async_trait]
pub trait SignInStore: Debug + Send + Sync {
    /// Begins a sign-in, if the account is as it was when the password was checked. Of more than
    /// `most` of the same user with refresh tokens, and in any case of more than 1000, the oldest
    /// end; those of one token do not count.
    async fn begin(
        &self,
        sign_in: &NewSignIn,
        most: Option<u32>,
        after: After<'_, Beginning>,
        now: OffsetDateTime,
    ) -> Result<Beginning, StoreError>;

    /// Uses a refresh token.
    async fn refresh(
        &self,
        refresh: &Refresh,
        after: After<'_, Refreshed>,
        now: OffsetDateTime,
    ) -> Result<Refreshed, StoreError>;

    /// Ends one sign-in of a user; says whether it lived.
    async fn end(
        &self,
        user: &UserId,
        id: &str,
        why: SignInEnd,
        after: After<'_, bool>,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Ends the sign-in that a token names; says which it was, if it lived.
    async fn end_chain(
        &self,
        chain: Chain,
        why: SignInEnd,
        after: After<'_, Option<Refreshing>>,
        now: OffsetDateTime,
    ) -> Result<Option<Refreshing>, StoreError>;

    /// Ends all of a user but one; says which they were.
    async fn end_others(
        &self,
        user: &UserId,
        kept: Option<&str>,
        why: SignInEnd,
        after: After<'_, Vec<String>>,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, StoreError>;

    /// The living sign-ins of a user, newest first, and no more than 1000.
    async fn list(&self, user: &UserId, now: OffsetDateTime) -> Result<Vec<SignIn>, StoreError>;
}

/// A sign-in as a token meets it.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) current: RefreshHash,
    pub(super) previous: Option<RefreshHash>,
    pub(super) rotated_at: Option<OffsetDateTime>,
    pub(super) has_ended: bool,
    pub(super) is_over: bool,
}

/// What is to be done with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Rotate,
    Repeat,
    Invalid,
    Expired,
    Reused(Reuse),
}

impl Link {
    /// The rules of rotation, in their order: a sign-in that has ended has no grace, and one that
    /// is over none either; of the tokens before the current one only the last has it.
    pub(super) fn judge(&self, refresh: &Refresh, now: OffsetDateTime) -> Verdict {
        if self.has_ended {
            return Verdict::Invalid;
        }
        if self.is_over {
            return Verdict::Expired;
        }
        if refresh.hash == self.current {
            return Verdict::Rotate;
        }
        let follows = self.rotated_at.is_some_and(|at| now <= at + refresh.grace);
        if self.previous == Some(refresh.hash) {
            let repeats = follows && !refresh.grace.is_zero();
            return if repeats { Verdict::Repeat } else { Verdict::Reused(Reuse::Recent) };
        }
        match refresh.seq < self.seq {
            true => Verdict::Reused(Reuse::Stale),
            // It names a place that this chain has not reached: nobody was given it.
            false => Verdict::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: [u8; 4] = [1, 2, 3, 4];

    fn hash(token: u8) -> RefreshHash {
        RefreshHash([token; 32])
    }

    fn noon() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap()
    }

    /// A chain whose tokens are numbered; the fourth is good, and took over at noon.
    fn link() -> Link {
        Link {
            seq: 4,
            current: hash(HELD[3]),
            previous: Some(hash(HELD[2])),
            rotated_at: Some(noon()),
            has_ended: false,
            is_over: false,
        }
    }

    fn judged(link: &Link, token: u8, after: Duration, grace: Duration) -> Verdict {
        let refresh = Refresh {
            chain: Chain([0; 16]),
            seq: u64::from(token),
            hash: hash(token),
            next: hash(99),
            sealed: String::new(),
            grace,
            idle: Duration::from_secs(60),
            token_end: noon(),
        };
        link.judge(&refresh, noon() + after)
    }

    #[test]
    fn every_row_of_the_table() {
        let (soon, late) = (Duration::from_secs(5), Duration::from_secs(11));
        let (grace, none) = (Duration::from_secs(10), Duration::ZERO);
        for (token, after, grace, verdict) in [
            (4, soon, grace, Verdict::Rotate),
            (4, late, grace, Verdict::Rotate),
            (3, none, grace, Verdict::Repeat),
            (3, soon, grace, Verdict::Repeat),
            (3, grace, grace, Verdict::Repeat),
            (3, late, grace, Verdict::Reused(Reuse::Recent)),
            (3, none, none, Verdict::Reused(Reuse::Recent)),
            (2, soon, grace, Verdict::Reused(Reuse::Stale)),
            (1, late, grace, Verdict::Reused(Reuse::Stale)),
            (5, soon, grace, Verdict::Invalid),
        ] {
            let judged = judged(&link(), token, after, grace);
            assert_eq!(judged, verdict, "token {token} after {after:?} with {grace:?}");
        }
        let ended = Link { has_ended: true, ..link() };
        let over = Link { is_over: true, ..link() };
        for token in 1..=5 {
            assert_eq!(judged(&ended, token, soon, grace), Verdict::Invalid, "{token}");
            assert_eq!(judged(&over, token, soon, grace), Verdict::Expired, "{token}");
        }
        let both = Link { is_over: true, ..ended };
        assert_eq!(judged(&both, 4, soon, grace), Verdict::Invalid);
    }
}
