//! The pages, one for each place.

mod edit_session;
mod new_session;
mod sessions;
mod sign_in;

use std::future::Future;

use common::api::ServerInfo;
use leptos::{prelude::*, task::spawn_local};

use crate::{api::Answer, components::Link, route::Route};

pub(crate) use edit_session::EditSession;
pub(crate) use new_session::NewSession;
pub(crate) use sessions::Sessions;
pub(crate) use sign_in::SignIn;

/// An answer that may still be on its way.
pub(crate) type Awaited<T> = RwSignal<Option<Answer<T>>>;

/// Asks now, and shows the answer when it is there. A page that was left meanwhile hears
/// nothing of it.
pub(crate) fn ask<T: Send + Sync + 'static>(
    question: impl Future<Output = Answer<T>> + 'static,
) -> Awaited<T> {
    let answer = RwSignal::new(None);
    spawn_local(async move {
        let said = question.await;
        let _ = answer.try_set(Some(said));
    });
    answer
}

/// What the server says of itself, for all pages.
#[derive(Clone, Copy)]
pub(crate) struct Server(pub(crate) Awaited<ServerInfo>);

impl Server {
    /// What it says, once it is known.
    pub(crate) fn info(self) -> Option<ServerInfo> {
        self.0.with(|answer| answer.as_ref().and_then(|answer| answer.as_ref().ok().cloned()))
    }
}

/// How long a session may live, as the page offers it: seconds, and the words for it.
const LIFETIMES: [(u64, &str); 3] =
    [(60 * 60, "1 hour"), (24 * 60 * 60, "1 day"), (30 * 24 * 60 * 60, "30 days")];

/// Those lifetimes that this server grants.
fn lifetimes(server: Server) -> impl Iterator<Item = (u64, &'static str)> {
    let longest = server.info().map_or(u64::MAX, |info| info.max_ttl_seconds);
    LIFETIMES.into_iter().filter(move |(seconds, _)| *seconds <= longest)
}

/// What is at an address that means nothing.
#[component]
pub(crate) fn Nowhere() -> impl IntoView {
    view! {
        <h1 tabindex="-1">"There is nothing here"</h1>
        <p><Link to=Route::Sessions>"Go to your sessions"</Link></p>
    }
}
