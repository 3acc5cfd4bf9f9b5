//! A new API key: what it is called, what it may do, and until when.

use common::{
    UserId,
    api::{
        Scope,
        api_key::{CreateApiKey, CreatedApiKey},
    },
};
use leptos::{ev::SubmitEvent, prelude::*};

use crate::{
    api,
    attempt::Attempts,
    components::{Field, Problem},
    form::Form,
    identity::Identity,
};

/// How long a key may last, as the page offers it: seconds, and the words for it.
const LIFETIMES: [(Option<u64>, &str); 3] = [
    (Some(30 * 24 * 60 * 60), "30 days"),
    (Some(365 * 24 * 60 * 60), "1 year"),
    (None, "Until I revoke it"),
];

/// What a key may do, as it is filled in.
#[derive(Clone, Copy)]
struct Choice {
    all_sessions: RwSignal<bool>,
    some_sessions: RwSignal<bool>,
    ids: RwSignal<String>,
    mint: RwSignal<bool>,
    prefix: RwSignal<String>,
}

/// Asks for all of it, and makes the key.
#[component]
pub(super) fn NewKey(
    /// Whose key.
    user: UserId,
    /// Told of the key.
    on_made: Callback<CreatedApiKey>,
    /// Told that there shall be none.
    on_cancel: Callback<()>,
) -> impl IntoView {
    let who = expect_context::<Identity>();
    let name = RwSignal::new(String::new());
    let lifetime = RwSignal::new(LIFETIMES[1].0);
    let choice = Choice {
        all_sessions: RwSignal::new(false),
        some_sessions: RwSignal::new(true),
        ids: RwSignal::new(String::new()),
        mint: RwSignal::new(false),
        prefix: RwSignal::new(format!("{user}-")),
    };
    let form = Form::new(&["/name", "/scopes", "/ttl_seconds"]);
    let attempts = Attempts::new();

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let scopes = match choice.scopes() {
            Ok(scopes) => scopes,
            Err(why) => return form.blame("/scopes", why),
        };
        let request = CreateApiKey {
            name: name.get_untracked().trim().to_owned(),
            scopes,
            ttl_seconds: lifetime.get_untracked(),
        };
        let (key, user) = (attempts.key_for(&request), user.clone());
        let call = async move { api::account::create_api_key(who, &user, &request, &key).await };
        form.send(call, move |created| {
            attempts.done();
            on_made.run(created);
        });
    };
    let lifetimes = LIFETIMES.map(|(seconds, words)| {
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name="key-lifetime"
                    prop:checked=move || lifetime.get() == seconds
                    on:change=move |_| lifetime.set(seconds)
                />
                <span>{words}</span>
            </label>
        }
    });
    view! {
        <form class="sheet" id="key-form" on:submit=submit>
            <Field id="key-name" label="Name" value=name fault=form.fault_of("/name") />
            <Scopes choice fault=form.fault_of("/scopes") />
            <fieldset class="field">
                <legend>"It is good for"</legend>
                <div class="choices">{lifetimes.into_iter().collect_view()}</div>
            </fieldset>
            <Problem id="key-problem" text=form.fault() />
            <div class="actions">
                <button id="create-key" type="submit" disabled=move || form.is_busy()>
                    "Make the key"
                </button>
                <button
                    type="button"
                    id="cancel-key"
                    class="quiet"
                    on:click=move |_| on_cancel.run(())
                >
                    "Cancel"
                </button>
            </div>
        </form>
    }
}

