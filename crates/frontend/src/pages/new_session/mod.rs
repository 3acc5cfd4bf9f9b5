//! A new session: from the gallery or from scratch.

use common::{
    SessionId, UserId,
    api::{CreateSession, RenderRequest, Template, Visibility},
};
use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};

use super::{Server, ask, lifetimes};
use crate::{
    api,
    attempt::Attempts,
    components::{StillPicture, VisibilityChoice},
    draft::read_args,
    identity::Identity,
    route::{Navigator, Route},
};

/// The card that stands for no template of the gallery. Not a name that one can have,
/// since those are ids.
const SCRATCH: &str = "from scratch";
/// What one starts with then: small, and every part of it worth changing.
const SCRATCH_TEMPLATE: &str = include_str!("scratch.svg.tera");
const SCRATCH_ARGS: &str = include_str!("scratch.json");
/// The lifetime that is chosen at first, in seconds: long enough to come back tomorrow.
const USUAL_LIFETIME: u64 = 24 * 60 * 60;

/// Chooses a template, a name and a lifetime.
#[component]
pub(crate) fn NewSession(
    /// Whose session it will be.
    user: UserId,
) -> impl IntoView {
    let who = expect_context::<Identity>();
    let navigator = expect_context::<Navigator>();
    let server = expect_context::<Server>();
    let gallery = ask(api::templates());
    let chosen = RwSignal::new(SCRATCH.to_owned());
    let id = RwSignal::new(String::new());
    let lifetime = RwSignal::new(USUAL_LIFETIME);
    let visibility = RwSignal::new(Visibility::Public);
    let problem = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let attempts = Attempts::new();

    // The first of the gallery is chosen until one chooses, for it looks like something.
    Effect::new(move || {
        if let Some(first) = gallery
            .with(|answer| Some(answer.as_ref()?.as_ref().ok()?.templates.first()?.name.clone()))
        {
            chosen.set(first);
        }
    });
    let id_problem = move || {
        let text = id.get();
        match text.is_empty() {
            true => None,
            false => text.parse::<SessionId>().err().map(|fault| format!("The id {fault}.")),
        }
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if id_problem().is_some() || busy.get_untracked() {
            return;
        }
        let session = CreateSession {
            session_id: Some(id.get_untracked()).filter(|id| !id.is_empty()),
            ttl_seconds: Some(lifetime.get_untracked()),
            visibility: Some(visibility.get_untracked()),
            ..start_from(chosen.get_untracked())
        };
        let (user, key) = (user.clone(), attempts.key_for(&session));
        busy.set(true);
        spawn_local(async move {
            match api::create(who, &user, &session, &key).await {
                Ok(created) => match created.session_id.parse() {
                    Ok(id) => navigator.go(Route::EditSession(id)),
                    Err(_) => navigator.go(Route::Sessions),
                },
                Err(error) => problem.set(Some(error.to_string())),
            }
            let _ = busy.try_set(false);
        });
    };
    let cards = move || {
        gallery.with(|answer| match answer {
            None => view! { <p class="hint">"Loading the gallery…"</p> }.into_any(),
            Some(Err(error)) => view! { <p class="hint">{error.to_string()}</p> }.into_any(),
            Some(Ok(list)) => list
                .templates
                .iter()
                .map(|template| {
                    let svg = picture_of(template);
                    let Template { name, title, description, .. } = template.clone();
                    view! { <Card name title description svg chosen /> }
                })
                .collect_view()
                .into_any(),
        })
    };
    let scratch = picture(SCRATCH_TEMPLATE.to_owned(), SCRATCH_ARGS);
    view! {
        <h1 tabindex="-1">"New session"</h1>
        <form on:submit=submit>
            <fieldset class="gallery">
                <legend>"What does it start from?"</legend>
                <div class="cards">
                    {cards}
                    <Card
                        name=SCRATCH.to_owned()
                        title="From scratch".to_owned()
                        description="A few lines to make your own.".to_owned()
                        svg=scratch
                        chosen
                    />
                </div>
            </fieldset>
            <div class="narrow">
                <div class="field">
                    <label for="session-id">"Session id"</label>
                    <input
                        id="session-id"
                        name="session_id"
                        class="id"
                        autocomplete="off"
                        autocapitalize="off"
                        spellcheck="false"
                        aria-describedby="session-id-hint session-id-problem"
                        aria-invalid=move || id_problem().map(|_| "true")
                        prop:value=id
                        on:input:target=move |event| {
                            id.set(event.target().value());
                            problem.set(None);
                        }
                    />
                    <p id="session-id-hint" class="hint">
                        "It becomes part of the picture's address. Left empty, one is made up."
                    </p>
                    <div id="session-id-problem" class="problem">
                        {move || id_problem().map(|text| view! { <p>{text}</p> })}
                    </div>
                </div>
                <fieldset class="field">
                    <legend>"It lasts"</legend>
                    <div class="choices">
                        {move || lifetimes(server).map(|(seconds, words)| view! {
                            <label class="choice">
                                <input
                                    type="radio"
                                    name="lifetime"
                                    value=seconds.to_string()
                                    prop:checked=move || lifetime.get() == seconds
                                    on:change=move |_| lifetime.set(seconds)
                                />
                                <span>{words}</span>
                            </label>
                        }).collect_view()}
                    </div>
                </fieldset>
                <fieldset class="field">
                    <legend>"Who may watch it"</legend>
                    <VisibilityChoice
                        chosen=visibility
                        on_choose=Callback::new(move |choice| visibility.set(choice))
                    />
                </fieldset>
                <div id="problem" class="problem" role="alert">
                    {move || problem.get().map(|text| view! { <p>{text}</p> })}
                </div>
                <button id="create" type="submit" disabled=busy>"Create"</button>
            </div>
        </form>
    }
}

