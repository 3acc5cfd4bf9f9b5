//! What a store of accounts promises.

use std::fmt::Debug;

use async_trait::async_trait;
use common::{
    UserId,
    api::{Language, Roles},
};
use time::OffsetDateTime;

use super::{After, SecretText, StoreError};

/// An account: its address is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name; sessions belong to it.
    pub user: UserId,
    /// Where its mail goes, in lower case.
    pub email: Option<String>,
    /// The password's hash, as a PHC string.
    pub password: Option<SecretText>,
    /// What it may do.
    pub roles: Roles,
    /// The language of its mail.
    pub language: Language,
    /// When it was disabled.
    pub disabled_at: Option<OffsetDateTime>,
    /// Grows with everything that is seen of it or that sign-ins depend on.
    pub version: u64,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

/// An account that is to be.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its name.
    pub user: UserId,
    /// Where its mail goes, in lower case.
    pub email: Option<String>,
    /// The password's hash, as a PHC string.
    pub password: Option<SecretText>,
    /// What it may do.
    pub roles: Roles,
    /// The language of its mail.
    pub language: Language,
}

/// What became of a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountCreation {
    /// It is there.
    Done,
    /// The name is taken, or was not long ago.
    UserTaken,
    /// Another account has the address.
    EmailTaken,
}

/// A wish for an account whose address nobody has proved yet. It holds the name until it ends,
/// whether the address has an account or not: so nobody learns that from what becomes of the name.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The account's name.
    pub user: UserId,
    /// Its address, in lower case.
    pub email: String,
    /// The password's hash, as a PHC string.
    pub password: SecretText,
    /// The language of its mail.
    pub language: Language,
    /// When the wish ends.
    pub ends_at: OffsetDateTime,
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It is kept, and its address has no account.
    New,
    /// It is kept, and its address has an account already: it can never be proved.
    Known,
    /// The name is taken, or was not long ago. Nothing is kept.
    UserTaken,
}

/// What the token of a mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProofPurpose {
    /// To prove the address of a registration.
    Verify,
    /// To set a new password.
    Reset,
}

impl ProofPurpose {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
        }
    }
}

/// The SHA-256 of the token of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProofHash(pub [u8; 32]);

/// What the token of a mail stands for in the store.
#[derive(Debug, Clone)]
pub struct NewProof {
    /// What it is for.
    pub purpose: ProofPurpose,
    /// Whose registration, or whose account.
    pub user: UserId,
    /// What it is known by.
    pub hash: ProofHash,
    /// When it can no longer be used.
    pub ends_at: OffsetDateTime,
}

/// Whom a mail with a token goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Whose it is.
    pub user: UserId,
    /// Where it goes.
    pub email: String,
    /// In which language.
    pub language: Language,
}

/// What became of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proved {
    /// It was good, and is gone. For a new password: these sign-ins have ended.
    Done(UserId, Vec<String>),
    /// It is none, was used, replaced by a newer one, is too old, or what it stood for is gone.
    Invalid,
}

/// A change of an account.
#[derive(Debug, Clone)]
pub enum AccountChange {
    /// Another password; all its sign-ins end but the one that is kept, and all tokens of mails.
    Password {
        /// The hash, as a PHC string.
        hash: SecretText,
        /// The sign-in from which it was changed.
        kept: Option<String>,
    },
    /// The same password, hashed anew.
    Rehash(SecretText),
    /// Another language.
    Language(Language),
    /// Other roles; all its sign-ins end, if they are others.
    Roles(Roles),
    /// Nobody signs in to it any more, and all its sign-ins end.
    Disabled,
    /// It may be signed in to again.
    Enabled,
}

/// By what right someone asks for something. It was looked up before the whole request was there,
/// and may have been taken away meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Who asks: they must have an account, and it must not be disabled.
    pub user: UserId,
    /// The sign-in of their token, if it is of one: it must not have ended.
    pub sid: Option<String>,
    /// The roles by which it was found that they may: they must have these, no more and no fewer.
    /// `None` for what is their own.
    pub roles: Option<Roles>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountUpdate {
    /// It was made, and these sign-ins ended with it.
    Done(Vec<String>),
    /// There is no such account.
    Gone,
    /// The account has changed since the caller looked.
    Outdated,
    /// No administrator would be left.
    LastAdmin,
    /// Whoever asks has lost the right to.
    Unauthorized,
}

