//! The account's API keys.

use common::{
    UserId,
    api::api_key::{ApiKey, ApiKeyList, CreatedApiKey},
};
use leptos::{prelude::*, task::spawn_local};

use super::{
    super::{ask, now},
    new_key::NewKey,
};
use crate::{
    api::{self, Answer},
    components::{Confirm, Copyable, Problem},
    identity::Identity,
    wording::{ago, duration},
};

/// What the dialog asks about.
#[derive(Clone)]
struct Asked {
    id: String,
    name: String,
}

/// Shows them, makes new ones and revokes old ones.
#[component]
pub(super) fn Keys(
    /// Whose keys.
    user: UserId,
) -> impl IntoView {
    let who = expect_context::<Identity>();
    let list = {
        let user = user.clone();
        ask(async move { api::account::api_keys(who, &user).await })
    };
    let problem = RwSignal::new(None::<String>);
    let made = RwSignal::new(None::<CreatedApiKey>);
    let making = RwSignal::new(false);
    let asked = RwSignal::new(None::<Asked>);

    let keys = move || list.with(|list| known(list).to_vec());
    let unread = move || {
        list.with(|list| match list {
            Some(Err(error)) => Some(error.to_string()),
            _ => None,
        })
    };
    let is_empty = move || list.with(|list| matches!(list, Some(Ok(list)) if list.keys.is_empty()));
    let take = Callback::new(move |created: CreatedApiKey| {
        list.update(|list| {
            if let Some(Ok(list)) = list {
                list.keys.retain(|key| key.id != created.api_key.id);
                list.keys.insert(0, created.api_key.clone());
            }
        });
        making.set(false);
        made.set(Some(created));
    });
    let owner = user.clone();
    let revoke = Callback::new(move |key: Asked| {
        let owner = owner.clone();
        spawn_local(async move {
            match api::account::revoke_api_key(who, &owner, &key.id).await {
                Err(error) if !error.is_gone() => drop(problem.try_set(Some(error.to_string()))),
                _ => drop(list.try_update(|list| {
                    if let Some(Ok(list)) = list {
                        list.keys.retain(|kept| kept.id != key.id);
                    }
                })),
            }
        });
    });
    let form = move || {
        match making.get() {
        true => view! {
            <NewKey user=user.clone() on_made=take on_cancel=Callback::new(move |()| making.set(false)) />
        }
        .into_any(),
        false => view! {
            <button
                type="button"
                id="new-key"
                class="quiet"
                on:click=move |_| {
                    made.set(None);
                    making.set(true);
                }
            >
                "New API key"
            </button>
        }
        .into_any(),
    }
    };
    view! {
        <section aria-labelledby="keys-title">
            <h2 id="keys-title">"API keys"</h2>
            <p class="hint">
                "A program sends a key in place of your token. It may do only what you allow it, \
                 until it ends or you revoke it."
            </p>
            {move || is_empty().then(|| view! { <p id="no-keys">"There is none yet."</p> })}
            <ul class="rows plain" id="keys">
                <For
                    each=keys
                    key=|key| (key.id.clone(), key.last_used_at)
                    children=move |entry| view! { <Row entry asked /> }
                />
            </ul>
            <Problem id="keys-problem" text=Signal::derive(move || problem.get().or_else(unread)) />
            {move || made.get().map(|made| view! { <Made made /> })}
            {form}
            <Confirm
                asked
                word="Revoke"
                name=|key: &Asked| key.name.clone()
                warning="Programs that use it are refused from now on. This cannot be undone."
                otherwise="Keep it"
                on_yes=revoke
            />
        </section>
    }
}

fn known(list: &Option<Answer<ApiKeyList>>) -> &[ApiKey] {
    match list {
        Some(Ok(list)) => &list.keys,
        _ => &[],
    }
}

#[component]
fn Row(entry: ApiKey, asked: RwSignal<Option<Asked>>) -> impl IntoView {
    let now = now();
    let left = |end: time::OffsetDateTime| (end - now).whole_seconds().max(0).unsigned_abs();
    let facts = [
        format!("Made {}", ago(entry.created_at, now)),
        entry.last_used_at.map_or("Never used".to_owned(), |at| format!("Used {}", ago(at, now))),
        entry
            .expires_at
            .map_or("Without an end".to_owned(), |end| format!("Ends in {}", duration(left(end)))),
    ];
    let scopes = entry.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let label = format!("Revoke {}", entry.name);
    let name = entry.name.clone();
    let about = Asked { id: entry.id, name: entry.name };
    view! {
        <li data-key=name>
            <div class="about">
                <h3>{name.clone()}</h3>
                <p><code>{scopes}</code></p>
                <ul class="facts">
                    {facts.into_iter().map(|fact| view! { <li>{fact}</li> }).collect_view()}
                </ul>
            </div>
            <button
                type="button"
                class="quiet small end"
                aria-label=label
                on:click=move |_| asked.set(Some(about.clone()))
            >
                "Revoke"
            </button>
        </li>
    }
}

/// A key that was just made: the only time that it is seen.
#[component]
fn Made(made: CreatedApiKey) -> impl IntoView {
    match made.key {
        Some(key) => view! {
            <div class="note" id="made-key" role="status">
                <p>"Your new key. Copy it now: it is not shown again."</p>
                <Copyable text=key what="the key" />
            </div>
        }
        .into_any(),
        None => view! {
            <p class="note" id="made-key" role="status">
                "The key was made, but the answer that showed it got lost on its way. Revoke it, \
                 and make another."
            </p>
        }
        .into_any(),
    }
}
