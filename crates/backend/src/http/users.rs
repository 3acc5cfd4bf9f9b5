//! Accounts as their owners and those who look after them see them.

use axum::{
    Json as Answer,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use common::{
    UserId,
    api::account::{Account, AccountList, DeleteAccountRequest, SetRoles, UpdateAccount},
    path,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    docs::{Refusals, refuses},
    error::ApiError,
    extract::{
        Allowed, ChangingAccount, DeletingAccount, Holder, IfVersion, Json, OptionalJson, Over,
        Query, SeeingAccount, SeeingAccounts, SettingRoles,
    },
    shares::Shares,
};
use crate::{
    account::{AccountPatch, Accounts, Password, Right},
    limit::Limit,
    store,
};

/// Accounts on a page when nothing is asked for, and at most.
const DEFAULT_PAGE: u32 = 50;
const MAX_PAGE: u32 = 100;

/// Work: finding one's account.
enum FindingAccount {}
refuses!(FindingAccount: AccountNotFound);

/// Work: taking something from the last administrator.
enum Deposing {}
refuses!(Deposing: LastAdmin);

/// What shows that it is the account's owner.
enum Confirming {}
refuses!(Confirming: AuthCredentialsInvalid, Busy);

/// An account, and its entity tag.
type Shown = ([(HeaderName, HeaderValue); 1], Answer<Account>);

/// Reads one's own account
#[utoipa::path(
    get, path = path::ME, tag = "Accounts", operation_id = "readMe", security(("bearer" = [])),
    responses(
        (status = 200, description = "The account of the token", body = Account, headers(("ETag"))),
        Refusals<(Holder, FindingAccount)>,
    )
)]
pub(super) async fn me(Holder { accounts, who, .. }: Holder) -> Result<Shown, ApiError> {
    shown(&accounts, &who.user).await
}

/// Where a page of accounts begins, and how long it is
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Accounts on the page, from 1 to 100.
    #[param(minimum = 1, maximum = 100, example = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists all accounts
///
/// By name; for operators, auditors and administrators.
#[utoipa::path(
    get, path = path::USERS, tag = "Administration", operation_id = "listAccounts",
    security(("bearer" = [])), params(Page),
    responses(
        (status = 200, description = "A page of them", body = AccountList),
        Refusals<(Allowed<SeeingAccounts>, Query<Page>, super::docs::Paging)>,
    )
)]
pub(super) async fn list(
    Allowed { accounts, .. }: Allowed<SeeingAccounts>,
    Query(page): Query<Page>,
) -> Result<Answer<AccountList>, ApiError> {
    let limit = page.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("limit must be from 1 to {MAX_PAGE}");
        return Err(ApiError::Invalid { pointer: "limit".to_owned(), detail });
    }
    let after = page.cursor.as_deref().map(str::parse::<UserId>).transpose();
    let after = after.map_err(|_| ApiError::InvalidCursor)?;
    let mut users = accounts.list(after.as_ref(), limit + 1).await?;
    let is_last = users.len() <= limit as usize;
    users.truncate(limit as usize);
    let next_cursor = users.last().filter(|_| !is_last).map(|account| account.user.to_string());
    Ok(Answer(AccountList { users: users.into_iter().map(on_the_wire).collect(), next_cursor }))
}

/// Reads an account
///
/// One's own; any, for operators, auditors and administrators.
#[utoipa::path(
    get, path = path::USER, tag = "Administration", operation_id = "readAccount",
    security(("bearer" = [])), params(Over<SeeingAccount>),
    responses(
        (status = 200, description = "The account", body = Account, headers(("ETag"))),
        Refusals<(Over<SeeingAccount>,)>,
    )
)]
pub(super) async fn get(Over { allowed, user }: Over<SeeingAccount>) -> Result<Shown, ApiError> {
    shown(&allowed.accounts, &user).await
}

