//! One session's workbench: template and args on one side, the live picture on the other.

mod audience;
mod bench;
mod life;

use common::{SessionAddress, SessionId, UserId, api::Session};
use leptos::{ev, prelude::*};

use super::{Server, ask};
use crate::{
    api,
    components::{CodeField, CopyButton, Link, LivePicture, Snippets},
    identity::Identity,
    live::{self, Ending, Link as Wire, Live},
    route::Route,
    snippet,
};
use audience::Audience;
use bench::{Bench, State};
use life::Life;

/// Opens a session for editing.
#[component]
pub(crate) fn EditSession(
    /// Whose session.
    user: UserId,
    /// Which one.
    id: SessionId,
) -> impl IntoView {
    let who = expect_context::<Identity>();
    let title = id.to_string();
    let address = SessionAddress::owned(user, id);
    let session = {
        let address = address.clone();
        ask(async move { api::session(who, &address).await })
    };
    let bench = move || {
        session.with(|answer| match answer {
            None => view! { <p class="hint">"Loading…"</p> }.into_any(),
            Some(Ok(session)) => {
                view! { <Workbench address=address.clone() session=session.clone() /> }.into_any()
            }
            Some(Err(error)) => view! {
                <p id="problem" class="problem" role="alert">{error.to_string()}</p>
                <p><Link to=Route::Sessions>"Go to your sessions"</Link></p>
            }
            .into_any(),
        })
    };
    view! {
        <h1 tabindex="-1" class="id">{title}</h1>
        {bench}
    }
}

#[component]
fn Workbench(address: SessionAddress, session: Session) -> impl IntoView {
    let who = expect_context::<Identity>();
    let server = expect_context::<Server>();
    let bench = Bench::open(who, address.clone(), &session);
    let live = live::watch(who, address.clone());
    bench.follow(live);
    Effect::new(move || match live.link.get() {
        Wire::Ended(_) => bench.end(),
        Wire::Live => bench.retry(),
        Wire::Connecting | Wire::Interrupted => {}
    });
    let warning = window_event_listener(ev::beforeunload, move |event| {
        if bench.has_unsaved() {
            event.prevent_default();
        }
    });
    on_cleanup(move || warning.remove());

    let snippets = {
        let address = address.clone();
        Memo::new(move |_| {
            let base = server.info().and_then(|info| info.public_url);
            let base = base.or_else(|| location().origin().ok()).unwrap_or_default();
            let visibility = bench.visibility.get();
            bench.held.with(|held| snippet::all(&base, &address, &held.args, visibility))
        })
    };
    let ended = move || {
        let ending = match live.link.get() {
            Wire::Ended(ending) => Some(ending),
            _ => bench.is_over().then_some(Ending::Gone),
        };
        ending.map(|ending| {
            view! {
                <div class="note" id="ended" role="alert">
                    <p>{ending_in_words(ending)}</p>
                    <p><Link to=Route::Sessions>"Go to your sessions"</Link></p>
                </div>
            }
        })
    };
    let is_over = Memo::new(move |_| bench.is_over());
    let life = {
        let address = address.clone();
        move || {
            (!is_over.get())
                .then(|| view! { <Audience bench /> <Life bench address=address.clone() /> })
        }
    };
    view! {
        {ended}
        <div class="bench">
            <div class="editors">
                <section aria-label="Editors">
                    <Editors bench />
                </section>
                {life}
            </div>
            <div class="beside">
                <section class="show" aria-labelledby="picture-title">
                    <h2 id="picture-title">"Live picture"</h2>
                    <Picture live name=address.id.to_string() />
                </section>
                <section class="take" aria-labelledby="snippets-title">
                    <h2 id="snippets-title">"Use it elsewhere"</h2>
                    // Other ones in private, not only other texts.
                    {move || {
                        bench.visibility.track();
                        view! { <Snippets snippets /> }
                    }}
                    <Token who />
                </section>
            </div>
        </div>
    }
}

