//! Signing in: to an account, or as whoever one says one is.

mod account;
mod open;

use common::api::{Minting, ServerInfo};
use leptos::prelude::*;

use super::Server;
use crate::{
    components::{Link, Problem},
    identity::Identity,
    route::Route,
};
use open::OpenForm;

pub(super) use account::AccountForm;

/// The ways to be someone that this server has.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ways {
    account: bool,
    open: bool,
    registration: bool,
}

impl Ways {
    fn of(info: &ServerInfo) -> Self {
        Self {
            account: info.accounts,
            open: info.minting == Minting::Open,
            registration: info.accounts && info.registration,
        }
    }
}

/// Asks who it is.
#[component]
pub(crate) fn SignIn() -> impl IntoView {
    let who = expect_context::<Identity>();
    let server = expect_context::<Server>();
    let ways = Memo::new(move |_| server.info().as_ref().map(Ways::of));
    let both = move || ways.get().is_some_and(|ways| ways.account && ways.open);
    let forms = move || match ways.get() {
        None if server.problem().is_some() => {
            view! { <Problem text=Signal::derive(move || server.problem()) /> }.into_any()
        }
        None => view! { <p class="hint">"Loading…"</p> }.into_any(),
        Some(Ways { account: true, open: true, registration }) => view! {
            <div class="ways">
                <section aria-labelledby="with-account">
                    <h2 id="with-account">"With your account"</h2>
                    <AccountForm />
                    <AccountLinks registration />
                </section>
                <section aria-labelledby="without-account">
                    <h2 id="without-account">"Without an account"</h2>
                    <OpenForm />
                </section>
            </div>
        }
        .into_any(),
        Some(Ways { account: true, registration, .. }) => view! {
            <AccountForm />
            <AccountLinks registration />
        }
        .into_any(),
        Some(Ways { open: true, .. }) => view! { <OpenForm /> }.into_any(),
        Some(_) => view! {
            <p class="note" id="no-way">
                "This server keeps no accounts and gives nobody a token. Programs bring tokens of \
                 their own; on this page nobody can sign in."
            </p>
        }
        .into_any(),
    };
    view! {
        <div class="narrow" class:wide=both>
            <h1 tabindex="-1">"Sign in"</h1>
            <p class="lead">
                "Draw SVG once, send it values, and everyone who watches sees it change."
            </p>
            <div role="status">
                {move || who.notice().map(|text| view! { <p class="note" id="notice">{text}</p> })}
            </div>
            {forms}
        </div>
    }
}

/// The ways to an account, and back into it.
#[component]
fn AccountLinks(registration: bool) -> impl IntoView {
    view! {
        <ul class="links">
            <li>
                <Link to=Route::ForgottenPassword id="forgotten">"Forgotten your password?"</Link>
            </li>
            {registration.then(|| view! {
                <li>
                    "No account yet? " <Link to=Route::Register id="register">"Create one"</Link>
                </li>
                <li>
                    "No mail to prove your address? "
                    <Link to=Route::VerifyEmail id="no-mail">"Have it sent again"</Link>
                </li>
            })}
        </ul>
    }
}
