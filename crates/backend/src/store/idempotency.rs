//! Requests that may be sent again, and what was answered to them.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;

/// The SHA-256 of who sent a request, where to, and by which key: enough to know the request
/// again, not enough to tell whose it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestScope(pub [u8; 32]);

/// The SHA-256 of all that a request asks for. Two with the same scope and other fingerprints
/// are not the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// Names one run of a request: random, and new each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunToken(pub [u8; 16]);

/// A run of a request that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Which request.
    pub scope: RequestScope,
    /// What it asks for.
    pub fingerprint: Fingerprint,
    /// Which run.
    pub token: RunToken,
    /// Until when nobody else may run it.
    pub leased_until: OffsetDateTime,
    /// When all of it is forgotten.
    pub expires_at: OffsetDateTime,
}

/// An answer, as it is given again. What is in it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Its status.
    pub status: u16,
    /// What its body is.
    pub content_type: Option<String>,
    /// Where what it created is.
    pub location: Option<String>,
    /// The entity tag of that.
    pub etag: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl fmt::Debug for StoredAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAnswer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What became of the wish to run a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is this run's, and the first.
    Started,
    /// It is this run's. An earlier one did not come to its end in time; nobody knows how far it
    /// came.
    TakenOver {
        /// The first of all runs of this request.
        first: RunToken,
    },
    /// Another run is under way, and has so much time left.
    InProgress(Duration),
    /// This key names a request that asks for something else.
    Mismatch,
    /// It was done, and answered like this.
    Done(StoredAnswer),
}

/// Keeps requests that may be sent again, each until its `expires_at`: one for which that is not
/// after `now` does not exist.
#[async_trait]
pub trait IdempotencyStore: fmt::Debug + Send + Sync {
    /// Begins a run of a request, if nobody else runs it and it was not done. One step: of all
    /// who ask, one runs it.
    async fn begin(&self, run: &Run, now: OffsetDateTime) -> Result<Begun, StoreError>;

    /// Keeps the answer of a run until `expires_at`, if no other has taken over since; says
    /// whether it did.
    async fn finish(
        &self,
        run: &Run,
        answer: &StoredAnswer,
        expires_at: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Gives up a run that did nothing, if no other has taken over since; says whether it did.
    /// The request is forgotten if this was its first run; if not, who knows what the others did:
    /// the lease ends, and the next may take over.
    async fn abandon(&self, run: &Run) -> Result<bool, StoreError>;

    /// Throws away some of what is too old, where it does not go by itself; says whether there
    /// may be more.
    async fn sweep(&self, now: OffsetDateTime) -> Result<bool, StoreError>;
}
