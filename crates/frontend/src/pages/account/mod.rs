//! One's own account: who one is, the password, the sign-ins, the API keys, and its end.

mod delete;
mod keys;
mod new_key;
mod password;
mod sign_ins;

use common::{
    UserId,
    api::{Language, Role, account::Account},
};
use leptos::prelude::*;

use super::{Me, Server};
use crate::{
    api,
    components::{LanguageChoice, Link, Problem},
    form::Form,
    identity::Identity,
    route::Route,
};
use delete::Delete;
use keys::Keys;
use password::ChangePassword;
use sign_ins::{SignIns, SignInsOf};

/// Everything about the account of whoever is signed in.
#[component]
pub(crate) fn MyAccount(
    /// Who is signed in.
    user: UserId,
) -> impl IntoView {
    let who = expect_context::<Identity>();
    let is_of_account = Memo::new(move |_| who.account().is_some());
    view! {
        <div class="sections">
            <h1 tabindex="-1">"Your account"</h1>
            {move || match is_of_account.get() {
                true => {
                    let sign_ins = SignInsOf::new(who);
                    let user = user.clone();
                    view! {
                        <Profile user=user.clone() />
                        <ChangePassword user=user.clone() sign_ins />
                        <SignIns sign_ins />
                        <Keys user=user.clone() />
                        <Delete user />
                    }
                    .into_any()
                }
                false => view! { <NoAccount user=user.clone() /> }.into_any(),
            }}
        </div>
    }
}

/// For someone who only says who he is.
#[component]
fn NoAccount(user: UserId) -> impl IntoView {
    let server = expect_context::<Server>();
    let registration = move || server.info().is_some_and(|info| info.registration);
    view! {
        <p id="no-account">
            "You are signed in as " <strong>{user.to_string()}</strong>
            " without an account: so can anyone else who reaches this server."
        </p>
        {move || registration().then(|| view! {
            <p>
                "Sign out, and "<Link to=Route::Register>"create an account"</Link>
                " to have a name that is yours alone."
            </p>
        })}
    }
}

/// Who one is.
#[component]
fn Profile(user: UserId) -> impl IntoView {
    let me = expect_context::<Me>();
    view! {
        <section aria-labelledby="profile-title">
            <h2 id="profile-title" class="unseen">"Who you are"</h2>
            {move || match me.answer() {
                None => view! { <p class="hint">"Loading…"</p> }.into_any(),
                Some(Err(error)) => {
                    let text = error.to_string();
                    view! { <Problem text=Signal::derive(move || Some(text.clone())) /> }.into_any()
                }
                Some(Ok(account)) => view! { <Facts user=user.clone() account /> }.into_any(),
            }}
        </section>
    }
}

#[component]
fn Facts(user: UserId, account: Account) -> impl IntoView {
    let who = expect_context::<Identity>();
    let me = expect_context::<Me>();
    let form = Form::new(&["/language"]);
    let language = account.language;
    let choose = Callback::new(move |language: Language| {
        let user = user.clone();
        let call = async move { api::account::set_language(who, &user, language).await };
        form.send(call, move |account| me.set(account));
    });
    let roles: Vec<_> = account.roles.iter().filter(|role| **role != Role::User).collect();
    let created = account.created_at.date();
    view! {
        <dl class="sheet">
            <div>
                <dt>"User id"</dt>
                <dd><code>{account.user_id.clone()}</code></dd>
            </div>
            {account.email.clone().map(|email| view! {
                <div>
                    <dt>"E-mail"</dt>
                    <dd id="own-email" class="address">{email}</dd>
                </div>
            })}
            {(!roles.is_empty()).then(|| view! {
                <div>
                    <dt>"Roles"</dt>
                    <dd id="own-roles" class="tags">
                        {roles
                            .iter()
                            .map(|role| view! { <span class="tag">{role.to_string()}</span> })
                            .collect_view()}
                    </dd>
                </div>
            })}
            <div>
                <dt>"Since"</dt>
                <dd>{created.to_string()}</dd>
            </div>
        </dl>
        <LanguageChoice
            id="language"
            label="Language of our mails"
            chosen=Signal::derive(move || language)
            on_choose=choose
        />
        <Problem id="language-problem" text=form.fault() />
    }
}