#[component]
fn Scopes(choice: Choice, fault: Signal<Option<String>>) -> impl IntoView {
    view! {
        <fieldset class="field" aria-describedby="scopes-problem">
            <legend>"It may"</legend>
            <Check id="scope-update" words="read and change these sessions:" checked=choice.some_sessions>
                <input
                    id="scope-update-ids"
                    class="id"
                    aria-label="Session ids, with a space between two"
                    placeholder="load cpu disk"
                    autocapitalize="off"
                    autocomplete="off"
                    spellcheck="false"
                    aria-invalid=move || fault.with(Option::is_some).then_some("true")
                    disabled=move || !choice.some_sessions.get()
                    prop:value=choice.ids
                    on:input:target=move |event| choice.ids.set(event.target().value())
                />
            </Check>
            <Check
                id="scope-sessions"
                words="create, read, change and delete all your sessions"
                checked=choice.all_sessions
            />
            <Check
                id="scope-mint"
                words="mint tokens for users whose ids begin with:"
                checked=choice.mint
            >
                <input
                    id="scope-mint-prefix"
                    class="id"
                    aria-label="The beginning of the user ids"
                    autocapitalize="off"
                    autocomplete="off"
                    spellcheck="false"
                    disabled=move || !choice.mint.get()
                    prop:value=choice.prefix
                    on:input:target=move |event| choice.prefix.set(event.target().value())
                />
            </Check>
            <div id="scopes-problem" class="problem">
                {move || fault.get().map(|text| view! { <p>{text}</p> })}
            </div>
        </fieldset>
    }
}

#[component]
fn Check(
    id: &'static str,
    words: &'static str,
    checked: RwSignal<bool>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="check">
            <input
                id=id
                type="checkbox"
                prop:checked=checked
                on:change:target=move |event| checked.set(event.target().checked())
            />
            <label for=id>{words}</label>
        </div>
        {children.map(|children| children())}
    }
}

impl Choice {
    fn scopes(self) -> Result<Vec<Scope>, String> {
        scopes(
            self.all_sessions.get_untracked(),
            self.some_sessions.get_untracked().then(|| self.ids.get_untracked()).as_deref(),
            self.mint.get_untracked().then(|| self.prefix.get_untracked()).as_deref(),
        )
    }
}

/// What was chosen: all sessions, some of them by their ids, and users by their prefix.
fn scopes(all: bool, ids: Option<&str>, prefix: Option<&str>) -> Result<Vec<Scope>, String> {
    let mut scopes = Vec::new();
    if let Some(ids) = ids {
        let before = scopes.len();
        for id in ids.split([' ', ',']).filter(|id| !id.is_empty()) {
            let id = id.parse().map_err(|fault| format!("The session id {id} {fault}."))?;
            scopes.push(Scope::Update(id));
        }
        if scopes.len() == before {
            return Err("Say which sessions.".to_owned());
        }
    }
    if all {
        scopes.push(Scope::Sessions);
    }
    if let Some(prefix) = prefix {
        let prefix = prefix.trim();
        let begins = prefix.parse().map_err(|fault| format!("The beginning {fault}."))?;
        scopes.push(Scope::Mint(begins));
    }
    match scopes.is_empty() {
        true => Err("Choose what it may do.".to_owned()),
        false => Ok(scopes),
    }
}

#[cfg(test)]
mod tests {
    use super::scopes;

    fn texts(all: bool, ids: Option<&str>, prefix: Option<&str>) -> Option<Vec<String>> {
        let scopes = scopes(all, ids, prefix).ok()?;
        Some(scopes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_is_chosen_is_allowed_and_nothing_else() {
        assert_eq!(texts(true, None, None).unwrap(), ["sessions"]);
        assert_eq!(texts(false, Some("load"), None).unwrap(), ["update:load"]);
        assert_eq!(
            texts(false, Some(" load, cpu  disk"), Some("alice-")).unwrap(),
            ["update:load", "update:cpu", "update:disk", "mint:alice-"]
        );
    }

    #[test]
    fn a_key_for_nothing_is_none() {
        assert_eq!(texts(false, None, None), None);
        assert_eq!(texts(true, Some(" "), None), None, "it says sessions, and not which");
        assert_eq!(texts(false, Some("a.b"), None), None);
        assert_eq!(texts(false, None, Some("")), None);
    }
}
