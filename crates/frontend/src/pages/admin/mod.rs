//! For those who look after others: everybody's accounts, and the audit log.

mod accounts;
mod audit;
mod filter;
mod roles;

use common::api::Roles;
use leptos::prelude::*;

use super::Me;
use crate::{
    components::{Link, Problem},
    rights,
    route::Route,
};

/// All accounts.
#[component]
pub(crate) fn Accounts() -> impl IntoView {
    view! {
        <Guarded title="Accounts" may=rights::see_accounts>
            <accounts::List />
        </Guarded>
    }
}

/// What was done, and by whom.
#[component]
pub(crate) fn AuditLog() -> impl IntoView {
    view! {
        <Guarded title="Audit log" may=rights::read_audit>
            <audit::Log />
        </Guarded>
    }
}

/// Shows what it holds to those who may see it, once that is known.
#[component]
fn Guarded(title: &'static str, may: fn(&Roles) -> bool, children: ChildrenFn) -> impl IntoView {
    let me = expect_context::<Me>();
    // What else is known of the account may change, and nothing has to be read again.
    let allowed = Memo::new(move |_| {
        let answer = me.answer()?;
        Some(answer.map(|account| may(&account.roles)).map_err(|error| error.to_string()))
    });
    let reads = move || rights::read_audit(&me.roles());
    view! {
        <div class="head">
            <h1 tabindex="-1">{title}</h1>
            {move || reads().then(|| view! {
                <nav aria-label="Administration" class="tabs">
                    <Link to=Route::Accounts>"Accounts"</Link>
                    <Link to=Route::AuditLog>"Audit log"</Link>
                </nav>
            })}
        </div>
        {move || match allowed.get() {
            None => view! { <p class="hint">"Loading…"</p> }.into_any(),
            Some(Ok(true)) => children().into_any(),
            Some(Ok(false)) => view! {
                <p id="not-allowed">"Your roles do not open this page."</p>
                <p><Link to=Route::Sessions>"Go to your sessions"</Link></p>
            }
            .into_any(),
            Some(Err(why)) => {
                view! { <Problem text=Signal::derive(move || Some(why.clone())) /> }.into_any()
            }
        }}
    }
}
