//! How accounts come to be: by hand, or by a wish whose address is proved.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::{
    UserId,
    api::{Language, Role, Roles},
};
use sqlx::FromRow;
use time::OffsetDateTime;

use super::{
    Database,
    accounts::{language, roles_text},
    connection::{Asked, Transaction, after as later, moment, user_id, values},
};
use crate::store::{
    AccountCreation, After, NewAccount, NewProof, ProofHash, ProofPurpose, Proved, Recipient,
    Registered, Registration, Revoked, SecretText, StoreError,
};

const CREATE: &str = "INSERT INTO accounts \
         (user_id, email, password, roles, language, version, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, 1, $6, $6)";
const FORGET_FORMER: &str = "DELETE FROM former_accounts WHERE user_id = $1";

const OF_EMAIL: &str = "SELECT COUNT(*) FROM accounts WHERE email = $1";

const REGISTER: &str = "INSERT INTO registrations \
         (user_id, email, password, language, is_known, created_at, ends_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const FORGET_REGISTRATION: &str = "DELETE FROM registrations WHERE user_id = $1";

/// Those of an address that has an account now. They go on to hold their names: whoever asks for one
/// is not to learn that the address has an account.
const MAKE_KNOWN: &str = "UPDATE registrations SET is_known = 1 \
     WHERE email = $1 AND user_id <> $2 RETURNING user_id";
const REGISTRATIONS: &str = "SELECT user_id, email, password, language, ends_at \
     FROM registrations WHERE email = $1 AND ends_at > $2 ORDER BY created_at DESC, user_id";

/// Holds a registration that can become an account.
const HOLD_REGISTRATION: &str = "UPDATE registrations SET is_known = is_known \
     WHERE user_id = $1 AND ends_at > $2 AND is_known = 0 \
     RETURNING user_id, email, password, language, ends_at";

const ISSUE: &str = "INSERT INTO proofs (purpose, user_id, hash, ends_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (purpose, user_id) \
         DO UPDATE SET hash = excluded.hash, ends_at = excluded.ends_at";
const OWNER: &str = "SELECT user_id FROM proofs WHERE purpose = $1 AND hash = $2 AND ends_at > $3";
const USE: &str = "DELETE FROM proofs WHERE purpose = $1 AND hash = $2 AND ends_at > $3";
const FORGET_PROOF: &str = "DELETE FROM proofs WHERE purpose = $1 AND user_id = $2";

/// How far behind the beginning of an account tokens end that were minted for its name without a
/// sign-in: whoever minted one just before the account was there may have a clock that is ahead.
const STRAGGLERS: Duration = Duration::from_secs(2);

#[derive(FromRow)]
struct Entry {
    user_id: String,
    email: String,
    password: String,
    language: String,
    ends_at: i64,
}

impl Database {
    pub(super) async fn create_account(
        &self,
        account: &NewAccount,
        after: After<'_, AccountCreation>,
        now: OffsetDateTime,
    ) -> Result<AccountCreation, StoreError> {
        let asked = Asked::at(now);
        let mut transaction = self.kind.begin().await?;
        transaction.turn("names").await?;
        // Whoever makes an account by hand goes before those who only wish for its name.
        if !transaction.taken(&account.user, now).await?.by_no_account() {
            return transaction.refuse(AccountCreation::UserTaken, after, now).await;
        }
        if let Some(email) = &account.email
            && transaction.number(OF_EMAIL, values![email]).await? > 0
        {
            return transaction.refuse(AccountCreation::EmailTaken, after, now).await;
        }
        transaction.forget_registration(&account.user).await?;
        transaction.create(account, asked, now).await?;
        transaction.keep(AccountCreation::Done, after, now).await
    }

    pub(super) async fn keep_registration(
        &self,
        registration: &Registration,
        after: After<'_, Registered>,
        now: OffsetDateTime,
    ) -> Result<Registered, StoreError> {
        let Registration { user, email, password, language, ends_at } = registration;
        let mut transaction = self.kind.begin().await?;
        transaction.turn("names").await?;
        if !transaction.taken(user, now).await?.by_nobody() {
            return transaction.refuse(Registered::UserTaken, after, now).await;
        }
        let is_known = transaction.number(OF_EMAIL, values![email]).await? > 0;
        transaction.forget_registration(user).await?;
        let values = values![user, email, &password.0, language.as_str(), is_known, now, *ends_at];
        transaction.execute(REGISTER, values).await?;
        let registered = if is_known { Registered::Known } else { Registered::New };
        transaction.keep(registered, after, now).await
    }

    pub(super) async fn keep_proof(
        &self,
        proof: &NewProof,
        now: OffsetDateTime,
    ) -> Result<Option<Recipient>, StoreError> {
        let NewProof { purpose, user, hash, ends_at } = proof;
        let mut transaction = self.kind.begin().await?;
        let found = match purpose {
            ProofPurpose::Verify => transaction
                .hold_registration(user, now)
                .await?
                .map(|Registration { email, language, .. }| (email, language)),
            ProofPurpose::Reset => {
                let account = transaction.hold_account(user).await?;
                let account = account.filter(|account| account.disabled_at.is_none());
                account.and_then(|account| Some((account.email?, account.language)))
            }
        };
        let Some((email, language)) = found else { return Ok(None) };
        let values = values![purpose.as_str(), user, hash_text(hash), *ends_at];
        transaction.execute(ISSUE, values).await?;
        transaction.commit().await?;
        Ok(Some(Recipient { user: user.clone(), email, language }))
    }

