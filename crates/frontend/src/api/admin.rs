//! What those who look after others may do: everybody's accounts, and the audit log.

use common::{
    UserId,
    api::{
        AuditAction, AuditResult, Roles,
        account::{Account, AccountList, SetRoles, UpdateAccount},
        audit::AuditList,
    },
    path,
};

use web_sys::Blob;

use super::call::{Answer, Call, file, json};
use crate::identity::Identity;

/// Which entries of the audit log are asked for: all of them, where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    /// Who did it.
    pub(crate) actor: Option<String>,
    /// What was done.
    pub(crate) action: Option<AuditAction>,
    /// Whom it was done to.
    pub(crate) target: Option<String>,
    /// Whether it was done.
    pub(crate) result: Option<AuditResult>,
    /// From this moment on, in RFC 3339.
    pub(crate) from: Option<String>,
    /// Before this moment, in RFC 3339.
    pub(crate) until: Option<String>,
}

impl AuditFilter {
    fn call(&self) -> Call {
        Call::get(path::AUDIT)
            .query("actor", self.actor.as_deref())
            .query("action", self.action.map(AuditAction::as_str))
            .query("target", self.target.as_deref())
            .query("result", self.result.map(AuditResult::as_str))
            .query("from", self.from.as_deref())
            .query("until", self.until.as_deref())
    }
}

/// A page of all accounts, by name.
pub(crate) async fn accounts(who: Identity, cursor: Option<&str>) -> Answer<AccountList> {
    json(Call::get(path::USERS).query("cursor", cursor).send_for(who).await?).await
}

/// One account.
pub(crate) async fn account(who: Identity, user: &UserId) -> Answer<Account> {
    json(Call::get(&path::user(user)).send_for(who).await?).await
}

/// Disables an account, or enables it again.
pub(crate) async fn set_disabled(who: Identity, user: &UserId, disabled: bool) -> Answer<Account> {
    let update = UpdateAccount { disabled: Some(disabled), ..UpdateAccount::default() };
    json(Call::patch(&path::user(user)).json(&update).send_for(who).await?).await
}

/// Gives an account other roles.
pub(crate) async fn set_roles(who: Identity, user: &UserId, roles: Roles) -> Answer<Account> {
    json(Call::put(&path::user_roles(user)).json(&SetRoles { roles }).send_for(who).await?).await
}

/// Ends someone else's account, and all that is its own.
pub(crate) async fn delete(who: Identity, user: &UserId) -> Answer<()> {
    Call::delete(&path::user(user)).send_for(who).await.map(drop)
}

/// A page of the audit log, newest first.
pub(crate) async fn audit(
    who: Identity,
    filter: &AuditFilter,
    cursor: Option<&str>,
) -> Answer<AuditList> {
    json(filter.call().query("cursor", cursor).send_for(who).await?).await
}

/// All that the filter lets through, a line of JSON for each entry.
pub(crate) async fn export_audit(who: Identity, filter: &AuditFilter) -> Answer<Blob> {
    file(filter.call().query("format", Some("ndjson")).send_for(who).await?).await
}
