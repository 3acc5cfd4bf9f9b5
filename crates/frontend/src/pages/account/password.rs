//! Changing the password.

use common::{
    UserId,
    api::{ErrorCode, account::PasswordChangeRequest},
};
use leptos::{ev::SubmitEvent, prelude::*};

use super::{super::register::PASSWORD_HINT, sign_ins::SignInsOf};
use crate::{
    api,
    components::{PasswordField, Problem},
    form::Form,
    identity::Identity,
};

/// Asks for the password that is valid now, and the one to come.
#[component]
pub(super) fn ChangePassword(
    /// Whose it is.
    user: UserId,
    /// The sign-ins, of which all others end.
    sign_ins: SignInsOf,
) -> impl IntoView {
    let who = expect_context::<Identity>();
    let current = RwSignal::new(String::new());
    let new = RwSignal::new(String::new());
    let changed = RwSignal::new(false);
    let form = Form::new(&["/current_password", "/new_password"]);

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        changed.set(false);
        let request = PasswordChangeRequest {
            current_password: current.get_untracked(),
            new_password: new.get_untracked(),
        };
        let call = async move { api::account::change_password(who, &request).await };
        form.ask(call, move |answer| match answer {
            Ok(()) => {
                current.set(String::new());
                new.set(String::new());
                changed.set(true);
                sign_ins.read_again();
            }
            Err(error) => match error.code() {
                Some(ErrorCode::AuthCredentialsInvalid) => {
                    form.blame("/current_password", "This is not your password.".to_owned());
                }
                Some(ErrorCode::PasswordRejected) if !error.has_faults() => {
                    form.blame("/new_password", error.to_string());
                }
                _ => form.fail(&error),
            },
        });
    };
    view! {
        <section aria-labelledby="password-title">
            <h2 id="password-title">"Password"</h2>
            <form class="narrow" on:submit=submit>
                // So that password managers know whose password it is.
                <input
                    type="text"
                    name="username"
                    autocomplete="username"
                    value=String::from(user)
                    readonly
                    hidden
                />
                <PasswordField
                    id="current-password"
                    label="Current password"
                    value=current
                    fault=form.fault_of("/current_password")
                />
                <PasswordField
                    id="new-password"
                    label="New password"
                    value=new
                    fault=form.fault_of("/new_password")
                    autocomplete="new-password"
                    hint=PASSWORD_HINT
                />
                <Problem id="password-problem" text=form.fault() />
                <button
                    id="change-password"
                    type="submit"
                    class="quiet"
                    disabled=move || form.is_busy()
                >
                    "Change the password"
                </button>
                <div role="status" id="password-changed" class="done">
                    {move || changed.get().then(|| view! {
                        <p>"It is changed, and all your other sign-ins have ended."</p>
                    })}
                </div>
            </form>
        </section>
    }
}
