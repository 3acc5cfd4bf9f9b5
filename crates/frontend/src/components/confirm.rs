//! Questions in front of the page, and the one before something is deleted.

use common::SessionId;
use leptos::{html::Dialog, prelude::*};

/// The browser's own dialog: it holds the focus, Escape closes it, and the focus goes back.
#[component]
pub(crate) fn Modal(
    /// Whether it is there.
    #[prop(into)]
    open: Signal<bool>,
    /// The id of its heading.
    #[prop(into)]
    labelled_by: String,
    /// Told when it is closed from within the browser.
    on_close: Callback<()>,
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    Effect::new(move || {
        if let Some(dialog) = dialog.get() {
            match open.get() {
                true if !dialog.open() => drop(dialog.show_modal()),
                false if dialog.open() => dialog.close(),
                _ => {}
            }
        }
    });
    view! {
        <dialog node_ref=dialog aria-labelledby=labelled_by on:close=move |_| on_close.run(())>
            {children()}
        </dialog>
    }
}

/// Asks whether to do it to what is in `asked`, for as long as there is something.
#[component]
pub(crate) fn Confirm<T: Clone + Send + Sync + 'static>(
    /// What it would be done to.
    asked: RwSignal<Option<T>>,
    /// What would be done, in one word; the ids of the buttons end in it.
    word: &'static str,
    /// What `asked` is called.
    name: fn(&T) -> String,
    /// What comes of it.
    warning: &'static str,
    /// What it is called not to do it.
    #[prop(default = "Cancel")]
    otherwise: &'static str,
    /// What to do when it is confirmed.
    on_yes: Callback<T>,
) -> impl IntoView {
    let verb = word.to_ascii_lowercase();
    let title = format!("{verb}-title");
    let called = move || asked.with(|asked| asked.as_ref().map(name).unwrap_or_default());
    let yes = move |_| {
        if let Some(it) = asked.get_untracked() {
            asked.set(None);
            on_yes.run(it);
        }
    };
    view! {
        <Modal
            open=Signal::derive(move || asked.with(Option::is_some))
            labelled_by=title.clone()
            on_close=Callback::new(move |()| asked.set(None))
        >
            <h2 id=title>{word} " " <code>{called}</code> "?"</h2>
            <p>{warning}</p>
            <div class="actions">
                <button
                    type="button"
                    id=format!("cancel-{verb}")
                    class="quiet"
                    on:click=move |_| asked.set(None)
                >
                    {otherwise}
                </button>
                <button type="button" id=format!("confirm-{verb}") class="danger" on:click=yes>
                    {word}
                </button>
            </div>
        </Modal>
    }
}

/// Asks whether to delete the session in `asked`.
#[component]
pub(crate) fn ConfirmDelete(
    /// What is about to be deleted.
    asked: RwSignal<Option<SessionId>>,
    /// What to do when it is confirmed.
    on_yes: Callback<SessionId>,
) -> impl IntoView {
    view! {
        <Confirm
            asked
            word="Delete"
            name=|id: &SessionId| id.to_string()
            warning="Everyone who watches it sees it end. This cannot be undone."
            otherwise="Keep it"
            on_yes
        />
    }
}
