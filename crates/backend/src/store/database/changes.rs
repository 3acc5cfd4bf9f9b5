//! What becomes of accounts. The last administrator stays: of those who might take them away, one
//! at a time goes on.

use common::{UserId, api::Role};
use time::OffsetDateTime;

use super::{
    Database,
    accounts::roles_text,
    connection::{Transaction, values},
    sign_ins::{Ended, revoked, were_living},
};
use crate::store::{
    Account, AccountChange, AccountUpdate, After, Authority, ProofHash, ProofPurpose, Proved,
    Revoked, SecretText, SignInEnd, StoreError,
};

const OTHER_ADMINISTRATORS: &str = "SELECT COUNT(*) FROM accounts \
     WHERE disabled_at = 0 AND ',' || roles || ',' LIKE '%,' || $1 || ',%' AND user_id <> $2";

const WRITE: &str = "UPDATE accounts SET password = $2, roles = $3, language = $4, \
         disabled_at = $5, version = $6, updated_at = $7 \
     WHERE user_id = $1";

const REMOVE: &str = "DELETE FROM accounts WHERE user_id = $1";
const REMEMBER_FORMER: &str = "INSERT INTO former_accounts (user_id, free_at) VALUES ($1, $2) \
     ON CONFLICT (user_id) DO UPDATE SET free_at = excluded.free_at";

/// What follows from a change of an account.
#[derive(Debug, Default, PartialEq, Eq)]
struct Consequences<'a> {
    /// Its sign-ins end: why, and but which.
    sign_ins: Option<(SignInEnd, Option<&'a str>)>,
    /// Its tokens without a sign-in end, and those of mails.
    tokens: bool,
    /// What its API keys have minted ends.
    minted: bool,
}

impl Database {
    pub(super) async fn change_account(
        &self,
        user: &UserId,
        expected: Option<u64>,
        change: &AccountChange,
        by: Option<&Authority>,
        after: After<'_, AccountUpdate>,
        now: OffsetDateTime,
    ) -> Result<AccountUpdate, StoreError> {
        let mut transaction = self.kind.begin().await?;
        if matches!(change, AccountChange::Roles(_) | AccountChange::Disabled) {
            transaction.turn("administrators").await?;
        }
        let Some(before) = transaction.hold_account(user).await? else {
            return transaction.refuse(AccountUpdate::Gone, after, now).await;
        };
        if !transaction.may(by).await? {
            return transaction.refuse(AccountUpdate::Unauthorized, after, now).await;
        }
        if expected.is_some_and(|expected| expected != before.version) {
            return transaction.refuse(AccountUpdate::Outdated, after, now).await;
        }
        let (account, consequences) = change.applied_to(&before, now);
        if before.is_administrator()
            && !account.is_administrator()
            && transaction.is_only_administrator(user).await?
        {
            return transaction.refuse(AccountUpdate::LastAdmin, after, now).await;
        }
        if account != before {
            transaction.write_account(&account, now).await?;
        }
        let ended = transaction.follow(user, &consequences, now).await?;
        transaction.keep(AccountUpdate::Done(ended), after, now).await
    }

    pub(super) async fn reset_password(
        &self,
        hash: &ProofHash,
        password: &SecretText,
        after: After<'_, Proved>,
        now: OffsetDateTime,
    ) -> Result<Proved, StoreError> {
        let purpose = ProofPurpose::Reset;
        let mut transaction = self.kind.begin().await?;
        let Some(user) = transaction.owner_of_proof(purpose, hash, now).await? else {
            return transaction.refuse(Proved::Invalid, after, now).await;
        };
        let account = transaction.hold_account(&user).await?;
        let Some(before) = account.filter(|account| account.disabled_at.is_none()) else {
            return transaction.refuse(Proved::Invalid, after, now).await;
        };
        if !transaction.use_proof(purpose, hash, now).await? {
            return transaction.refuse(Proved::Invalid, after, now).await;
        }
        let change = AccountChange::Password { hash: password.clone(), kept: None };
        let (account, consequences) = change.applied_to(&before, now);
        transaction.write_account(&account, now).await?;
        let ended = transaction.follow(&user, &consequences, now).await?;
        transaction.keep(Proved::Done(user, ended), after, now).await
    }

