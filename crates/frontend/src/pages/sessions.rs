//! The list of one's sessions.

use common::{
    SessionAddress, SessionId, UserId,
    api::{SessionSummary, Visibility},
};
use leptos::{prelude::*, task::spawn_local};

use super::{
    ask, now,
    paging::{Paging, ShowMore},
};
use crate::{
    api,
    components::{ConfirmDelete, Link, Problem, StillPicture},
    identity::Identity,
    route::Route,
    wording::{ago, counted, duration},
};

/// Everything that one has drawn, newest first.
#[component]
pub(crate) fn Sessions(
    /// Whose sessions.
    user: UserId,
) -> impl IntoView {
    let who = expect_context::<Identity>();
    let owner = user.clone();
    let list = Paging::new(
        |session: &SessionSummary| &session.session_id,
        move |cursor| {
            let owner = owner.clone();
            async move {
                let page = api::sessions(who, &owner, cursor.as_deref()).await?;
                Ok((page.sessions, page.next_cursor))
            }
        },
    );
    list.show_more();

    let asked = RwSignal::new(None::<SessionId>);
    let owner = user.clone();
    let delete = Callback::new(move |id: SessionId| {
        let owner = owner.clone();
        spawn_local(async move {
            match api::delete(who, &owner, &id).await {
                Err(error) if !error.is_gone() => list.problem.set(Some(error.to_string())),
                _ => list.rows.update(|rows| rows.retain(|row| row.session_id != id.as_str())),
            }
        });
    });
    let row = move |session: SessionSummary| view! { <Row user=user.clone() session asked /> };
    view! {
        <div class="head">
            <h1 tabindex="-1">"Your sessions"</h1>
            <Link to=Route::NewSession id="new-session" class="button">"New session"</Link>
        </div>
        <Problem text=list.problem />
        {move || list.is_empty().then(|| view! {
            <div class="empty">
                <p>"Nothing on the easel yet."</p>
                <p class="hint">
                    "A session is one drawing: a template, and the values it shows. "
                    "Choose a template and it is on air in a moment."
                </p>
                <Link to=Route::NewSession class="button">"Create the first"</Link>
            </div>
        })}
        <ul class="rows" id="sessions" aria-busy=move || list.is_busy().to_string()>
            <For
                each=move || list.rows.get()
                key=|session| (session.session_id.clone(), session.revision.clone())
                children=row
            />
        </ul>
        <ShowMore list />
        <ConfirmDelete asked on_yes=delete />
    }
}

/// One session of the list.
#[component]
fn Row(user: UserId, session: SessionSummary, asked: RwSignal<Option<SessionId>>) -> impl IntoView {
    // The server names only what it let be created; anything else cannot be linked to.
    let id = session.session_id.parse::<SessionId>().ok()?;
    let address = SessionAddress::owned(user, id.clone());
    let is_private = session.visibility == Visibility::Private;
    // The query changes with the picture, so that a browser does not show the one it had.
    let url = format!("{}?revision={}", api::snapshot(&address), session.revision);
    let picture = match is_private {
        false => view! { <img class="drawing" alt="" loading="lazy" src=url /> }.into_any(),
        // An image sends no token.
        true => {
            let who = expect_context::<Identity>();
            let svg = ask(async move { api::picture(who, &address).await });
            let svg = Signal::derive(move || svg.with(|svg| svg.as_ref()?.as_ref().ok().cloned()));
            view! { <StillPicture svg /> }.into_any()
        }
    };
    let facts = [
        format!("Changed {}", ago(session.updated_at, now())),
        format!("{} left", duration(session.ttl)),
        counted(session.viewers, "viewer"),
        format!("Frame {}", session.revision.rsplit('-').next().unwrap_or_default()),
    ];
    let edit = Route::EditSession(id.clone());
    let name = session.session_id.clone();
    let delete = format!("Delete {name}");
    Some(view! {
        <li data-session=session.session_id data-revision=session.revision>
            <div class="thumb">
                {picture}
            </div>
            <div class="about">
                <h2>
                    <Link to=edit class="id">{name}</Link>
                    {is_private.then(|| view! { " "<span class="tag">"Private"</span> })}
                </h2>
                <ul class="facts">
                    {facts.into_iter().map(|fact| view! { <li>{fact}</li> }).collect_view()}
                </ul>
            </div>
            <button
                type="button"
                class="quiet small delete"
                aria-label=delete
                on:click=move |_| asked.set(Some(id.clone()))
            >
                "Delete"
            </button>
        </li>
    })
}