/// Changes an account
///
/// Its language, by its owner or an administrator. Operators and administrators disable and enable
/// accounts, operators only those that have no role. A disabled account's sign-ins and API keys
/// have ended.
#[utoipa::path(
    patch, path = path::USER, tag = "Administration", operation_id = "changeAccount",
    security(("bearer" = [])), params(Over<ChangingAccount>, IfVersion),
    request_body = UpdateAccount,
    responses(
        (status = 200, description = "The account as it is now", body = Account, headers(("ETag"))),
        Refusals<(Over<ChangingAccount>, IfVersion, Json<UpdateAccount>, Deposing)>,
    )
)]
pub(super) async fn patch(
    Over { allowed, user }: Over<ChangingAccount>,
    shares: Shares,
    expected: IfVersion,
    Json(update): Json<UpdateAccount>,
) -> Result<Shown, ApiError> {
    let account = allowed.accounts.get(&user).await?;
    let rules_all = allowed.roles.iter().any(|role| Right::SetRoles.is_of(*role));
    if update.disabled.is_some() && !(rules_all || allowed.by_right && has_no_rights(&account)) {
        return Err(allowed.denied("disable this account", Some(&user), &shares).await?);
    }
    if update.language.is_some() && !(rules_all || allowed.who.user == user) {
        return Err(allowed.denied("change this account", Some(&user), &shares).await?);
    }
    let by = allowed.authority();
    let Allowed { accounts, source, .. } = allowed;
    let expected = expected.of(&account)?;
    if let Some(disabled) = update.disabled {
        // Whoever was found to have no role must still have none.
        let expected = expected.or((!rules_all).then_some(account.version));
        let patch = AccountPatch::Disabled(disabled);
        accounts.patch(&user, expected, patch, Some(&by), &source).await?;
    }
    if let Some(language) = update.language {
        let expected = expected.filter(|_| update.disabled.is_none());
        let patch = AccountPatch::Language(language);
        accounts.patch(&user, expected, patch, Some(&by), &source).await?;
    }
    shown(&accounts, &user).await
}

/// Deletes an account
///
/// One's own, with its password; another's, for administrators. Its sign-ins and API keys end at
/// once, its sessions right after that, and their streams with them. Nobody gets its user id for
/// some time.
#[utoipa::path(
    delete, path = path::USER, tag = "Administration", operation_id = "deleteAccount",
    security(("bearer" = [])), params(Over<DeletingAccount>),
    request_body(content = DeleteAccountRequest, description = "The password, of one's own account"),
    responses(
        (status = 204, description = "It is gone"),
        Refusals<(Over<DeletingAccount>, OptionalJson<DeleteAccountRequest>, Confirming, Deposing)>,
    )
)]
pub(super) async fn delete(
    Over { allowed, user }: Over<DeletingAccount>,
    shares: Shares,
    OptionalJson(request): OptionalJson<DeleteAccountRequest>,
) -> Result<StatusCode, ApiError> {
    let by = allowed.authority();
    let Allowed { accounts, source, who, .. } = allowed;
    let mut password = None;
    if who.user == user {
        shares.take_of_holder(Limit::LoginsPerAccount, &user).await?;
        password = Some(Password::new(request.password.unwrap_or_default()));
    }
    accounts.delete(&user, password, Some(&by), &source).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives an account other roles
///
/// For administrators. All sign-ins of the account end.
#[utoipa::path(
    put, path = path::USER_ROLES, tag = "Administration", operation_id = "setRoles",
    security(("bearer" = [])), params(Over<SettingRoles>, IfVersion),
    request_body = SetRoles,
    responses(
        (status = 200, description = "The account as it is now", body = Account, headers(("ETag"))),
        Refusals<(Over<SettingRoles>, IfVersion, Json<SetRoles>, Deposing)>,
    )
)]
pub(super) async fn set_roles(
    Over { allowed, user }: Over<SettingRoles>,
    expected: IfVersion,
    Json(SetRoles { roles }): Json<SetRoles>,
) -> Result<Shown, ApiError> {
    let by = allowed.authority();
    let Allowed { accounts, source, .. } = allowed;
    let expected = expected.of(&accounts.get(&user).await?)?;
    accounts.set_roles(&user, expected, roles, Some(&by), &source).await?;
    shown(&accounts, &user).await
}

/// Whether an account is nobody's who looks after others.
fn has_no_rights(account: &store::Account) -> bool {
    let has = |right: &Right| account.roles.iter().any(|role| right.is_of(*role));
    !Right::ALL.iter().any(has)
}

async fn shown(accounts: &Accounts, user: &UserId) -> Result<Shown, ApiError> {
    let account = accounts.get(user).await?;
    let etag = format!("\"{}\"", account.version);
    let etag = HeaderValue::from_str(&etag).map_err(|_| ApiError::Internal)?;
    Ok(([(header::ETAG, etag)], Answer(on_the_wire(account))))
}

fn on_the_wire(account: store::Account) -> Account {
    Account {
        user_id: account.user.to_string(),
        email: account.email,
        roles: account.roles,
        disabled: account.disabled_at.is_some(),
        language: account.language,
        created_at: account.created_at,
        updated_at: account.updated_at,
    }
}
