//! Signing in as whoever one says one is, where the server takes that.

use common::{
    UserId,
    api::{ErrorCode, TokenRequest},
};
use leptos::{ev::SubmitEvent, prelude::*};

use crate::{
    api,
    components::{Field, Problem},
    form::Form,
    identity::Identity,
};

/// Asks for a user id.
#[component]
pub(super) fn OpenForm() -> impl IntoView {
    let who = expect_context::<Identity>();
    let user = RwSignal::new(String::new());
    let remember = RwSignal::new(false);
    let form = Form::new(&["/user_id"]);

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let user_id = user.get_untracked().trim().to_owned();
        if let Err(invalid) = user_id.parse::<UserId>() {
            return form.blame("/user_id", format!("The user id {invalid}."));
        }
        let request = TokenRequest { user_id, password: None, ttl_seconds: None };
        let call = async move { api::mint(&request).await };
        form.ask(call, move |answer| match answer {
            Ok(token) => {
                if !who.sign_in(token, remember.get_untracked()) {
                    form.refuse("The server's token cannot be read.".to_owned());
                }
            }
            Err(error) if error.code() == Some(ErrorCode::AuthCredentialsInvalid) => {
                let taken = "Someone has an account of this name: it takes its password.";
                form.blame("/user_id", taken.to_owned());
            }
            Err(error) => form.fail(&error),
        });
    };
    view! {
        <form on:submit=submit>
            <Field
                id="user-id"
                label="User id"
                value=user
                fault=form.fault_of("/user_id")
                autocomplete="username"
            />
            <div class="check">
                <input
                    id="remember"
                    type="checkbox"
                    prop:checked=remember
                    on:change:target=move |event| remember.set(event.target().checked())
                />
                <label for="remember">"Stay signed in on this device"</label>
            </div>
            <Problem text=form.fault() />
            <button id="sign-in" type="submit" disabled=move || form.is_busy()>"Sign in"</button>
        </form>
        <p class="note" id="open-minting">
            "Anyone who can reach this server can sign in as any user without an account."
        </p>
    }
}
