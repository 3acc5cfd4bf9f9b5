//! Signing in.

use common::{
    UserId,
    api::{Minting, TokenRequest},
};
use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};

use super::Server;
use crate::{api, identity::Identity};

/// Asks who it is, and for a password where the server wants one.
#[component]
pub(crate) fn SignIn() -> impl IntoView {
    let who = expect_context::<Identity>();
    let server = expect_context::<Server>();
    let user = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let remember = RwSignal::new(false);
    let problem = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);

    let needs_password =
        move || server.info().is_some_and(|info| info.minting == Minting::Accounts);
    let is_open = move || server.info().is_some_and(|info| info.minting == Minting::Open);
    let unreachable = move || {
        server.0.with(|answer| match answer {
            Some(Err(error)) => Some(error.to_string()),
            _ => None,
        })
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let user_id = user.get_untracked().trim().to_owned();
        if let Err(invalid) = user_id.parse::<UserId>() {
            problem.set(Some(format!("The user id {invalid}.")));
            return;
        }
        let password = needs_password().then(|| password.get_untracked());
        let request = TokenRequest { user_id, password, ttl_seconds: None };
        busy.set(true);
        spawn_local(async move {
            match api::mint(&request).await {
                Ok(token) => {
                    if !who.sign_in(token, remember.get_untracked()) {
                        problem.set(Some("The server's token cannot be read.".to_owned()));
                    }
                }
                Err(error) => problem.set(Some(error.to_string())),
            }
            let _ = busy.try_set(false);
        });
    };
    view! {
        <div class="narrow">
            <h1 tabindex="-1">"Sign in"</h1>
            <p class="lead">
                "Draw SVG once, send it values, and everyone who watches sees it change."
            </p>
            <div role="status">
                {move || who.notice().map(|text| view! { <p class="note" id="notice">{text}</p> })}
            </div>
            <form on:submit=submit>
                <div class="field">
                    <label for="user-id">"User id"</label>
                    <input
                        id="user-id"
                        name="user_id"
                        autocomplete="username"
                        autocapitalize="off"
                        spellcheck="false"
                        maxlength="64"
                        aria-describedby="problem"
                        aria-invalid=move || problem.with(Option::is_some).then_some("true")
                        prop:value=user
                        on:input:target=move |event| user.set(event.target().value())
                    />
                </div>
                {move || needs_password().then(|| view! {
                    <div class="field">
                        <label for="password">"Password"</label>
                        <input
                            id="password"
                            name="password"
                            type="password"
                            autocomplete="current-password"
                            prop:value=password
                            on:input:target=move |event| password.set(event.target().value())
                        />
                    </div>
                })}
                <div class="check">
                    <input
                        id="remember"
                        type="checkbox"
                        prop:checked=remember
                        on:change:target=move |event| remember.set(event.target().checked())
                    />
                    <label for="remember">"Stay signed in on this device"</label>
                </div>
                <div id="problem" class="problem" role="alert">
                    {move || problem.get().or_else(unreachable).map(|text| view! { <p>{text}</p> })}
                </div>
                <button id="sign-in" type="submit" disabled=busy>"Sign in"</button>
            </form>
            {move || is_open().then(|| view! {
                <p class="note" id="open-minting">
                    "Anyone who can reach this server can sign in as any user."
                </p>
            })}
        </div>
    }
}