/// Keeps accounts. Each method is one step, together with what `after` says of its outcome.
///
/// Where a sign-in ends or an API key is revoked, its tokens are revoked in the same step: see
/// [`RevocationStore`](super::RevocationStore).
#[async_trait]
pub trait AccountStore: Debug + Send + Sync {
    /// Makes an account. Tokens that were minted for its name before, without a sign-in, are
    /// revoked.
    async fn create(
        &self,
        account: &NewAccount,
        after: After<'_, AccountCreation>,
        now: OffsetDateTime,
    ) -> Result<AccountCreation, StoreError>;

    /// Keeps a wish for an account. Its name must be free: no account has it or had it lately, no
    /// wish, and no API key mints for it.
    async fn register(
        &self,
        registration: &Registration,
        after: After<'_, Registered>,
        now: OffsetDateTime,
    ) -> Result<Registered, StoreError>;

    /// Replaces the tokens of this purpose and user by a new one; says whom to send it to. `None`
    /// when there is no such registration with an unknown address, or no such account that is not
    /// disabled and has an address.
    async fn issue_proof(
        &self,
        proof: &NewProof,
        now: OffsetDateTime,
    ) -> Result<Option<Recipient>, StoreError>;

    /// Whose token it is, while it is good.
    async fn owner_of_proof(
        &self,
        purpose: ProofPurpose,
        hash: &ProofHash,
        now: OffsetDateTime,
    ) -> Result<Option<UserId>, StoreError>;

    /// Uses the token of a registration: it becomes an account with the role of a user, unless its
    /// address has one by now; the other registrations of the address hold their names until they
    /// end, and nobody can prove them. Tokens that were minted for its name before, without a
    /// sign-in, are revoked.
    async fn verify(
        &self,
        hash: &ProofHash,
        after: After<'_, Proved>,
        now: OffsetDateTime,
    ) -> Result<Proved, StoreError>;

    /// Uses the token of a new password; all sign-ins of the account end.
    async fn reset(
        &self,
        hash: &ProofHash,
        password: &SecretText,
        after: After<'_, Proved>,
        now: OffsetDateTime,
    ) -> Result<Proved, StoreError>;

    /// The living registrations of an address, newest first.
    async fn registrations_of(
        &self,
        email: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<Registration>, StoreError>;

    /// The account of this name.
    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError>;

    /// The account with this address, in lower case.
    async fn account_of_email(&self, email: &str) -> Result<Option<Account>, StoreError>;

    /// Whether a name is somebody's who has an account, was until lately, or is one that an API key
    /// mints for.
    async fn is_reserved(&self, user: &UserId, now: OffsetDateTime) -> Result<bool, StoreError>;

    /// At most `limit` accounts by name, after `after`.
    async fn accounts(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError>;

    /// Changes an account, if it still has the version `expected` where one is given. What it
    /// ends, ends in the same step. Whoever asks must have the right to in this step; without
    /// `by`, it is the server itself.
    async fn change(
        &self,
        user: &UserId,
        expected: Option<u64>,
        change: &AccountChange,
        by: Option<&Authority>,
        after: After<'_, AccountUpdate>,
        now: OffsetDateTime,
    ) -> Result<AccountUpdate, StoreError>;

    /// Removes an account, its sign-ins, API keys and tokens of mails. Nobody else gets its name,
    /// or one that its API keys minted for, before `free_at`. As for
    /// [`change`](Self::change), whoever asks must have the right to.
    async fn remove(
        &self,
        user: &UserId,
        free_at: OffsetDateTime,
        by: Option<&Authority>,
        after: After<'_, AccountUpdate>,
        now: OffsetDateTime,
    ) -> Result<AccountUpdate, StoreError>;

    /// Throws away what has ended: tokens of mails, registrations, names that are free again,
    /// sign-ins and revocations that nothing depends on, sealed tokens that lead nowhere, errands
    /// that have been dead for 30 days, and entries of the audit log from before `audited_since`. A bounded number of rows at a time; says whether there may be more.
    async fn sweep(
        &self,
        audited_since: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError>;
}
