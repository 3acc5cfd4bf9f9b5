//! The account's living sign-ins.

use common::api::{
    SignInKind,
    account::{SignIn, SignInList},
};
use leptos::{prelude::*, task::spawn_local};

use super::super::{Awaited, ask, ask_again, now};
use crate::{
    api,
    components::Problem,
    device,
    identity::Identity,
    wording::{ago, duration},
};

/// All living sign-ins, as the parts of the page share them.
#[derive(Clone, Copy)]
pub(super) struct SignInsOf {
    who: Identity,
    list: Awaited<SignInList>,
    problem: RwSignal<Option<String>>,
    said: RwSignal<Option<&'static str>>,
}

impl SignInsOf {
    /// Those of whoever is signed in.
    pub(super) fn new(who: Identity) -> Self {
        let list = ask(api::account::sign_ins(who));
        Self { who, list, problem: RwSignal::new(None), said: RwSignal::new(None) }
    }

    /// Looks what there is now.
    pub(super) fn read_again(self) {
        ask_again(self.list, api::account::sign_ins(self.who));
    }

    /// All of them, the one of this page first.
    fn all(self) -> Vec<SignIn> {
        self.list.with(|list| match list {
            Some(Ok(list)) => {
                let mut all = list.sign_ins.clone();
                all.sort_by_key(|sign_in| !sign_in.current);
                all
            }
            _ => Vec::new(),
        })
    }

    fn problem(self) -> Option<String> {
        let unread = self.list.with(|list| match list {
            Some(Err(error)) => Some(error.to_string()),
            _ => None,
        });
        self.problem.get().or(unread)
    }

    /// Ends one, or without a name all but the one of this page.
    fn end(self, id: Option<String>) {
        self.said.set(None);
        spawn_local(async move {
            let answer = match &id {
                Some(id) => api::account::end_sign_in(self.who, id).await,
                None => api::account::end_other_sign_ins(self.who).await,
            };
            let (problem, said) = match answer {
                Err(error) if !error.is_gone() => (Some(error.to_string()), None),
                _ if id.is_some() => (None, Some("It has ended.")),
                _ => (None, Some("All others have ended.")),
            };
            if self.problem.try_set(problem).is_none() {
                self.said.set(said);
                self.read_again();
            }
        });
    }
}

/// Shows them, and ends them.
#[component]
pub(super) fn SignIns(
    /// All of them.
    sign_ins: SignInsOf,
) -> impl IntoView {
    let has_others = move || sign_ins.all().iter().any(|sign_in| !sign_in.current);
    view! {
        <section aria-labelledby="sign-ins-title">
            <div class="head">
                <h2 id="sign-ins-title">"Where you are signed in"</h2>
                {move || has_others().then(|| view! {
                    <button
                        type="button"
                        id="end-others"
                        class="quiet small"
                        on:click=move |_| sign_ins.end(None)
                    >
                        "End all others"
                    </button>
                })}
            </div>
            <ul class="rows plain" id="sign-ins">
                <For
                    each=move || sign_ins.all()
                    key=|sign_in| (sign_in.id.clone(), sign_in.last_used_at, sign_in.current)
                    children=move |sign_in| view! { <Row sign_in sign_ins /> }
                />
            </ul>
            <div role="status" class="done">
                {move || sign_ins.said.get().map(|text| view! { <p>{text}</p> })}
            </div>
            <Problem id="sign-ins-problem" text=Signal::derive(move || sign_ins.problem()) />
        </section>
    }
}

#[component]
fn Row(sign_in: SignIn, sign_ins: SignInsOf) -> impl IntoView {
    let who = expect_context::<Identity>();
    let SignIn { id, kind, device_label, user_agent, address, current, .. } = sign_in;
    let name = [device_label, device::name(&user_agent).unwrap_or_default(), user_agent]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "An unknown program".to_owned());
    let now = now();
    let left = (sign_in.ends_at - now).whole_seconds().max(0).unsigned_abs();
    let facts = [
        match current {
            true => "In use".to_owned(),
            false => format!("Used {}", ago(sign_in.last_used_at, now)),
        },
        format!("Signed in {}", ago(sign_in.created_at, now)),
        format!("From {address}"),
        format!("Ends in {}", duration(left)),
    ];
    let label = format!("End {name}");
    let end = move |_| match current {
        true => who.sign_out(),
        false => sign_ins.end(Some(id.clone())),
    };
    view! {
        <li data-current=current.to_string()>
            <div class="about">
                <h3>
                    {name}
                    {current.then(|| view! { " "<span class="tag">"This one"</span> })}
                    {(kind == SignInKind::Token).then(|| view! {
                        " "<span class="tag">"Token"</span>
                    })}
                </h3>
                <ul class="facts">
                    {facts.into_iter().map(|fact| view! { <li>{fact}</li> }).collect_view()}
                </ul>
            </div>
            <button type="button" class="quiet small end" aria-label=label on:click=end>
                {if current { "Sign out" } else { "End" }}
            </button>
        </li>
    }
}
