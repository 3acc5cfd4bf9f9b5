//! A long list, as much of it as was asked for.

use std::{future::Future, pin::Pin, rc::Rc};

use leptos::{prelude::*, task::spawn_local};

use crate::api::Answer;

/// A part of a list, and the cursor of the next one, if there is one.
pub(super) type Part<T> = (Vec<T>, Option<String>);

type Fetch<T> = dyn Fn(Option<String>) -> Pin<Box<dyn Future<Output = Answer<Part<T>>>>>;

/// Where the next part of the list is.
#[derive(Clone, PartialEq, Eq)]
enum Next {
    Start,
    At(String),
    End,
}

/// A list that grows at its end.
pub(super) struct Paging<T: Send + Sync + 'static> {
    /// As much of it as is there.
    pub(super) rows: RwSignal<Vec<T>>,
    /// Why there is no more of it.
    pub(super) problem: RwSignal<Option<String>>,
    next: RwSignal<Next>,
    busy: RwSignal<bool>,
    /// How often it was begun anew: a part of what was there before is not taken.
    beginnings: StoredValue<u64>,
    name: fn(&T) -> &str,
    fetch: StoredValue<Rc<Fetch<T>>, LocalStorage>,
}

impl<T: Send + Sync + 'static> Clone for Paging<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Paging<T> {}

impl<T: Send + Sync + 'static> Paging<T> {
    /// A list of which `fetch` gets the part at a cursor, and the first. No two rows have the
    /// same `name`.
    pub(super) fn new<F>(
        name: fn(&T) -> &str,
        fetch: impl Fn(Option<String>) -> F + 'static,
    ) -> Self
    where
        F: Future<Output = Answer<Part<T>>> + 'static,
    {
        let fetch: Rc<Fetch<T>> = Rc::new(move |cursor| Box::pin(fetch(cursor)));
        Self {
            rows: RwSignal::new(Vec::new()),
            problem: RwSignal::new(None),
            next: RwSignal::new(Next::Start),
            busy: RwSignal::new(false),
            beginnings: StoredValue::new(0),
            name,
            fetch: StoredValue::new_local(fetch),
        }
    }

    /// Whether a part is on its way.
    pub(super) fn is_busy(self) -> bool {
        self.busy.get()
    }

    /// Whether everything there is, is shown, and that is nothing.
    pub(super) fn is_empty(self) -> bool {
        self.next.with(|next| *next == Next::End) && self.rows.with(Vec::is_empty)
    }

    /// Begins anew, with what `fetch` gets now.
    pub(super) fn begin(self) {
        self.beginnings.update_value(|beginnings| *beginnings += 1);
        self.rows.set(Vec::new());
        self.next.set(Next::Start);
        self.show_more();
    }

    /// Shows this alone, until it is begun anew.
    pub(super) fn show_only(self, row: T) {
        self.beginnings.update_value(|beginnings| *beginnings += 1);
        self.problem.set(None);
        self.busy.set(false);
        self.next.set(Next::End);
        self.rows.set(vec![row]);
    }

    /// Shows one part more.
    pub(super) fn show_more(self) {
        let cursor = match self.next.get_untracked() {
            Next::Start => None,
            Next::At(cursor) => Some(cursor),
            Next::End => return,
        };
        let beginning = self.beginnings.get_value();
        let part = self.fetch.with_value(|fetch| fetch(cursor));
        self.busy.set(true);
        spawn_local(async move {
            let part = part.await;
            // The page may have been left meanwhile, or the list begun anew.
            if self.beginnings.try_get_value() == Some(beginning) {
                self.take(part);
            }
        });
    }

    fn take(self, part: Answer<Part<T>>) {
        match part {
            Ok((part, next)) => {
                self.problem.set(None);
                self.rows.update(|rows| {
                    // One that came meanwhile may push another onto this part too.
                    let name = self.name;
                    rows.retain(|old| part.iter().all(|new| name(new) != name(old)));
                    rows.extend(part);
                });
                self.next.set(next.map_or(Next::End, Next::At));
            }
            Err(error) => self.problem.set(Some(error.to_string())),
        }
        self.busy.set(false);
    }
}

/// What stands below a list: that there is more, or that it is coming.
#[component]
pub(super) fn ShowMore<T: Send + Sync + 'static>(
    /// The list.
    list: Paging<T>,
) -> impl IntoView {
    let more = move || list.next.with(|next| *next != Next::End) && !list.is_busy();
    view! {
        {move || list.is_busy().then(|| view! { <p class="hint">"Loading…"</p> })}
        {move || more().then(|| view! {
            <button type="button" id="show-more" class="quiet" on:click=move |_| list.show_more()>
                {move || if list.problem.with(Option::is_some) { "Try again" } else { "Show more" }}
            </button>
        })}
    }
}