/// One thing to start from: a radio button that looks like what it stands for.
#[component]
fn Card(
    name: String,
    title: String,
    description: String,
    svg: Signal<Option<String>>,
    chosen: RwSignal<String>,
) -> impl IntoView {
    let (value, own, hook) = (name.clone(), name.clone(), name.replace(' ', "-"));
    view! {
        <label class="card" data-template=hook>
            <input
                type="radio"
                name="template"
                value=value
                prop:checked=move || chosen.with(|chosen| *chosen == own)
                on:change=move |_| chosen.set(name.clone())
            />
            <span class="thumb"><StillPicture svg /></span>
            <span class="title">{title}</span>
            <span class="hint">{description}</span>
        </label>
    }
}

/// The part of a new session that the choice decides.
fn start_from(choice: String) -> CreateSession {
    match choice == SCRATCH {
        true => CreateSession {
            template: Some(SCRATCH_TEMPLATE.to_owned()),
            args: read_args(SCRATCH_ARGS).ok(),
            ..CreateSession::default()
        },
        false => CreateSession { template_name: Some(choice), ..CreateSession::default() },
    }
}

fn picture_of(template: &Template) -> Signal<Option<String>> {
    rendered(RenderRequest { template: template.template.clone(), args: template.args.clone() })
}

fn picture(template: String, args: &str) -> Signal<Option<String>> {
    rendered(RenderRequest { template, args: read_args(args).unwrap_or_default() })
}

/// A template's picture; none while it is on its way, and none if it fails.
fn rendered(request: RenderRequest) -> Signal<Option<String>> {
    let answer = ask(async move { api::render(&request).await });
    Signal::derive(move || answer.with(|answer| answer.as_ref()?.as_ref().ok().cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_is_complete() {
        let session = start_from(SCRATCH.to_owned());
        assert!(session.template_name.is_none());
        for name in session.args.unwrap().keys() {
            assert!(SCRATCH_TEMPLATE.contains(&format!("{{{{ {name} }}}}")), "{name} is not used");
        }
    }

    #[test]
    fn a_template_of_the_gallery_goes_by_its_name() {
        let session = start_from("badge".to_owned());
        assert_eq!(session.template_name.as_deref(), Some("badge"));
        assert!(session.template.is_none() && session.args.is_none());
    }
}
