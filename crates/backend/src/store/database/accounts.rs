//! Accounts. How they come to be is in `registrations.rs`, what becomes of them in `changes.rs`.

use async_trait::async_trait;
use common::{
    UserId,
    api::{Language, Role, Roles},
};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{
    Database,
    connection::{Transaction, moment, moment_if_any, unsigned, user_id, values},
    names::{OF_NAME, Taken},
};
use crate::store::{
    Account, AccountChange, AccountCreation, AccountStore, AccountUpdate, After, Authority,
    NewAccount, NewProof, ProofHash, ProofPurpose, Proved, Recipient, Registered, Registration,
    SecretText, StoreError,
};

/// All columns by their names: a newer program may have added some.
macro_rules! columns {
    () => {
        "user_id, email, password, roles, language, disabled_at, version, created_at, updated_at"
    };
}

const ACCOUNT: &str = concat!("SELECT ", columns!(), " FROM accounts WHERE user_id = $1");
const ACCOUNT_OF_EMAIL: &str = concat!("SELECT ", columns!(), " FROM accounts WHERE email = $1");
const ACCOUNTS: &str =
    concat!("SELECT ", columns!(), " FROM accounts WHERE user_id > $1 ORDER BY user_id LIMIT $2");

const HOLD: &str =
    concat!("UPDATE accounts SET version = version WHERE user_id = $1 RETURNING ", columns!());

/// Whether someone has an account and these roles, and has not signed out.
const MAY: &str = "SELECT COUNT(*) FROM accounts \
     WHERE user_id = $1 AND disabled_at = 0 AND ($2 IS NULL OR roles = $2) \
         AND ($3 IS NULL OR EXISTS (SELECT 1 FROM sign_ins \
             WHERE id = $3 AND sign_ins.user_id = $1 AND ended_at = 0))";

#[derive(FromRow)]
struct Entry {
    user_id: String,
    email: Option<String>,
    password: Option<String>,
    roles: String,
    language: String,
    disabled_at: i64,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

#[async_trait]
impl AccountStore for Database {
    async fn create(
        &self,
        account: &NewAccount,
        after: After<'_, AccountCreation>,
        now: OffsetDateTime,
    ) -> Result<AccountCreation, StoreError> {
        self.create_account(account, after, now).await
    }

    async fn register(
        &self,
        registration: &Registration,
        after: After<'_, Registered>,
        now: OffsetDateTime,
    ) -> Result<Registered, StoreError> {
        self.keep_registration(registration, after, now).await
    }

    async fn issue_proof(
        &self,
        proof: &NewProof,
        now: OffsetDateTime,
    ) -> Result<Option<Recipient>, StoreError> {
        self.keep_proof(proof, now).await
    }

    async fn owner_of_proof(
        &self,
        purpose: ProofPurpose,
        hash: &ProofHash,
        now: OffsetDateTime,
    ) -> Result<Option<UserId>, StoreError> {
        self.who_has_proof(purpose, hash, now).await
    }

    async fn verify(
        &self,
        hash: &ProofHash,
        after: After<'_, Proved>,
        now: OffsetDateTime,
    ) -> Result<Proved, StoreError> {
        self.verify_registration(hash, after, now).await
    }

    async fn reset(
        &self,
        hash: &ProofHash,
        password: &SecretText,
        after: After<'_, Proved>,
        now: OffsetDateTime,
    ) -> Result<Proved, StoreError> {
        self.reset_password(hash, password, after, now).await
    }

    async fn registrations_of(
        &self,
        email: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<Registration>, StoreError> {
        self.living_registrations(email, now).await
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let entry: Option<Entry> = self.kind.read_one(ACCOUNT, values![user]).await?;
        entry.map(Account::try_from).transpose()
    }

    async fn account_of_email(&self, email: &str) -> Result<Option<Account>, StoreError> {
        let entry: Option<Entry> = self.kind.read_one(ACCOUNT_OF_EMAIL, values![email]).await?;
        entry.map(Account::try_from).transpose()
    }

    async fn is_reserved(&self, user: &UserId, now: OffsetDateTime) -> Result<bool, StoreError> {
        let taken: Option<Taken> = self.kind.read_one(OF_NAME, values![user, now]).await?;
        Ok(!taken.ok_or(StoreError::Corrupt("name"))?.by_no_account())
    }

    async fn accounts(
        &self,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        let after = after.map_or("", UserId::as_str);
        let entries: Vec<Entry> = self.kind.read(ACCOUNTS, values![after, limit]).await?;
        entries.into_iter().map(Account::try_from).collect()
    }

    async fn change(
        &self,
        user: &UserId,
        expected: Option<u64>,
        change: &AccountChange,
        by: Option<&Authority>,
        after: After<'_, AccountUpdate>,
        now: OffsetDateTime,
    ) -> Result<AccountUpdate, StoreError> {
        self.change_account(user, expected, change, by, after, now).await
    }

    async fn remove(
        &self,
        user: &UserId,
        free_at: OffsetDateTime,
        by: Option<&Authority>,
        after: After<'_, AccountUpdate>,
        now: OffsetDateTime,
    ) -> Result<AccountUpdate, StoreError> {
        self.remove_account(user, free_at, by, after, now).await
    }

    async fn sweep(
        &self,
        audited_since: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        self.sweep_all(audited_since, now).await
    }
}

impl Transaction {
    /// Reads an account and holds it: until the end of this it stays as it is, and nobody signs in
    /// to it.
    pub(super) async fn hold_account(
        &mut self,
        user: &UserId,
    ) -> Result<Option<Account>, StoreError> {
        let entry: Option<Entry> = self.row(HOLD, values![user]).await?;
        entry.map(Account::try_from).transpose()
    }

    /// Whether someone has the right by which they ask. Comes after everything is held that this
    /// step depends on.
    pub(super) async fn may(&mut self, by: Option<&Authority>) -> Result<bool, StoreError> {
        let Some(Authority { user, sid, roles }) = by else { return Ok(true) };
        let values = values![user, roles.as_ref().map(roles_text), sid.as_deref()];
        Ok(self.number(MAY, values).await? == 1)
    }
}

impl Account {
    /// Whether it is one of those of whom one must be left.
    pub(super) fn is_administrator(&self) -> bool {
        self.disabled_at.is_none() && self.roles.contains(&Role::Admin)
    }
}

impl TryFrom<Entry> for Account {
    type Error = StoreError;

    fn try_from(row: Entry) -> Result<Self, StoreError> {
        let roles = row.roles.split(',').filter(|role| !role.is_empty()).map(str::parse);
        let roles: Result<Roles, _> = roles.collect();
        Ok(Self {
            user: user_id(&row.user_id)?,
            email: row.email,
            password: row.password.map(SecretText),
            roles: roles.map_err(|_| StoreError::Corrupt("role"))?,
            language: language(&row.language)?,
            disabled_at: moment_if_any(row.disabled_at)?,
            version: unsigned(row.version)?,
            created_at: moment(row.created_at)?,
            updated_at: moment(row.updated_at)?,
        })
    }
}

pub(super) fn roles_text(roles: &Roles) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",")
}

pub(super) fn language(name: &str) -> Result<Language, StoreError> {
    Language::of(name).ok_or(StoreError::Corrupt("language"))
}
