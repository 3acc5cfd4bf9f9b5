//! Tokens that were verified just now, so that who sends one with every request does not have
//! it computed with every request.
//!
//! Memory only ever says yes. What it remembers of a token is what does not change: that this
//! key signed it, and what it says. Whether the key is still in use, whether the token was revoked
//! meanwhile, and whether the time is right, is asked anew each time; whatever is not plainly right is verified from the start, as
//! if nothing were remembered. So no answer outlives a key or a token.
//!
//! A token is known by the SHA-256 of what was signed, and by its signature: both, because the
//! digest says nothing of the signature. No table in memory holds a token that someone could
//! take from it and use: what was signed has a random name in it and cannot be found from its
//! digest. A fast hash would be no faster, because the digest is what a verification begins
//! with, and someone could look for a second token that has it.

use std::{fmt, sync::Arc, time::Duration};

use common::jwt::{SealedToken, Times};
use quick_cache::sync::Cache;

use super::Identity;

/// How many tokens are remembered: a few megabytes at most, since tokens have a longest length.
const TOKENS: usize = 4096;

/// How long a token is remembered. What is not used for so long is verified again.
const KEPT_FOR: Duration = Duration::from_secs(60);

type Digest = [u8; 32];

/// What is remembered of a token.
struct Verified {
    signature: Box<str>,
    times: Times,
    identity: Identity,
    /// On the clock that never goes back.
    until: Duration,
}

/// The tokens that were verified just now.
pub(super) struct Recent(Cache<Digest, Arc<Verified>>);

impl Recent {
    pub(super) fn new() -> Self {
        Self(Cache::new(TOKENS))
    }

    /// Whom this very token speaks for, if it was verified within the last while and its times
    /// hold `now`. Whether its key is still in use, and whether it was revoked, the caller has to
    /// ask.
    pub(super) fn recall(
        &self,
        token: &SealedToken,
        now: i64,
        running: Duration,
    ) -> Option<Identity> {
        let known = self.0.get(&token.digest())?;
        let holds = running < known.until
            && token.is_signed_by(&known.signature)
            && known.times.hold_at(now).is_ok();
        holds.then(|| known.identity.clone())
    }

    /// Remembers a token that has just been verified.
    pub(super) fn remember(
        &self,
        token: &SealedToken,
        times: Times,
        identity: Identity,
        running: Duration,
    ) {
        let until = running + KEPT_FOR;
        let verified = Verified { signature: token.signature().into(), times, identity, until };
        self.0.insert(token.digest(), Arc::new(verified));
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recent({} tokens)", self.0.len())
    }
}
