//! Signing in to an account.

use common::api::{ErrorCode, account::LoginRequest};
use leptos::{ev::SubmitEvent, prelude::*};

use crate::{
    api,
    components::{Field, PasswordField, Problem},
    device,
    form::Form,
    identity::Identity,
    route::{Navigator, Route},
};

/// Asks for the name of an account and its password.
#[component]
pub(crate) fn AccountForm(
    /// The name, if it is known.
    #[prop(optional)]
    known_as: String,
) -> impl IntoView {
    let who = expect_context::<Identity>();
    let navigator = expect_context::<Navigator>();
    let name = RwSignal::new(known_as);
    let password = RwSignal::new(String::new());
    let form = Form::new(&["/email", "/user_id", "/password"]);

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let request = request(name.get_untracked().trim(), password.get_untracked());
        let call = async move { api::account::sign_in(&request).await };
        form.ask(call, move |answer| match answer {
            Ok(signed_in) => match who.sign_in_to_account(signed_in) {
                // On a page for newcomers there is nothing to do any more.
                true if navigator.route_untracked().is_for_everyone() => {
                    navigator.go(Route::Sessions);
                }
                true => {}
                false => form.refuse("The server's token cannot be read.".to_owned()),
            },
            Err(error) if error.code() == Some(ErrorCode::AuthCredentialsInvalid) => {
                form.refuse("The name or the password is not right.".to_owned());
            }
            Err(error) => form.fail(&error),
        });
    };
    let name_fault = Signal::derive(move || {
        form.fault_of("/email").get().or_else(|| form.fault_of("/user_id").get())
    });
    view! {
        <form on:submit=submit>
            {(!window().is_secure_context()).then(|| view! {
                <p class="note" id="not-secure">
                    "This page did not come over HTTPS: others may read your password on its way, \
                     and you have to sign in again every few minutes."
                </p>
            })}
            <Field
                id="account-name"
                label="E-mail or user id"
                value=name
                fault=name_fault
                autocomplete="username"
            />
            <PasswordField
                id="account-password"
                label="Password"
                value=password
                fault=form.fault_of("/password")
            />
            <Problem id="account-problem" text=form.fault() />
            <button id="account-sign-in" type="submit" disabled=move || form.is_busy()>
                "Sign in"
            </button>
        </form>
    }
}

/// What is sent for a name that is an address or a user id: no user id has an `@`.
fn request(name: &str, password: String) -> LoginRequest {
    let name = name.to_owned();
    let (email, user_id) = match name.contains('@') {
        true => (Some(name), None),
        false => (None, Some(name)),
    };
    let user_agent = window().navigator().user_agent().unwrap_or_default();
    let device_label = device::name(&user_agent);
    LoginRequest { email, user_id, password, refresh_cookie: true, device_label }
}
