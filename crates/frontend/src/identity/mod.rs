//! Who is signed in. The only room of the page that touches the browser's storage.
//!
//! There are two ways to be someone. Where minting is open, anyone gets a token that lasts, and
//! the page keeps it. Whoever signs in to an account has a token that is in memory only and ends
//! soon: `renewal` replaces it by a cookie that no script can read, and `tabs` shares it with
//! the other tabs.

mod renewal;
mod storage;
mod tabs;

use common::{
    UserId,
    api::{Token, account::SignedIn},
    jwt,
};
use leptos::{prelude::*, task::spawn_local};
use serde::{Deserialize, Serialize};
use web_sys::js_sys::Date;

use crate::api;
use renewal::Keeper;
use tabs::{Message, Tabs};

/// A token, and what it says of its holder. Without `Debug`: it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Who is signed in.
    pub(crate) user: UserId,
    /// The JWT.
    pub(crate) token: String,
    life: Life,
}

/// How long a pass is good for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Life {
    /// As long as the token says; nothing comes after it.
    Fixed,
    /// Until then, in milliseconds since the Unix epoch by this machine's clock, and renewed
    /// before.
    Renewed(u64),
}

impl Pass {
    /// Reads a token that lasts, unless it has expired.
    fn read(token: String) -> Option<Self> {
        let claims = jwt::unverified(&token)?;
        let now = (Date::now() / 1000.0) as i64;
        (claims.exp > now).then_some(Self { user: claims.sub, token, life: Life::Fixed })
    }

    /// Reads the access token of an account, which ends at a time by this machine's clock.
    fn read_renewed(token: String, ends_at: u64) -> Option<Self> {
        let user = jwt::unverified(&token)?.sub;
        Some(Self { user, token, life: Life::Renewed(ends_at) })
    }

    /// Whose account it belongs to, if it belongs to one.
    fn account_of(pass: &Option<Self>) -> Option<UserId> {
        let is_of_account = |pass: &&Self| matches!(pass.life, Life::Renewed(_));
        pass.as_ref().filter(is_of_account).map(|pass| pass.user.clone())
    }
}

/// How far the page has come in finding out who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is asking.
    Asking,
    /// It asks again in a while, for a reason that is said here.
    Troubled(String),
    /// It knows.
    Known,
}

/// Why a sign-in to an account is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Ending {
    SignedOut,
    Refused,
    Reused,
    Deleted,
}

impl Ending {
    /// What to tell someone who finds himself signed out by it.
    fn notice(self) -> &'static str {
        match self {
            Self::SignedOut => "You have signed out in another tab.",
            Self::Refused => "Your sign-in has ended. Sign in again to go on where you were.",
            Self::Reused => {
                "Your sign-in was used by two browsers, so it was ended. If one of them was not \
                 yours, sign in and change your password."
            }
            Self::Deleted => "Your account is deleted.",
        }
    }
}

/// The page's one answer to "who is it?": a handle that all parts of the page share.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pass: RwSignal<Option<Pass>>,
    notice: RwSignal<Option<&'static str>>,
    arrival: RwSignal<Arrival>,
    keeper: StoredValue<Keeper, LocalStorage>,
}

impl Identity {
    /// Whoever was signed in when the page was last open, if that is still good.
    pub(crate) fn restore() -> Self {
        let pass = storage::tokens().find_map(Pass::read);
        let asks = pass.is_none() && storage::is_signed_in();
        let who = Self {
            pass: RwSignal::new(pass),
            notice: RwSignal::new(None),
            arrival: RwSignal::new(if asks { Arrival::Asking } else { Arrival::Known }),
            keeper: StoredValue::new_local(Keeper::default()),
        };
        let tabs = Tabs::open(move |message| who.hear(message));
        who.keeper.update_value(|keeper| keeper.tabs = tabs);
        if asks {
            spawn_local(who.keep_renewed());
        }
        who
    }

    /// Who is signed in, as a signal.
    pub(crate) fn pass(self) -> Option<Pass> {
        self.pass.get()
    }

    /// Who is signed in to an account, as a signal.
    pub(crate) fn account(self) -> Option<UserId> {
        self.pass.with(Pass::account_of)
    }

    /// Who is signed in to an account now.
    pub(crate) fn account_untracked(self) -> Option<UserId> {
        self.pass.with_untracked(Pass::account_of)
    }

    /// The token to send now.
    pub(crate) fn token(self) -> Option<String> {
        self.pass.with_untracked(|pass| pass.as_ref().map(|pass| pass.token.clone()))
    }

    /// What to tell someone who finds himself signed out.
    pub(crate) fn notice(self) -> Option<&'static str> {
        self.notice.get()
    }

    /// Whether it is known yet who is signed in.
    pub(crate) fn arrival(self) -> Arrival {
        self.arrival.get()
    }

    /// Takes a new token that lasts; kept in this browser until it expires with `remember`,
    /// else in this tab until it is closed.
    ///
    /// False when the token cannot be read, which an honest server does not send.
    pub(crate) fn sign_in(self, token: Token, remember: bool) -> bool {
        let Some(pass) = Pass::read(token.token) else {
            return false;
        };
        storage::forget_tokens();
        storage::keep_token(&pass.token, remember);
        self.notice.set(None);
        self.pass.set(Some(pass));
        true
    }

    /// Takes the sign-in to an account that begins here, and lets the other tabs have it too.
    ///
    /// False when the token cannot be read, which an honest server does not send.
    pub(crate) fn sign_in_to_account(self, signed_in: SignedIn) -> bool {
        self.take_and_tell(signed_in, |token, ends_at| Message::Begun { token, ends_at })
    }

    /// Signs out: here, and of an account in all tabs.
    pub(crate) fn sign_out(self) {
        if self.account_untracked().is_none() {
            return self.forget(None);
        }
        let token = self.token();
        self.end(Ending::SignedOut, None);
        spawn_local(async move {
            let answer = api::account::sign_out(token).await;
            let unheard = answer.is_err_and(|error| !error.is_final());
            if unheard && self.pass.with_untracked(Option::is_none) {
                self.notice.set(Some(
                    "You are signed out here, but the server could not be told. To be safe, sign \
                     in again and end that sign-in on your account's page.",
                ));
            }
        });
    }

    /// The account is no more.
    pub(crate) fn has_deleted_account(self) {
        self.end(Ending::Deleted, Some(Ending::Deleted.notice()));
    }

    /// The server did not take the token any more.
    pub(crate) fn refused(self) {
        let notice = Some(Ending::Refused.notice());
        match self.account_untracked() {
            Some(_) => self.end(Ending::Refused, notice),
            None => self.forget(notice),
        }
    }

    /// Forgets a token that lasts.
    fn forget(self, notice: Option<&'static str>) {
        storage::forget_tokens();
        self.notice.set(notice);
        self.pass.set(None);
    }
}
