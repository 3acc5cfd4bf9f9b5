//! Who may watch the session.

use common::api::Visibility;
use leptos::prelude::*;

use super::bench::Bench;
use crate::components::VisibilityChoice;

/// Makes the session public or private, at once.
#[component]
pub(super) fn Audience(
    /// The session as it is edited.
    bench: Bench,
) -> impl IntoView {
    let hint = move || match bench.visibility.get() {
        Visibility::Public => "In private, the streams of everyone else end.",
        Visibility::Private => {
            "Your token shows it, a cookie on pages of this site, or a ticket anywhere: see \
             “Use it elsewhere”."
        }
    };
    view! {
        <section aria-labelledby="audience-title">
            <h2 id="audience-title">"Who may watch"</h2>
            <fieldset aria-labelledby="audience-title">
                <VisibilityChoice
                    chosen=bench.visibility
                    on_choose=Callback::new(move |choice| bench.show_to(choice))
                />
            </fieldset>
            <p class="hint">{hint}</p>
        </section>
    }
}
