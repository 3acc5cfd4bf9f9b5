//! The question before something is deleted.

use common::SessionId;
use leptos::{html::Dialog, prelude::*};

/// Asks whether to delete the session in `asked`, for as long as there is one. The
/// browser's own dialog: it holds the focus, Escape closes it, and the focus goes back.
#[component]
pub(crate) fn ConfirmDelete(
    /// What is about to be deleted.
    asked: RwSignal<Option<SessionId>>,
    /// What to do when it is confirmed.
    on_yes: Callback<SessionId>,
) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    Effect::new(move || {
        if let Some(dialog) = dialog.get() {
            match asked.with(Option::is_some) {
                true if !dialog.open() => drop(dialog.show_modal()),
                false if dialog.open() => dialog.close(),
                _ => {}
            }
        }
    });
    let name = move || asked.with(|id| id.as_ref().map(ToString::to_string).unwrap_or_default());
    let yes = move |_| {
        if let Some(id) = asked.get_untracked() {
            asked.set(None);
            on_yes.run(id);
        }
    };
    view! {
        <dialog node_ref=dialog aria-labelledby="confirm-title" on:close=move |_| asked.set(None)>
            <h2 id="confirm-title">"Delete " <code>{name}</code> "?"</h2>
            <p>"Everyone who watches it sees it end. This cannot be undone."</p>
            <div class="actions">
                <button
                    type="button"
                    id="cancel-delete"
                    class="quiet"
                    on:click=move |_| asked.set(None)
                >
                    "Keep it"
                </button>
                <button type="button" id="confirm-delete" class="danger" on:click=yes>
                    "Delete"
                </button>
            </div>
        </dialog>
    }
}
