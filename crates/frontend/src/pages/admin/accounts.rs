//! All accounts, by name.

use common::{
    UserId,
    api::{Role, account::Account},
};
use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};

use super::{
    super::{
        Me,
        paging::{Paging, ShowMore},
    },
    roles::EditRoles,
};
use crate::{
    api::{self, Answer},
    components::{Confirm, Field, Problem},
    form::Form,
    identity::Identity,
    rights,
};

/// What is done to accounts, as the parts of the page share it.
#[derive(Clone, Copy)]
struct Desk {
    who: Identity,
    me: Me,
    list: Paging<Account>,
    said: RwSignal<Option<String>>,
    deleting: RwSignal<Option<UserId>>,
    editing: RwSignal<Option<Account>>,
}

/// Shows accounts, and does to them what one may.
#[component]
pub(super) fn List() -> impl IntoView {
    let who = expect_context::<Identity>();
    let me = expect_context::<Me>();
    let list = Paging::new(
        |account: &Account| &account.user_id,
        move |cursor| async move {
            let page = api::admin::accounts(who, cursor.as_deref()).await?;
            Ok((page.users, page.next_cursor))
        },
    );
    list.show_more();
    let desk = Desk {
        who,
        me,
        list,
        said: RwSignal::new(None),
        deleting: RwSignal::new(None),
        editing: RwSignal::new(None),
    };
    view! {
        <Find desk />
        <div role="status" id="said" class="done">
            {move || desk.said.get().map(|text| view! { <p>{text}</p> })}
        </div>
        <Problem text=list.problem />
        <ul class="rows plain" id="accounts" aria-busy=move || list.is_busy().to_string()>
            <For
                each=move || list.rows.get()
                key=|account| (account.user_id.clone(), account.roles.clone(), account.disabled)
                children=move |account| view! { <Row account desk /> }
            />
        </ul>
        {move || list.is_empty().then(|| view! { <p>"There is no account."</p> })}
        <ShowMore list />
        <EditRoles
            editing=desk.editing
            on_change=Callback::new(move |account| desk.take(Ok(account), "has other roles"))
        />
        <Confirm
            asked=desk.deleting
            word="Delete"
            name=|user: &UserId| user.to_string()
            warning="All that is the account's own ends with it: sessions, sign-ins, API keys. \
                     This cannot be undone."
            otherwise="Keep it"
            on_yes=Callback::new(move |user| desk.delete(user))
        />
    }
}

/// Looks for one account by its whole name.
#[component]
fn Find(desk: Desk) -> impl IntoView {
    let name = RwSignal::new(String::new());
    let form = Form::new(&["/user_id"]);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let wanted = name.get_untracked().trim().to_owned();
        if wanted.is_empty() {
            return desk.list.begin();
        }
        let user = match wanted.parse::<UserId>() {
            Ok(user) => user,
            Err(invalid) => return form.blame("/user_id", format!("The user id {invalid}.")),
        };
        let call = async move { api::admin::account(desk.who, &user).await };
        form.ask(call, move |answer| match answer {
            Ok(account) => desk.list.show_only(account),
            Err(error) if error.is_gone() => {
                form.blame("/user_id", "There is no such account.".to_owned());
            }
            Err(error) => form.fail(&error),
        });
    };
    view! {
        <form class="line" role="search" on:submit=submit>
            <Field
                id="find"
                label="User id"
                value=name
                fault=form.fault_of("/user_id")
                optional=true
            />
            <button id="find-account" type="submit" class="quiet" disabled=move || form.is_busy()>
                "Find"
            </button>
        </form>
        <Problem id="find-problem" text=form.fault() />
    }
}

#[component]
fn Row(account: Account, desk: Desk) -> impl IntoView {
    let roles = desk.me.roles();
    let own = desk.who.account_untracked();
    // The server names only what it let be registered; anything else cannot be asked for.
    let user = account.user_id.parse::<UserId>().ok()?;
    let is_own = own.as_ref() == Some(&user);
    let name = account.user_id.clone();
    let disabled = account.disabled;
    let tags = account
        .roles
        .iter()
        .filter(|role| **role != Role::User)
        .map(|role| view! { " "<span class="tag">{role.as_str()}</span> })
        .collect_view();
    let facts = account
        .email
        .clone()
        .into_iter()
        .chain([format!("Since {}", account.created_at.date())])
        .map(|fact| view! { <li>{fact}</li> })
        .collect_view();
    let may_disable = !is_own && rights::disable(&roles, &account.roles);
    let may_rule = rights::rule(&roles);
    let (toggled, edited, deleted) = (user.clone(), account, user);
    Some(view! {
        <li data-user=name data-disabled=disabled.to_string()>
            <div class="about">
                <h2>
                    <span class="id">{name.clone()}</span>
                    {tags}
                    {disabled.then(|| view! { " "<span class="tag bad">"Disabled"</span> })}
                </h2>
                <ul class="facts">{facts}</ul>
            </div>
            <div class="actions end">
                {may_rule.then(|| view! {
                    <button
                        type="button"
                        class="quiet small roles"
                        aria-label=format!("Roles of {name}")
                        on:click=move |_| desk.editing.set(Some(edited.clone()))
                    >
                        "Roles"
                    </button>
                })}
                {may_disable.then(|| {
                    let word = if disabled { "Enable" } else { "Disable" };
                    view! {
                        <button
                            type="button"
                            class="quiet small disable"
                            aria-label=format!("{word} {name}")
                            on:click=move |_| desk.set_disabled(toggled.clone(), !disabled)
                        >
                            {word}
                        </button>
                    }
                })}
                {(may_rule && !is_own).then(|| view! {
                    <button
                        type="button"
                        class="quiet small delete"
                        aria-label=format!("Delete {name}")
                        on:click=move |_| desk.deleting.set(Some(deleted.clone()))
                    >
                        "Delete"
                    </button>
                })}
            </div>
        </li>
    })
}

impl Desk {
    fn set_disabled(self, user: UserId, disabled: bool) {
        spawn_local(async move {
            let answer = api::admin::set_disabled(self.who, &user, disabled).await;
            self.take(answer, if disabled { "is disabled" } else { "is enabled again" });
        });
    }

    fn delete(self, user: UserId) {
        spawn_local(async move {
            match api::admin::delete(self.who, &user).await {
                Err(error) if !error.is_gone() => self.fail(&error),
                _ => {
                    self.say(format!("{user} is deleted."));
                    self.list.rows.try_update(|rows| {
                        rows.retain(|account| account.user_id != user.as_str());
                    });
                }
            }
        });
    }

    /// Shows an account as it is now.
    fn take(self, answer: Answer<Account>, what: &str) {
        match answer {
            Ok(account) => {
                self.say(format!("{} {what}.", account.user_id));
                if self.who.account_untracked().is_some_and(|own| own.as_str() == account.user_id) {
                    self.me.set(account.clone());
                }
                self.list.rows.try_update(|rows| {
                    if let Some(row) = rows.iter_mut().find(|row| row.user_id == account.user_id) {
                        *row = account;
                    }
                });
            }
            Err(error) => self.fail(&error),
        }
    }

    fn say(self, text: String) {
        self.list.problem.try_set(None);
        self.said.try_set(Some(text));
    }

    fn fail(self, error: &api::ApiError) {
        self.said.try_set(None);
        self.list.problem.try_set(Some(error.to_string()));
    }
}
