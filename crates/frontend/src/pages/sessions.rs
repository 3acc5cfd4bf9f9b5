//! The list of one's sessions.

use common::{
    SessionAddress, SessionId, UserId,
    api::{SessionSummary, Visibility},
};
use leptos::{prelude::*, task::spawn_local};
use time::OffsetDateTime;
use web_sys::js_sys::Date;

use super::ask;
use crate::{
    api,
    components::{ConfirmDelete, Link, StillPicture},
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
    let list = List::new(expect_context::<Identity>(), user.clone());
    list.show_more();

    let asked = RwSignal::new(None::<SessionId>);
    let row = move |session: SessionSummary| view! { <Row user=user.clone() session asked /> };
    let is_empty = move || list.ended() && list.rows.with(Vec::is_empty);
    view! {
        <div class="head">
            <h1 tabindex="-1">"Your sessions"</h1>
            <Link to=Route::NewSession id="new-session" class="button">"New session"</Link>
        </div>
        <div id="problem" class="problem" role="alert">
            {move || list.problem.get().map(|text| view! { <p>{text}</p> })}
        </div>
        {move || is_empty().then(|| view! {
            <div class="empty">
                <p>"Nothing on the easel yet."</p>
                <p class="hint">
                    "A session is one drawing: a template, and the values it shows. "
                    "Choose a template and it is on air in a moment."
                </p>
                <Link to=Route::NewSession class="button">"Create the first"</Link>
            </div>
        })}
        <ul class="rows" id="sessions" aria-busy=move || list.busy.get().to_string()>
            <For
                each=move || list.rows.get()
                key=|session| (session.session_id.clone(), session.revision.clone())
                children=row
            />
        </ul>
        {move || list.busy.get().then(|| view! { <p class="hint">"Loading…"</p> })}
        {move || (list.next.with(|next| *next != Next::End) && !list.busy.get()).then(|| view! {
            <button type="button" id="show-more" class="quiet" on:click=move |_| list.show_more()>
                {move || if list.problem.with(Option::is_some) { "Try again" } else { "Show more" }}
            </button>
        })}
        <ConfirmDelete asked on_yes=Callback::new(move |id| list.delete(id)) />
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

/// Where the next part of the list is.
#[derive(Clone, PartialEq, Eq)]
enum Next {
    Start,
    At(String),
    End,
}

/// As much of the list as was asked for.
#[derive(Clone, Copy)]
struct List {
    who: Identity,
    user: StoredValue<UserId>,
    rows: RwSignal<Vec<SessionSummary>>,
    next: RwSignal<Next>,
    busy: RwSignal<bool>,
    problem: RwSignal<Option<String>>,
}

impl List {
    fn new(who: Identity, user: UserId) -> Self {
        Self {
            who,
            user: StoredValue::new(user),
            rows: RwSignal::new(Vec::new()),
            next: RwSignal::new(Next::Start),
            busy: RwSignal::new(false),
            problem: RwSignal::new(None),
        }
    }

    /// Whether everything there is, is shown.
    fn ended(self) -> bool {
        self.next.with(|next| *next == Next::End)
    }

    fn show_more(self) {
        let cursor = match self.next.get_untracked() {
            Next::Start => None,
            Next::At(cursor) => Some(cursor),
            Next::End => return,
        };
        let user = self.user.get_value();
        self.busy.set(true);
        spawn_local(async move {
            match api::sessions(self.who, &user, cursor.as_deref()).await {
                Ok(page) => {
                    self.problem.set(None);
                    self.rows.update(|rows| {
                        // One that was created meanwhile may push another onto this page too.
                        rows.retain(|old| {
                            page.sessions.iter().all(|new| new.session_id != old.session_id)
                        });
                        rows.extend(page.sessions);
                    });
                    self.next.set(page.next_cursor.map_or(Next::End, Next::At));
                }
                Err(error) => self.problem.set(Some(error.to_string())),
            }
            self.busy.set(false);
        });
    }

    fn delete(self, id: SessionId) {
        let user = self.user.get_value();
        spawn_local(async move {
            match api::delete(self.who, &user, &id).await {
                Err(error) if !error.is_gone() => self.problem.set(Some(error.to_string())),
                _ => self.rows.update(|rows| rows.retain(|row| row.session_id != id.as_str())),
            }
        });
    }
}

fn now() -> OffsetDateTime {
    let seconds = (Date::now() / 1000.0) as i64;
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
