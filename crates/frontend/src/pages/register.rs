//! Getting an account.

use common::{
    UserId,
    api::{
        ErrorCode, Language,
        account::{MailSent, RegisterRequest},
    },
};
use leptos::{ev::SubmitEvent, prelude::*};

use super::{Server, mailed::Mailed};
use crate::{
    api,
    attempt::Attempts,
    components::{Field, LanguageChoice, Link, PasswordField, Problem},
    form::Form,
    identity::Identity,
    route::Route,
};

/// What to know before choosing a password.
pub(super) const PASSWORD_HINT: &str =
    "10 characters or more. Four words that nobody puts together are a good one.";

/// What is filled in, kept while the mail is awaited: the address may have been a wrong one.
#[derive(Clone, Copy)]
struct Draft {
    user: RwSignal<String>,
    email: RwSignal<String>,
    password: RwSignal<String>,
    language: RwSignal<Language>,
}

/// Asks for all that makes an account, and then for a look into the mail.
#[component]
pub(crate) fn Register() -> impl IntoView {
    let who = expect_context::<Identity>();
    let server = expect_context::<Server>();
    let draft = Draft {
        user: RwSignal::new(String::new()),
        email: RwSignal::new(String::new()),
        password: RwSignal::new(String::new()),
        language: RwSignal::new(own_language()),
    };
    let sent = RwSignal::new(None::<MailSent>);
    let is_closed = move || server.info().is_some_and(|info| !info.registration);
    let user = Memo::new(move |_| who.pass().map(|pass| pass.user));
    let page = move || match (user.get(), sent.get()) {
        (Some(user), _) => view! {
            <h1 tabindex="-1">"Create an account"</h1>
            <p>
                "You are signed in as " <strong>{user.to_string()}</strong>
                ". Sign out, and you can create another account."
            </p>
        }
        .into_any(),
        (None, _) if is_closed() => view! {
            <h1 tabindex="-1">"Create an account"</h1>
            <p class="note" id="no-registration">
                "On this server accounts are made by its operator."
            </p>
        }
        .into_any(),
        (None, None) => view! { <RegisterForm draft sent /> }.into_any(),
        (None, Some(answer)) => view! {
            <Mailed
                email=draft.email.get_untracked().trim().to_owned()
                sent=answer
                again=api::account::resend_verification
                on_mistake=Callback::new(move |()| sent.set(None))
            />
        }
        .into_any(),
    };
    view! {
        <div class="narrow">
            {page}
        </div>
    }
}

#[component]
fn RegisterForm(draft: Draft, sent: RwSignal<Option<MailSent>>) -> impl IntoView {
    let form = Form::new(&["/user_id", "/email", "/password"]);
    let attempts = Attempts::new();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let user_id = draft.user.get_untracked().trim().to_owned();
        if let Err(invalid) = user_id.parse::<UserId>() {
            return form.blame("/user_id", format!("The user id {invalid}."));
        }
        let request = RegisterRequest {
            user_id,
            email: draft.email.get_untracked().trim().to_owned(),
            password: draft.password.get_untracked(),
            language: Some(draft.language.get_untracked()),
        };
        let key = attempts.key_for(&request);
        let call = async move { api::account::register(&request, &key).await };
        form.ask(call, move |answer| match answer {
            Ok(answer) => sent.set(Some(answer)),
            Err(error) if error.code() == Some(ErrorCode::UserExists) => {
                form.blame("/user_id", "Someone has this user id. Choose another one.".to_owned());
            }
            Err(error) => form.fail(&error),
        });
    };
    view! {
        <h1 tabindex="-1">"Create an account"</h1>
        <form on:submit=submit>
            <Field
                id="new-user-id"
                label="User id"
                value=draft.user
                fault=form.fault_of("/user_id")
                autocomplete="username"
                hint="Letters, digits, - and _. It is part of your pictures' addresses, and stays."
            />
            <Field
                id="email"
                label="E-mail"
                value=draft.email
                fault=form.fault_of("/email")
                autocomplete="email"
                kind="email"
            />
            <PasswordField
                id="new-password"
                label="Password"
                value=draft.password
                fault=form.fault_of("/password")
                autocomplete="new-password"
                hint=PASSWORD_HINT
            />
            <LanguageChoice
                id="language"
                label="Language of our mails"
                chosen=draft.language
                on_choose=Callback::new(move |language| draft.language.set(language))
            />
            <Problem text=form.fault() />
            <button id="create-account" type="submit" disabled=move || form.is_busy()>
                "Create the account"
            </button>
        </form>
        <ul class="links">
            <li>"You have an account? " <Link to=Route::Sessions>"Sign in"</Link></li>
        </ul>
    }
}

/// The language of the browser, if mails are written in it.
fn own_language() -> Language {
    let own = window().navigator().language().unwrap_or_default();
    let primary = own.split('-').next().unwrap_or_default();
    Language::of(&primary.to_ascii_lowercase()).unwrap_or_default()
}
