//! When a session ends, putting that off, and ending it now.

use std::time::Duration;

use common::{SessionAddress, SessionId};
use leptos::{prelude::*, task::spawn_local};
use web_sys::js_sys::Date;

use super::{
    super::{Server, lifetimes},
    bench::Bench,
};
use crate::{
    api,
    components::ConfirmDelete,
    identity::Identity,
    route::{Navigator, Route},
    wording,
};

/// When the session ends: by itself later, or now.
#[component]
pub(super) fn Life(
    /// The session as it is edited.
    bench: Bench,
    /// Where it is.
    address: SessionAddress,
) -> impl IntoView {
    let server = expect_context::<Server>();
    let now = RwSignal::new(Date::now());
    let tick = set_interval_with_handle(move || now.set(Date::now()), Duration::from_secs(10));
    on_cleanup(move || {
        if let Ok(tick) = tick {
            tick.clear();
        }
    });
    let left = move || {
        let seconds = (bench.ends_at.get() - now.get()).max(0.0) / 1000.0;
        wording::duration(seconds.round() as u64)
    };
    view! {
        <section aria-labelledby="life-title">
            <h2 id="life-title">"Lifetime"</h2>
            <p>"It ends in " <strong id="time-left">{left}</strong> ". From now, let it last:"</p>
            <div class="actions" id="extend">
                {move || {
                    lifetimes(server)
                        .map(|(seconds, words)| view! {
                            <button
                                type="button"
                                class="quiet small"
                                on:click=move |_| bench.extend(seconds)
                            >
                                {words}
                            </button>
                        })
                        .collect_view()
                }}
            </div>
            <Delete address />
        </section>
    }
}

/// Deletes the session, after asking.
#[component]
fn Delete(address: SessionAddress) -> impl IntoView {
    let who = expect_context::<Identity>();
    let navigator = expect_context::<Navigator>();
    let asked = RwSignal::new(None::<SessionId>);
    let problem = RwSignal::new(None::<String>);
    let id = address.id.clone();
    let delete = Callback::new(move |id: SessionId| {
        let Some(owner) = address.owner.clone() else {
            return;
        };
        spawn_local(async move {
            match api::delete(who, &owner, &id).await {
                Err(error) if !error.is_gone() => {
                    let _ = problem.try_set(Some(error.to_string()));
                }
                _ => navigator.go(Route::Sessions),
            }
        });
    });
    view! {
        <div class="ending">
            <button
                type="button"
                id="delete"
                class="quiet"
                on:click=move |_| asked.set(Some(id.clone()))
            >
                "Delete this session"
            </button>
            <div class="problem" role="alert">
                {move || problem.get().map(|text| view! { <p>{text}</p> })}
            </div>
        </div>
        <ConfirmDelete asked on_yes=delete />
    }
}
