//! What a store of errands promises: what remains to be done after a change is written with it,
//! and done afterwards, until it has worked or there is no hope.

use std::fmt::Debug;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::StoreError;

/// What kind of thing there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrandKind {
    /// A mail is to be sent.
    Mail,
    /// Another server is to be told.
    Webhook,
    /// What belonged to an account is to be deleted.
    Erasure,
}

impl ErrandKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mail, Self::Webhook, Self::Erasure];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Erasure => "erasure",
        }
    }

    /// What a word stands for.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Something that remains to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewErrand {
    /// Its name: one that is known already is not written again.
    pub id: String,
    /// What kind it is.
    pub kind: ErrandKind,
    /// What it is about, as JSON: no secret.
    pub payload: String,
    /// Not before.
    pub due_at: OffsetDateTime,
}

/// An errand as it is taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// Its name.
    pub id: String,
    /// What kind it is.
    pub kind: ErrandKind,
    /// What it is about, as JSON.
    pub payload: String,
    /// When it was written.
    pub created_at: OffsetDateTime,
    /// How often it was taken up, this time included.
    pub attempts: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// It is done, and forgotten.
    Done,
    /// It did not work; again then.
    Later {
        /// When.
        due_at: OffsetDateTime,
        /// What went wrong.
        error: String,
    },
    /// It did not work and is not tried again, unless someone says so.
    Dead {
        /// What went wrong.
        error: String,
    },
}

/// How many errands there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// That wait.
    pub waiting: u64,
    /// That are not tried again.
    pub dead: u64,
}

/// Keeps errands.
#[async_trait]
pub trait OutboxStore: Debug + Send + Sync {
    /// Takes up at most `limit` errands that are due, oldest first. Each is one caller's until
    /// `leased_until`; one that was not settled by then is due again.
    async fn take_up(
        &self,
        kind: ErrandKind,
        limit: u32,
        leased_until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<Vec<Errand>, StoreError>;

    /// Says how the attempt with this number ended. Nothing changes if someone else has taken it
    /// up since.
    async fn settle(&self, id: &str, attempt: u32, outcome: &Attempt) -> Result<(), StoreError>;

    /// How many there are.
    async fn backlog(&self, kind: ErrandKind) -> Result<Backlog, StoreError>;

    /// At most `limit` that are not tried again, newest first.
    async fn dead(&self, limit: u32) -> Result<Vec<Errand>, StoreError>;

    /// Tries a dead one again, as if it had never been tried; says whether there was one.
    async fn revive(&self, id: &str, now: OffsetDateTime) -> Result<bool, StoreError>;
}