/// The two editors, and how things stand.
#[component]
fn Editors(bench: Bench) -> impl IntoView {
    let edited = Callback::new(move |()| bench.edited());
    let apply = Callback::new(move |()| bench.apply());
    let stay = Callback::new(move |()| ());
    let leave_args = Callback::new(move |()| {
        bench.in_args.set(false);
        bench.catch_up();
    });
    let status = move || match bench.state.get() {
        State::Saved => "Saved".to_owned(),
        State::Edited => "Edited".to_owned(),
        State::Saving => "Saving…".to_owned(),
        State::Faulty => "Not saved: there is a fault.".to_owned(),
        State::Troubled(why) => format!("Not saved. {why}"),
        State::Contested => "Not saved: someone else changed it.".to_owned(),
        State::Over => "Changes are no longer saved.".to_owned(),
    };
    let mood = move || match bench.state.get() {
        State::Saved => "saved",
        State::Edited | State::Saving => "busy",
        State::Faulty | State::Troubled(_) | State::Contested | State::Over => "bad",
    };
    let contested = move || {
        (bench.state.get() == State::Contested).then(|| {
            view! {
                <div class="note" id="conflict" role="alert">
                    <p>"Someone else has changed this session while you were changing it."</p>
                    <div class="actions">
                        <button
                            type="button"
                            id="load-theirs"
                            class="quiet"
                            on:click=move |_| bench.load_theirs()
                        >
                            "Load theirs"
                        </button>
                        <button type="button" id="overwrite" on:click=move |_| bench.overwrite()>
                            "Overwrite with mine"
                        </button>
                    </div>
                </div>
            }
        })
    };
    view! {
        <CodeField
            id="template"
            problem_id="problem"
            label="Template"
            rows=18
            value=bench.template
            fault=bench.template_fault
            on_edit=edited
            on_apply=apply
            on_leave=stay
        />
        <div on:focusin=move |_| bench.in_args.set(true)>
            <CodeField
                id="args"
                problem_id="args-problem"
                label="Args"
                rows=7
                value=bench.args
                fault=bench.args_fault
                on_edit=edited
                on_apply=apply
                on_leave=leave_args
            />
        </div>
        {contested}
        <div class="apply">
            <button
                type="button"
                id="apply"
                disabled=move || bench.is_over()
                on:click=move |_| bench.apply()
            >
                "Apply"
            </button>
            <p id="status" role="status" data-mood=mood>{status}</p>
            <p class="hint">
                "Changes apply when you stop typing, or at once with "
                <kbd>"Ctrl"</kbd>"+"<kbd>"Enter"</kbd>"."
            </p>
        </div>
    }
}

/// The picture as every viewer sees it, and whether it is still coming in.
#[component]
fn Picture(live: Live, name: String) -> impl IntoView {
    let words = move || match live.link.get() {
        Wire::Connecting => "Connecting…",
        Wire::Live => "Live",
        Wire::Interrupted => "Connection lost; trying again. The picture may be old.",
        Wire::Ended(_) => "Ended",
    };
    let mood = move || match live.link.get() {
        Wire::Live => "saved",
        Wire::Connecting => "busy",
        Wire::Interrupted | Wire::Ended(_) => "bad",
    };
    let frame = move || {
        live.shown.with(|shown| {
            let (_, seq) = shown.as_ref()?.revision.split_once('-')?;
            Some(format!("Frame {seq}"))
        })
    };
    view! {
        <figure class="stage" class:stale=move || live.link.get() != Wire::Live>
            <LivePicture shown=live.shown alt=format!("{name}, live") />
            <figcaption>
                <span id="link" role="status" data-mood=mood>{words}</span>
                <span>{frame}</span>
            </figcaption>
        </figure>
    }
}

/// The token, for the snippets that need it. Not shown: screens are shared.
#[component]
fn Token(who: Identity) -> impl IntoView {
    let source = NodeRef::new();
    let shown = RwSignal::new(false);
    let show = Callback::new(move |()| shown.set(true));
    let line = Signal::derive(move || {
        who.pass().map(|pass| snippet::token_export(&pass.token)).unwrap_or_default()
    });
    let has_account = Memo::new(move |_| who.account().is_some());
    let masked = move || {
        if shown.get() { line.get() } else { snippet::token_export("…") }
    };
    view! {
        <div class="copyable token">
            <pre><code node_ref=source>{masked}</code></pre>
            <CopyButton text=line what="the line that sets your token" source on_select=show />
        </div>
        <p class="hint">
            "Your token, ready for a shell. Until it expires, whoever holds it is you."
            {move || has_account.get().then(|| view! {
                " That is soon: for a program, "
                <Link to=Route::Account>"make an API key"</Link> "."
            })}
        </p>
    }
}

fn ending_in_words(ending: Ending) -> &'static str {
    match ending {
        Ending::Deleted => "This session was deleted. What is below stays until you leave.",
        Ending::Expired => {
            "This session has reached the end of its time. What is below stays until you leave."
        }
        Ending::Revoked => "You may no longer watch this session.",
        Ending::Gone => "This session no longer exists. What is below stays until you leave.",
    }
}
