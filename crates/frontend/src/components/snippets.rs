//! Texts to take elsewhere, each with a button that copies it.

use leptos::{html::Code, prelude::*};

use super::CopyButton;
use crate::snippet::Snippet;

/// A list of snippets, one open at a time.
#[component]
pub(crate) fn Snippets(
    /// What to show; the names stay, the texts may change.
    snippets: Memo<Vec<Snippet>>,
) -> impl IntoView {
    let rows = snippets.with_untracked(|all| {
        let names = all.iter().map(|snippet| (snippet.name, snippet.title, snippet.hint));
        names.collect::<Vec<_>>()
    });
    rows.into_iter()
        .enumerate()
        .map(|(index, (name, title, hint))| {
            let text = Signal::derive(move || {
                snippets.with(|all| all.get(index).map(|s| s.text.clone()).unwrap_or_default())
            });
            view! {
                <details name="snippets" class="snippet" data-snippet=name open=index == 0>
                    <summary>{title}</summary>
                    <p class="hint">{hint}</p>
                    <Copyable text what=format!("the text for “{title}”") />
                </details>
            }
        })
        .collect_view()
}

/// A text in a box, with a button that copies it.
#[component]
pub(crate) fn Copyable(
    /// The text.
    #[prop(into)]
    text: Signal<String>,
    /// What it is.
    #[prop(into)]
    what: String,
) -> impl IntoView {
    let source = NodeRef::<Code>::new();
    view! {
        <div class="copyable">
            <pre tabindex="0"><code node_ref=source>{text}</code></pre>
            <CopyButton text what source />
        </div>
    }
}