    pub(super) async fn who_has_proof(
        &self,
        purpose: ProofPurpose,
        hash: &ProofHash,
        now: OffsetDateTime,
    ) -> Result<Option<UserId>, StoreError> {
        let values = values![purpose.as_str(), hash_text(hash), now];
        let owner: Option<(String,)> = self.kind.read_one(OWNER, values).await?;
        owner.map(|(owner,)| user_id(&owner)).transpose()
    }

    pub(super) async fn verify_registration(
        &self,
        hash: &ProofHash,
        after: After<'_, Proved>,
        now: OffsetDateTime,
    ) -> Result<Proved, StoreError> {
        let purpose = ProofPurpose::Verify;
        let asked = Asked::at(now);
        let mut transaction = self.kind.begin().await?;
        transaction.turn("names").await?;
        let Some(user) = transaction.owner_of_proof(purpose, hash, now).await? else {
            return transaction.refuse(Proved::Invalid, after, now).await;
        };
        let Some(registration) = transaction.hold_registration(&user, now).await? else {
            return transaction.refuse(Proved::Invalid, after, now).await;
        };
        if !transaction.use_proof(purpose, hash, now).await? {
            return transaction.refuse(Proved::Invalid, after, now).await;
        }
        let Registration { user, email, password, language, .. } = registration;
        transaction.forget_registration(&user).await?;
        let others: Vec<(String,)> = transaction.rows(MAKE_KNOWN, values![&email, &user]).await?;
        for (other,) in others {
            transaction.execute(FORGET_PROOF, values![purpose.as_str(), other]).await?;
        }
        let account = NewAccount {
            user: user.clone(),
            email: Some(email),
            password: Some(password),
            roles: Roles::from([Role::User]),
            language,
        };
        transaction.create(&account, asked, now).await?;
        transaction.keep(Proved::Done(user, Vec::new()), after, now).await
    }

    pub(super) async fn living_registrations(
        &self,
        email: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<Registration>, StoreError> {
        let entries: Vec<Entry> = self.kind.read(REGISTRATIONS, values![email, now]).await?;
        entries.into_iter().map(Registration::try_from).collect()
    }
}

impl Transaction {
    /// Makes an account whose name and address are free.
    async fn create(
        &mut self,
        account: &NewAccount,
        asked: Asked,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let NewAccount { user, email, password, roles, language } = account;
        self.execute(FORGET_FORMER, values![user]).await?;
        let password = password.as_ref().map(|password| password.0.as_str());
        let (roles, language) = (roles_text(roles), Language::as_str(*language));
        let values = values![user, email.as_deref(), password, roles, language, now];
        self.execute(CREATE, values).await?;
        let until = later(asked.now(), STRAGGLERS);
        let ends_at = self.last_token_end(until).await?;
        self.revoke(&[(Revoked::Unbound(user.clone(), until), ends_at)]).await
    }

    /// Holds the registration with this name, if it can become an account.
    async fn hold_registration(
        &mut self,
        user: &UserId,
        now: OffsetDateTime,
    ) -> Result<Option<Registration>, StoreError> {
        let entry: Option<Entry> = self.row(HOLD_REGISTRATION, values![user, now]).await?;
        let Some(registration) = entry.map(Registration::try_from).transpose()? else {
            return Ok(None);
        };
        let known = self.number(OF_EMAIL, values![&registration.email]).await?;
        Ok((known == 0).then_some(registration))
    }

    pub(super) async fn forget_registration(&mut self, user: &UserId) -> Result<(), StoreError> {
        self.execute(FORGET_REGISTRATION, values![user]).await?;
        self.forget_proof(ProofPurpose::Verify, user).await
    }

    pub(super) async fn owner_of_proof(
        &mut self,
        purpose: ProofPurpose,
        hash: &ProofHash,
        now: OffsetDateTime,
    ) -> Result<Option<UserId>, StoreError> {
        let values = values![purpose.as_str(), hash_text(hash), now];
        let owner: Option<(String,)> = self.row(OWNER, values).await?;
        owner.map(|(owner,)| user_id(&owner)).transpose()
    }

    /// Takes a token away, of which what it stands for is held; says whether it was there still.
    pub(super) async fn use_proof(
        &mut self,
        purpose: ProofPurpose,
        hash: &ProofHash,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let values = values![purpose.as_str(), hash_text(hash), now];
        Ok(self.execute(USE, values).await? == 1)
    }

    pub(super) async fn forget_proof(
        &mut self,
        purpose: ProofPurpose,
        user: &UserId,
    ) -> Result<(), StoreError> {
        self.execute(FORGET_PROOF, values![purpose.as_str(), user]).await.map(drop)
    }
}

impl TryFrom<Entry> for Registration {
    type Error = StoreError;

    fn try_from(row: Entry) -> Result<Self, StoreError> {
        Ok(Self {
            user: user_id(&row.user_id)?,
            email: row.email,
            password: SecretText(row.password),
            language: language(&row.language)?,
            ends_at: moment(row.ends_at)?,
        })
    }
}

fn hash_text(hash: &ProofHash) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(hash.0)
}
