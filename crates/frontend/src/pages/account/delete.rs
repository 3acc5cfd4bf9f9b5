//! The end of the account.

use common::{UserId, api::ErrorCode};
use leptos::{ev::SubmitEvent, prelude::*};

use crate::{
    api,
    components::{Field, Modal, PasswordField, Problem},
    form::Form,
    identity::Identity,
};

/// Deletes the account, after asking for its name and its password.
#[component]
pub(super) fn Delete(
    /// Whose account.
    user: UserId,
) -> impl IntoView {
    let open = RwSignal::new(false);
    view! {
        <section aria-labelledby="delete-account-title">
            <h2 id="delete-account-title">"Delete your account"</h2>
            <p class="hint">
                "With your account end your sessions, your sign-ins and your API keys. Its user id \
                 is given to nobody else for a while."
            </p>
            <button
                type="button"
                id="delete-account"
                class="quiet"
                on:click=move |_| open.set(true)
            >
                "Delete my account"
            </button>
            <Modal
                open
                labelled_by="sure-title"
                on_close=Callback::new(move |()| open.set(false))
            >
                <Sure user open />
            </Modal>
        </section>
    }
}

#[component]
fn Sure(user: UserId, open: RwSignal<bool>) -> impl IntoView {
    let who = expect_context::<Identity>();
    let name = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let form = Form::new(&["/password"]);
    // What was typed does not wait for the next time.
    Effect::new(move || {
        if !open.get() {
            name.set(String::new());
            password.set(String::new());
        }
    });
    let label = format!("Type your user id, {user}");
    let is_sure = {
        let user = user.clone();
        move || name.with(|name| name.trim() == user.as_str())
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let (user, password) = (user.clone(), password.get_untracked());
        let call = async move { api::account::delete(who, &user, password).await };
        form.ask(call, move |answer| match answer {
            Ok(()) => who.has_deleted_account(),
            Err(error) if error.code() == Some(ErrorCode::AuthCredentialsInvalid) => {
                form.blame("/password", "This is not your password.".to_owned());
            }
            Err(error) => form.fail(&error),
        });
    };
    view! {
        <form on:submit=submit>
            <h2 id="sure-title">"Delete your account?"</h2>
            <p>"Everyone who watches your sessions sees them end. This cannot be undone."</p>
            <Field id="delete-name" label value=name />
            <PasswordField
                id="delete-password"
                label="Your password"
                value=password
                fault=form.fault_of("/password")
            />
            <Problem id="delete-problem" text=form.fault() />
            <div class="actions">
                <button
                    type="button"
                    id="cancel-delete-account"
                    class="quiet"
                    on:click=move |_| open.set(false)
                >
                    "Keep it"
                </button>
                <button
                    type="submit"
                    id="confirm-delete-account"
                    class="danger"
                    disabled=move || form.is_busy() || !is_sure()
                >
                    "Delete it"
                </button>
            </div>
        </form>
    }
}
