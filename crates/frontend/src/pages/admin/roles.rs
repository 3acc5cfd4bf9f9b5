//! The roles of an account, to be changed.

use common::{
    UserId,
    api::{Role, Roles, account::Account},
};
use leptos::{ev::SubmitEvent, prelude::*};

use crate::{
    api,
    components::{Modal, Problem},
    form::Form,
    identity::Identity,
};

/// What can be given beside USER, which everyone has.
const CHOICES: [(Role, &str, &str); 3] = [
    (Role::Operator, "role-operator", "sees accounts, and disables those of users"),
    (Role::Auditor, "role-auditor", "sees accounts, and reads the audit log"),
    (Role::Admin, "role-admin", "may do everything"),
];

/// Asks which roles the account in `editing` is to have, for as long as there is one.
#[component]
pub(super) fn EditRoles(
    /// Whose roles.
    editing: RwSignal<Option<Account>>,
    /// Told of the account as it is then.
    on_change: Callback<Account>,
) -> impl IntoView {
    let who = expect_context::<Identity>();
    let roles = RwSignal::new(Roles::new());
    let form = Form::new(&["/roles"]);
    Effect::new(move || {
        if let Some(account) = editing.get() {
            form.clear();
            roles.set(account.roles);
        }
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let user = editing.with_untracked(|account| account.as_ref()?.user_id.parse().ok());
        let Some(user): Option<UserId> = user else {
            return;
        };
        let mut roles = roles.get_untracked();
        roles.insert(Role::User);
        let call = async move { api::admin::set_roles(who, &user, roles).await };
        form.send(call, move |account| {
            editing.set(None);
            on_change.run(account);
        });
    };
    let choices = CHOICES.map(|(role, id, words)| {
        let set = move |on: bool| {
            roles.update(|roles| {
                match on {
                    true => roles.insert(role),
                    false => roles.remove(&role),
                };
            });
        };
        view! {
            <div class="check">
                <input
                    id=id
                    type="checkbox"
                    prop:checked=move || roles.with(|roles| roles.contains(&role))
                    on:change:target=move |event| set(event.target().checked())
                />
                <label for=id><strong>{role.as_str()}</strong> " " {words}</label>
            </div>
        }
    });
    let name = move || editing.with(|account| account.as_ref().map(|a| a.user_id.clone()));
    view! {
        <Modal
            open=Signal::derive(move || editing.with(Option::is_some))
            labelled_by="roles-title"
            on_close=Callback::new(move |()| editing.set(None))
        >
            <form on:submit=submit>
                <h2 id="roles-title">"Roles of " <code>{name}</code></h2>
                <fieldset class="checks" aria-labelledby="roles-title">
                    {choices.into_iter().collect_view()}
                </fieldset>
                <Problem id="roles-problem" text=form.fault() />
                <div class="actions">
                    <button
                        type="button"
                        id="cancel-roles"
                        class="quiet"
                        on:click=move |_| editing.set(None)
                    >
                        "Cancel"
                    </button>
                    <button id="save-roles" type="submit" disabled=move || form.is_busy()>
                        "Save"
                    </button>
                </div>
            </form>
        </Modal>
    }
}
