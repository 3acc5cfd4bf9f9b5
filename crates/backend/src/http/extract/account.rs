//! Rights that come with an account: whoever signed in, and what their roles allow. Roles are read
//! from the store with each request, so that one that was taken away is gone at once.

use std::{marker::PhantomData, sync::Arc};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use common::{UserId, api::Roles};

use super::{Segments, caller::Caller};
use crate::{
    account::{Accounts, Right, Source},
    http::{
        App,
        docs::{Storing, reads, refuses},
        error::ApiError,
        guard::TraceId,
        shares::Shares,
    },
    limit::Limit,
    store::Authority,
    token::Identity,
};

/// Accounts, where they are kept.
pub(in crate::http) struct Kept(pub(in crate::http) Arc<Accounts>);
refuses!(Kept: AccountsOff; and Storing);

impl FromRequestParts<App> for Kept {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Option::<Arc<Accounts>>::from_ref(app).map(Self).ok_or(ApiError::AccountsOff)
    }
}

/// Where a request comes from, and whoever has shown who they are.
pub(in crate::http) struct From(pub(in crate::http) Source);
refuses!(From: ; and Shares);

impl FromRequestParts<App> for From {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let address = Some(Shares::from_request_parts(parts, app).await?.network());
        let trace_id = parts.extensions.get().map(|TraceId(id)| id.clone());
        Ok(Self(Source { actor: None, address, trace_id }))
    }
}

/// Someone with a token, where accounts are kept. What they ask for is their own.
pub(in crate::http) struct Holder {
    pub(in crate::http) accounts: Arc<Accounts>,
    pub(in crate::http) who: Identity,
    pub(in crate::http) source: Source,
}
refuses!(Holder: ; and Kept, Caller, From);

impl Holder {
    /// By what right they ask for what is their own.
    pub(in crate::http) fn authority(&self) -> Authority {
        authority(&self.who, None)
    }
}

fn authority(who: &Identity, roles: Option<Roles>) -> Authority {
    Authority { user: who.user.clone(), sid: who.sid.as_deref().map(str::to_owned), roles }
}

impl FromRequestParts<App> for Holder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Kept(accounts) = Kept::from_request_parts(parts, app).await?;
        let Caller(who) = Caller::from_request_parts(parts, app).await?;
        let From(source) = From::from_request_parts(parts, app).await?;
        let source = source.acting(&who.user);
        Ok(Self { accounts, who, source })
    }
}

/// What a route asks of someone's roles.
pub(in crate::http) trait Asks {
    /// Which right it takes.
    const RIGHT: Right;
    /// Whether everyone has it over their own account.
    const OF_ONESELF: bool = false;
}

