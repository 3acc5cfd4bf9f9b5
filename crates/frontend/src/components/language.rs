//! The language of mails, as a choice.

use common::api::Language;
use leptos::prelude::*;

/// Each language, in its own words.
const LANGUAGES: [(Language, &str); 2] = [(Language::En, "English"), (Language::Ko, "한국어")];

/// A list of the languages.
#[component]
pub(crate) fn LanguageChoice(
    /// The id of the list.
    id: &'static str,
    /// What it is.
    label: &'static str,
    /// What is chosen.
    #[prop(into)]
    chosen: Signal<Language>,
    /// Told what someone chooses.
    on_choose: Callback<Language>,
) -> impl IntoView {
    let choices = LANGUAGES.map(|(language, words)| {
        let name = language.as_str();
        view! {
            <option value=name lang=name prop:selected=move || chosen.get() == language>{words}</option>
        }
    });
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <select
                id=id
                on:change:target=move |event| {
                    if let Some(language) = Language::of(&event.target().value()) {
                        on_choose.run(language);
                    }
                }
            >
                {choices.into_iter().collect_view()}
            </select>
        </div>
    }
}
