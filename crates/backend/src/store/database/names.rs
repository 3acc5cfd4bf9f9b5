//! Names, and who may have them. Whoever hands one out has the turn for it.

use common::UserId;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::connection::{Transaction, values};
use crate::store::StoreError;

/// Of `_` a pattern would make more than it is.
pub(super) const OF_NAME: &str = "SELECT \
     (SELECT COUNT(*) FROM accounts WHERE user_id = $1) AS accounts, \
     (SELECT COUNT(*) FROM former_accounts WHERE user_id = $1 AND free_at > $2) AS former, \
     (SELECT COUNT(*) FROM registrations WHERE user_id = $1 AND ends_at > $2) AS registrations, \
     (SELECT COUNT(*) FROM namespaces WHERE (expires_at = 0 OR expires_at > $2) \
         AND substr($1, 1, length(prefix)) = prefix) AS namespaces";

/// Everything in a namespace lies between its prefix and that with `{`, which follows on all
/// characters of names.
const IN_NAMESPACE: &str = "SELECT \
     (SELECT COUNT(*) FROM accounts \
         WHERE user_id >= $1 AND user_id < $1 || '{' AND user_id <> $2) \
     + (SELECT COUNT(*) FROM former_accounts \
         WHERE user_id >= $1 AND user_id < $1 || '{' AND user_id <> $2 AND free_at > $3) \
     + (SELECT COUNT(*) FROM registrations \
         WHERE user_id >= $1 AND user_id < $1 || '{' AND user_id <> $2 AND ends_at > $3) \
     + (SELECT COUNT(*) FROM namespaces \
         WHERE user_id <> $2 AND (expires_at = 0 OR expires_at > $3) \
             AND (substr(prefix, 1, length($1)) = $1 OR substr($1, 1, length(prefix)) = prefix))";

/// Who has a name.
#[derive(FromRow)]
pub(super) struct Taken {
    accounts: i64,
    former: i64,
    registrations: i64,
    namespaces: i64,
}

impl Taken {
    /// Whether nobody has it.
    pub(super) fn by_nobody(&self) -> bool {
        self.registrations == 0 && self.by_no_account()
    }

    /// Whether nobody has it but who may have asked for it.
    pub(super) fn by_no_account(&self) -> bool {
        self.accounts == 0 && self.former == 0 && self.namespaces == 0
    }
}

impl Transaction {
    pub(super) async fn taken(
        &mut self,
        user: &UserId,
        now: OffsetDateTime,
    ) -> Result<Taken, StoreError> {
        let taken = self.row(OF_NAME, values![user, now]).await?;
        taken.ok_or(StoreError::Corrupt("name"))
    }

    /// Whether nobody but its owner has a name with this beginning, or may hand it out.
    pub(super) async fn is_free_namespace(
        &mut self,
        prefix: &UserId,
        owner: &UserId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        Ok(self.number(IN_NAMESPACE, values![prefix, owner, now]).await? == 0)
    }
}
