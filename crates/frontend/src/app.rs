//! The frame around every page: who is signed in, where one is, and the way elsewhere.

use common::path;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::{
    api,
    components::Link,
    identity::Identity,
    pages::{EditSession, NewSession, Nowhere, Server, Sessions, SignIn, ask},
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

    // The same page for the same person: a token that is only renewed rebuilds nothing.
    let user = Memo::new(move |_| who.pass().map(|pass| pass.user));
    let route = Memo::new(move |_| navigator.route());
    Effect::new(move |arrived: Option<()>| {
        let title = match user.get() {
            Some(_) => route.get().title(),
            None => "Sign in – Easel".to_owned(),
        };
        document().set_title(&title);
        if arrived.is_some() {
            request_animation_frame(focus_heading);
        }
    });
    let page = move || match (user.get(), route.get()) {
        (None, _) => view! { <SignIn /> }.into_any(),
        (Some(user), Route::Sessions) => view! { <Sessions user /> }.into_any(),
        (Some(user), Route::NewSession) => view! { <NewSession user /> }.into_any(),
        (Some(user), Route::EditSession(id)) => view! { <EditSession user id /> }.into_any(),
        (Some(_), Route::Nowhere) => view! { <Nowhere /> }.into_any(),
    };
    let signed_in = move || {
        user.get().map(|user| {
            view! {
                <nav aria-label="Pages">
                    <Link to=Route::Sessions>"Sessions"</Link>
                    <Link to=Route::NewSession>"New"</Link>
                </nav>
                <div class="who">
                    <span class="unseen">"Signed in as "</span>
                    <code id="who">{user.to_string()}</code>
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

/// After a change of place, puts a reader where the new page begins.
fn focus_heading() {
    let heading = document().query_selector("main h1").ok().flatten();
    if let Some(heading) = heading.and_then(|node| node.dyn_into::<HtmlElement>().ok()) {
        let _ = heading.focus();
        window().scroll_to_with_x_and_y(0.0, 0.0);
    }
}
