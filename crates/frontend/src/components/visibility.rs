//! Who may watch a session, as a choice.

use common::api::Visibility;
use leptos::prelude::*;

const CHOICES: [(Visibility, &str, &str); 2] = [
    (Visibility::Public, "public", "Everyone who knows its address"),
    (Visibility::Private, "private", "Only you, and whom you let"),
];

/// One radio button for each visibility.
#[component]
pub(crate) fn VisibilityChoice(
    /// What is chosen.
    #[prop(into)]
    chosen: Signal<Visibility>,
    /// Told what someone chooses.
    on_choose: Callback<Visibility>,
) -> impl IntoView {
    let choices = CHOICES.map(|(visibility, name, words)| {
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name="visibility"
                    id=format!("visibility-{name}")
                    value=name
                    prop:checked=move || chosen.get() == visibility
                    on:change=move |_| on_choose.run(visibility)
                />
                <span>{words}</span>
            </label>
        }
    });
    view! { <div class="choices">{choices.into_iter().collect_view()}</div> }
}
