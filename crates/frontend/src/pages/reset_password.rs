//! Setting a new password: where a mail leads to.

use common::api::{ErrorCode, account::PasswordResetRequest};
use leptos::{ev::SubmitEvent, prelude::*};

use super::sign_in::AccountForm;
use crate::{
    api,
    components::{Link, PasswordField, Problem},
    form::Form,
    route::{Navigator, Route},
};

/// Takes a new password for the account of the mail's link.
#[component]
pub(crate) fn ResetPassword() -> impl IntoView {
    let navigator = expect_context::<Navigator>();
    view! {
        <div class="narrow">
            {move || match navigator.mail_token() {
                Some(token) => view! { <NewPassword token /> }.into_any(),
                None => view! { <NoToken /> }.into_any(),
            }}
        </div>
    }
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Asking,
    Done,
    Refused,
}

#[component]
fn NewPassword(token: String) -> impl IntoView {
    let state = RwSignal::new(State::Asking);
    let token = StoredValue::new(token);
    move || match state.get() {
        State::Asking => view! { <PasswordForm token state /> }.into_any(),
        State::Done => view! {
            <h1 tabindex="-1">"Your password is changed"</h1>
            <p class="lead" id="reset" role="status">
                "All sign-ins of your account have ended. Sign in with the new password."
            </p>
            <AccountForm />
        }
        .into_any(),
        State::Refused => view! { <NoToken /> }.into_any(),
    }
}

#[component]
fn PasswordForm(token: StoredValue<String>, state: RwSignal<State>) -> impl IntoView {
    let password = RwSignal::new(String::new());
    let form = Form::new(&["/password"]);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let request =
            PasswordResetRequest { token: token.get_value(), password: password.get_untracked() };
        let call = async move { api::account::reset_password(&request).await };
        form.ask(call, move |answer| match answer {
            Ok(()) => state.set(State::Done),
            Err(error) => match error.code() {
                Some(ErrorCode::MailTokenInvalid) => state.set(State::Refused),
                _ => form.fail(&error),
            },
        });
    };
    view! {
        <h1 tabindex="-1">"Choose a new password"</h1>
        <form on:submit=submit>
            <PasswordField
                id="new-password"
                label="New password"
                value=password
                fault=form.fault_of("/password")
                autocomplete="new-password"
                hint=super::register::PASSWORD_HINT
            />
            <Problem text=form.fault() />
            <button id="set-password" type="submit" disabled=move || form.is_busy()>
                "Set the password"
            </button>
        </form>
    }
}

#[component]
fn NoToken() -> impl IntoView {
    view! {
        <h1 tabindex="-1">"This link is not good any more"</h1>
        <p id="problem" role="alert">
            "A link is good once, for a short time, and only until a newer one is sent."
        </p>
        <ul class="links">
            <li>
                <Link to=Route::ForgottenPassword id="forgotten">"Have a new one sent"</Link>
            </li>
            <li><Link to=Route::Sessions>"Back to signing in"</Link></li>
        </ul>
    }
}