    pub(super) async fn remove_account(
        &self,
        user: &UserId,
        free_at: OffsetDateTime,
        by: Option<&Authority>,
        after: After<'_, AccountUpdate>,
        now: OffsetDateTime,
    ) -> Result<AccountUpdate, StoreError> {
        let mut transaction = self.kind.begin().await?;
        transaction.turn("names").await?;
        transaction.turn("administrators").await?;
        let Some(account) = transaction.hold_account(user).await? else {
            return transaction.refuse(AccountUpdate::Gone, after, now).await;
        };
        if !transaction.may(by).await? {
            return transaction.refuse(AccountUpdate::Unauthorized, after, now).await;
        }
        if account.is_administrator() && transaction.is_only_administrator(user).await? {
            return transaction.refuse(AccountUpdate::LastAdmin, after, now).await;
        }
        transaction.execute(REMOVE, values![user]).await?;
        transaction.execute(REMEMBER_FORMER, values![user, free_at]).await?;
        transaction.forget_registration(user).await?;
        let sign_ins = transaction.remove_sign_ins(user).await?;
        let keys = transaction.remove_keys(user, free_at).await?;
        transaction.forget_proof(ProofPurpose::Reset, user).await?;
        let ends_at = transaction.last_token_end(now).await?;
        let mut ending = revoked(&sign_ins, now);
        ending.extend(transaction.revoked_keys(keys, now).await?);
        ending.push((Revoked::Unbound(user.clone(), now), ends_at));
        transaction.revoke(&ending).await?;
        transaction.keep(AccountUpdate::Done(were_living(sign_ins, now)), after, now).await
    }
}

impl Transaction {
    /// Whether no administrator would be left without this one.
    async fn is_only_administrator(&mut self, user: &UserId) -> Result<bool, StoreError> {
        let values = values![Role::Admin.as_str(), user];
        Ok(self.number(OTHER_ADMINISTRATORS, values).await? == 0)
    }

    async fn write_account(
        &mut self,
        account: &Account,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let values = values![
            &account.user,
            account.password.as_ref().map(|password| password.0.as_str()),
            roles_text(&account.roles),
            account.language.as_str(),
            account.disabled_at,
            account.version,
            now,
        ];
        self.execute(WRITE, values).await.map(drop)
    }

    /// Carries out what follows from the change of an account that is held; says which sign-ins
    /// have ended.
    async fn follow(
        &mut self,
        user: &UserId,
        consequences: &Consequences<'_>,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, StoreError> {
        let mut sign_ins: Vec<Ended> = Vec::new();
        if let Some((why, kept)) = consequences.sign_ins {
            sign_ins = self.end_of_user(user, kept, why, now).await?;
        }
        let mut ending = revoked(&sign_ins, now);
        if consequences.minted {
            ending.extend(self.revoke_minted(user, now).await?);
        }
        if consequences.tokens {
            self.forget_proof(ProofPurpose::Reset, user).await?;
            let ends_at = self.last_token_end(now).await?;
            ending.push((Revoked::Unbound(user.clone(), now), ends_at));
        }
        self.revoke(&ending).await?;
        Ok(were_living(sign_ins, now))
    }
}

impl AccountChange {
    /// The account after the change, and what follows from it.
    fn applied_to(&self, before: &Account, now: OffsetDateTime) -> (Account, Consequences<'_>) {
        let mut account = before.clone();
        let mut consequences = Consequences::default();
        let mut has_changed = false;
        match self {
            Self::Password { hash, kept } => {
                account.password = Some(hash.clone());
                let why = SignInEnd::PasswordChanged;
                consequences.sign_ins = Some((why, kept.as_deref()));
                consequences.tokens = true;
                has_changed = true;
            }
            Self::Rehash(hash) => account.password = Some(hash.clone()),
            Self::Language(language) => {
                account.language = *language;
                has_changed = *language != before.language;
            }
            Self::Roles(roles) if *roles == before.roles => {}
            Self::Roles(roles) => {
                account.roles.clone_from(roles);
                consequences.sign_ins = Some((SignInEnd::AccountChanged, None));
                has_changed = true;
            }
            Self::Disabled if before.disabled_at.is_some() => {}
            Self::Disabled => {
                account.disabled_at = Some(now);
                let sign_ins = Some((SignInEnd::AccountChanged, None));
                consequences = Consequences { sign_ins, tokens: true, minted: true };
                has_changed = true;
            }
            Self::Enabled => {
                account.disabled_at = None;
                has_changed = before.disabled_at.is_some();
            }
        }
        account.version += u64::from(has_changed);
        (account, consequences)
    }
}
