//! The frame around every page: who is signed in, where one is, and the way elsewhere.

use common::{UserId, path};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::{
    api,
    components::Link,
    identity::{Arrival, Identity},
    pages::{
        Accounts, AuditLog, EditSession, ForgottenPassword, Me, MyAccount, NewSession, Nowhere,
        Register, ResetPassword, Server, Sessions, SignIn, VerifyEmail, ask,
    },
    rights,
    route::{Navigator, Route},
};

/// The whole page.
#[component]
pub(crate) fn App() -> impl IntoView {
    let who = Identity::restore();
    let navigator = Navigator::start();
    let server = Server(ask(api::server()));
    provide_context(who);
    provide_context(navigator);
    provide_context(server);

    let me = Me::follow(who);
    provide_context(me);

    // The same page for the same person: a token that is only renewed rebuilds nothing.
    let user = Memo::new(move |_| who.pass().map(|pass| pass.user));
    let route = Memo::new(move |_| navigator.route());
    Effect::new(move |arrived: Option<()>| {
        let title = match (user.get(), route.get()) {
            (None, route) if !route.is_for_everyone() => "Sign in – Easel".to_owned(),
            (_, route) => route.title(),
        };
        document().set_title(&title);
        if arrived.is_some() {
            request_animation_frame(focus_heading);
        }
    });
    // Whoever signs in elsewhere meanwhile disturbs none of the pages that are for everyone.
    let has_accounts = Memo::new(move |_| server.info().is_none_or(|info| info.accounts));
    let page = move || match route.get() {
        route if route.is_for_everyone() && !has_accounts.get() => view! { <Nowhere /> }.into_any(),
        Route::Register => view! { <Register /> }.into_any(),
        Route::VerifyEmail => view! { <VerifyEmail /> }.into_any(),
        Route::ForgottenPassword => view! { <ForgottenPassword /> }.into_any(),
        Route::ResetPassword => view! { <ResetPassword /> }.into_any(),
        route => match user.get() {
            Some(user) => own_page(route, user),
            None => view! { <Nobody /> }.into_any(),
        },
    };
    let looks_after_others = Memo::new(move |_| rights::see_accounts(&me.roles()));
    let signed_in = move || {
        user.get().map(|user| {
            view! {
                <nav aria-label="Pages">
                    <Link to=Route::Sessions>"Sessions"</Link>
                    <Link to=Route::NewSession>"New"</Link>
                    {move || looks_after_others.get().then(|| view! {
                        <Link to=Route::Accounts id="admin">"Admin"</Link>
                    })}
                </nav>
                <div class="who">
                    <Link to=Route::Account id="account">
                        <span class="unseen">"Your account: "</span>
                        <code id="who">{user.to_string()}</code>
                    </Link>
                    <button
                        type="button"
                        id="sign-out"
                        class="quiet small"
                        on:click=move |_| who.sign_out()
                    >
                        "Sign out"
                    </button>
                </div>
            }
        })
    };
    view! {
        <a class="skip" href="#main">"Skip to the content"</a>
        <header class="top">
            <Link to=Route::Sessions class="brand">"Easel"</Link>
            {signed_in}
        </header>
        <main id="main" tabindex="-1">{page}</main>
        <footer class="bottom">
            <span>{move || server.info().map(|info| format!("Easel {}", info.version))}</span>
            <a href=path::DOCS>"API"</a>
        </footer>
    }
}

/// A page of whoever is signed in.
fn own_page(route: Route, user: UserId) -> AnyView {
    match route {
        Route::Sessions => view! { <Sessions user /> }.into_any(),
        Route::NewSession => view! { <NewSession user /> }.into_any(),
        Route::EditSession(id) => view! { <EditSession user id /> }.into_any(),
        Route::Account => view! { <MyAccount user /> }.into_any(),
        Route::Accounts => view! { <Accounts /> }.into_any(),
        Route::AuditLog => view! { <AuditLog /> }.into_any(),
        _ => view! { <Nowhere /> }.into_any(),
    }
}

/// In place of a page, as long as nobody is signed in.
#[component]
fn Nobody() -> impl IntoView {
    let who = expect_context::<Identity>();
    let arrival = Memo::new(move |_| who.arrival());
    move || match arrival.get() {
        Arrival::Known => view! { <SignIn /> }.into_any(),
        Arrival::Asking => view! { <p class="hint">"Loading…"</p> }.into_any(),
        Arrival::Troubled(why) => view! {
            <p id="problem" class="problem" role="alert">{why}</p>
            <p class="hint">"Trying again…"</p>
        }
        .into_any(),
    }
}

/// After a change of place, puts a reader where the new page begins.
fn focus_heading() {
    let heading = document().query_selector("main h1").ok().flatten();
    if let Some(heading) = heading.and_then(|node| node.dyn_into::<HtmlElement>().ok()) {
        let _ = heading.focus();
        window().scroll_to_with_x_and_y(0.0, 0.0);
    }
}