macro_rules! asks {
    ($($(#[$doc:meta])* $name:ident: $right:ident $(, of_oneself: $own:literal)?;)*) => {
        $(
            $(#[$doc])*
            pub(in crate::http) enum $name {}

            impl Asks for $name {
                const RIGHT: Right = Right::$right;
                $(const OF_ONESELF: bool = $own;)?
            }
        )*
    };
}

asks! {
    /// All accounts.
    SeeingAccounts: SeeAccounts;
    /// One account.
    SeeingAccount: SeeAccounts, of_oneself: true;
    /// An account's settings; what is changed decides further.
    ChangingAccount: DisableAccounts, of_oneself: true;
    /// An account's end.
    DeletingAccount: DeleteAccounts, of_oneself: true;
    /// An account's roles.
    SettingRoles: SetRoles;
    /// The audit log.
    ReadingAudit: ReadAudit;
}

/// Someone whose roles allow what a route does, and whom it is done to.
pub(in crate::http) struct Allowed<What> {
    pub(in crate::http) accounts: Arc<Accounts>,
    pub(in crate::http) source: Source,
    /// Who asks.
    pub(in crate::http) who: Identity,
    /// The roles of who asks, by which all that the route does was and is decided.
    pub(in crate::http) roles: Roles,
    /// Whether it is by a right over others: what is one's own needs none.
    pub(in crate::http) by_right: bool,
    what: PhantomData<fn() -> What>,
}
refuses!(Allowed<SeeingAccounts>: Forbidden; and Holder);
refuses!(Allowed<ReadingAudit>: Forbidden; and Holder);

/// The same, over the account in the path.
pub(in crate::http) struct Over<What> {
    pub(in crate::http) allowed: Allowed<What>,
    pub(in crate::http) user: UserId,
}
refuses!(Over<SeeingAccount>: Forbidden, InvalidId, AccountNotFound; and Holder);
refuses!(Over<ChangingAccount>: Forbidden, InvalidId, AccountNotFound; and Holder);
refuses!(Over<DeletingAccount>: Forbidden, InvalidId, AccountNotFound; and Holder);
refuses!(Over<SettingRoles>: Forbidden, InvalidId, AccountNotFound; and Holder);
reads!(Over<SeeingAccount>: account_id);
reads!(Over<ChangingAccount>: account_id);
reads!(Over<DeletingAccount>: account_id);
reads!(Over<SettingRoles>: account_id);

impl<What: Asks> Allowed<What> {
    /// By what right they ask for what the route does.
    pub(in crate::http) fn authority(&self) -> Authority {
        authority(&self.who, Some(self.roles.clone()))
    }

    async fn of(
        holder: Holder,
        target: Option<&UserId>,
        parts: &mut Parts,
        app: &App,
    ) -> Result<Self, ApiError> {
        let Holder { accounts, who, source } = holder;
        let roles = accounts.roles(&who.user).await?;
        let by_right = roles.iter().any(|role| What::RIGHT.is_of(*role));
        let is_own = What::OF_ONESELF && target == Some(&who.user);
        if by_right || is_own {
            return Ok(Self { accounts, source, who, roles, by_right, what: PhantomData });
        }
        let shares = Shares::from_request_parts(parts, app).await?;
        let refused = Self { accounts, source, who, roles, by_right, what: PhantomData };
        Err(refused.denied(What::RIGHT.as_str(), target, &shares).await?)
    }

    /// What someone is told whose roles do not allow something; the audit log tells of it.
    pub(in crate::http) async fn denied(
        &self,
        what: &str,
        target: Option<&UserId>,
        shares: &Shares,
    ) -> Result<ApiError, ApiError> {
        // Whoever insists fills neither the log nor the store with it.
        if shares.has_left_of_user(Limit::DenialsPerUser, &self.who.user).await? {
            self.accounts.denied(what, target, &self.source).await?;
        }
        Ok(ApiError::Denied("Your roles do not allow this."))
    }
}

impl<What: Asks + Send> FromRequestParts<App> for Allowed<What> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let holder = Holder::from_request_parts(parts, app).await?;
        Self::of(holder, None, parts, app).await
    }
}

impl<What: Asks + Send> FromRequestParts<App> for Over<What> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        // Who asks comes before whom they name.
        let holder = Holder::from_request_parts(parts, app).await?;
        let user = Segments::from_request_parts(parts, app).await?.user_id()?;
        let allowed = Allowed::of(holder, Some(&user), parts, app).await?;
        Ok(Self { allowed, user })
    }
}

/// Someone's own API keys.
pub(in crate::http) struct OwnKeys {
    pub(in crate::http) holder: Holder,
    pub(in crate::http) user: UserId,
}
refuses!(OwnKeys: Forbidden, InvalidId, AccountNotFound; and Holder);
reads!(OwnKeys: account_id);

impl FromRequestParts<App> for OwnKeys {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let holder = Holder::from_request_parts(parts, app).await?;
        let user = Segments::from_request_parts(parts, app).await?.user_id()?;
        match holder.who.user == user {
            true => Ok(Self { holder, user }),
            false => Err(ApiError::Forbidden),
        }
    }
}

macro_rules! attempts {
    ($($(#[$doc:meta])* $name:ident: $limit:ident;)*) => {
        $(
            $(#[$doc])*
            pub(in crate::http) struct $name {
                pub(in crate::http) accounts: Arc<Accounts>,
                pub(in crate::http) source: Source,
            }
            refuses!($name: ; and Kept, From);

            impl FromRequestParts<App> for $name {
                type Rejection = ApiError;

                async fn from_request_parts(
                    parts: &mut Parts,
                    app: &App,
                ) -> Result<Self, ApiError> {
                    let Kept(accounts) = Kept::from_request_parts(parts, app).await?;
                    let shares = Shares::from_request_parts(parts, app).await?;
                    shares.take_of_address(Limit::$limit).await?;
                    let From(source) = From::from_request_parts(parts, app).await?;
                    Ok(Self { accounts, source })
                }
            }
        )*
    };
}

attempts! {
    /// The right to try a password.
    SigningIn: LoginsPerAddress;
    /// The right to use a refresh token.
    Refreshing: RefreshesPerAddress;
    /// The right to ask for an account, or to prove an address.
    Registering: RegistrationsPerAddress;
    /// The right to cause a mail.
    Mailing: MailsPerAddress;
}
