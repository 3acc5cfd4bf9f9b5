//! A button that copies a text.

use std::time::Duration;

use leptos::{html::Code, prelude::*, task::spawn_local};
use wasm_bindgen_futures::JsFuture;
use web_sys::js_sys::Reflect;

/// How long the button says what it did.
const SAID: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Waiting,
    Copied,
    Selected,
}

/// Copies `text`; where the browser does not allow that, selects it in `source`, so that
/// one key is left to press.
#[component]
pub(crate) fn CopyButton(
    /// What to copy.
    #[prop(into)]
    text: Signal<String>,
    /// What it is, for those who cannot see what the button stands beside.
    #[prop(into)]
    what: String,
    /// Where the text is shown.
    source: NodeRef<Code>,
    /// Told before the text is selected, where it is not shown until then.
    #[prop(optional)]
    on_select: Option<Callback<()>>,
) -> impl IntoView {
    let outcome = RwSignal::new(Outcome::Waiting);
    let copy = move |_| {
        spawn_local(async move {
            let copied = write_to_clipboard(&text.get_untracked()).await;
            if !copied {
                if let Some(on_select) = on_select {
                    on_select.run(());
                }
                // In the next frame, when the text that was asked for is there.
                request_animation_frame(move || {
                    if let Some(Some(source)) = source.try_get_untracked() {
                        select(&source);
                    }
                });
            }
            let _ = outcome.try_set(if copied { Outcome::Copied } else { Outcome::Selected });
            let forget = move || {
                let _ = outcome.try_set(Outcome::Waiting);
            };
            set_timeout(forget, SAID);
        });
    };
    let said = move || match outcome.get() {
        Outcome::Waiting => "Copy",
        Outcome::Copied => "Copied",
        Outcome::Selected => "Press Ctrl+C",
    };
    view! {
        <button type="button" class="quiet small copy" on:click=copy>
            <span aria-live="polite">{said}</span>
            <span class="unseen">" "{what}</span>
        </button>
    }
}

/// False where there is no clipboard: on pages that came over plain http from elsewhere.
async fn write_to_clipboard(text: &str) -> bool {
    let navigator = window().navigator();
    let there = Reflect::get(&navigator, &"clipboard".into())
        .is_ok_and(|clipboard| !clipboard.is_undefined());
    there && JsFuture::from(navigator.clipboard().write_text(text)).await.is_ok()
}

fn select(node: &web_sys::Node) {
    if let Ok(Some(selection)) = window().get_selection() {
        let _ = selection.select_all_children(node);
    }
}
