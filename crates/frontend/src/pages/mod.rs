//! The pages, one for each place.

mod account;
mod admin;
mod edit_session;
mod forgotten_password;
mod mailed;
mod new_session;
mod paging;
mod register;
mod reset_password;
mod sessions;
mod sign_in;
mod verify_email;

use std::future::Future;

use common::api::{Roles, ServerInfo, account::Account};
use leptos::{prelude::*, task::spawn_local};
use time::OffsetDateTime;
use web_sys::js_sys::Date;

use crate::{
    api::{self, Answer},
    components::Link,
    identity::Identity,
    route::Route,
};

pub(crate) use account::MyAccount;
pub(crate) use admin::{Accounts, AuditLog};
pub(crate) use edit_session::EditSession;
pub(crate) use forgotten_password::ForgottenPassword;
pub(crate) use new_session::NewSession;
pub(crate) use register::Register;
pub(crate) use reset_password::ResetPassword;
pub(crate) use sessions::Sessions;
pub(crate) use sign_in::SignIn;
pub(crate) use verify_email::VerifyEmail;

/// An answer that may still be on its way.
pub(crate) type Awaited<T> = RwSignal<Option<Answer<T>>>;

/// Asks now, and shows the answer when it is there. A page that was left meanwhile hears
/// nothing of it.
pub(crate) fn ask<T: Send + Sync + 'static>(
    question: impl Future<Output = Answer<T>> + 'static,
) -> Awaited<T> {
    let answer = RwSignal::new(None);
    ask_again(answer, question);
    answer
}

/// Asks once more, and shows the new answer in place of the old one when it is there.
fn ask_again<T: Send + Sync + 'static>(
    answer: Awaited<T>,
    question: impl Future<Output = Answer<T>> + 'static,
) {
    spawn_local(async move {
        let said = question.await;
        let _ = answer.try_set(Some(said));
    });
}

/// What the server says of itself, for all pages.
#[derive(Clone, Copy)]
pub(crate) struct Server(pub(crate) Awaited<ServerInfo>);

impl Server {
    /// What it says, once it is known.
    pub(crate) fn info(self) -> Option<ServerInfo> {
        self.0.with(|answer| answer.as_ref().and_then(|answer| answer.as_ref().ok().cloned()))
    }

    /// Why it says nothing.
    fn problem(self) -> Option<String> {
        self.0.with(|answer| match answer {
            Some(Err(error)) => Some(error.to_string()),
            _ => None,
        })
    }
}

/// The account of whoever is signed in to one, for all pages.
#[derive(Clone, Copy)]
pub(crate) struct Me(Awaited<Account>);

impl Me {
    /// Follows who is signed in, for as long as the current owner lives.
    pub(crate) fn follow(who: Identity) -> Self {
        let me = Self(RwSignal::new(None));
        let user = Memo::new(move |_| who.account());
        Effect::new(move || {
            me.0.set(None);
            if let Some(user) = user.get() {
                spawn_local(async move {
                    let answer = api::account::me(who).await;
                    // Someone else may have signed in meanwhile.
                    if who.account_untracked() == Some(user) {
                        me.0.set(Some(answer));
                    }
                });
            }
        });
        me
    }

    /// The account, once it is known.
    fn answer(self) -> Option<Answer<Account>> {
        self.0.get()
    }

    /// Takes what the server says of it now.
    fn set(self, account: Account) {
        self.0.set(Some(Ok(account)));
    }

    /// What it may do: nothing, as long as that is not known.
    pub(crate) fn roles(self) -> Roles {
        self.0.with(|answer| match answer {
            Some(Ok(account)) => account.roles.clone(),
            _ => Roles::new(),
        })
    }
}

/// How long a session may live, as the page offers it: seconds, and the words for it.
const LIFETIMES: [(u64, &str); 3] =
    [(60 * 60, "1 hour"), (24 * 60 * 60, "1 day"), (30 * 24 * 60 * 60, "30 days")];

/// Those lifetimes that this server grants.
fn lifetimes(server: Server) -> impl Iterator<Item = (u64, &'static str)> {
    let longest = server.info().map_or(u64::MAX, |info| info.max_ttl_seconds);
    LIFETIMES.into_iter().filter(move |(seconds, _)| *seconds <= longest)
}

fn now() -> OffsetDateTime {
    let seconds = (Date::now() / 1000.0) as i64;
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// What is at an address that means nothing.
#[component]
pub(crate) fn Nowhere() -> impl IntoView {
    view! {
        <h1 tabindex="-1">"There is nothing here"</h1>
        <p><Link to=Route::Sessions>"Go to your sessions"</Link></p>
    }
}
