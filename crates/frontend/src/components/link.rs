//! A link to another place of the page.

use leptos::{ev::MouseEvent, prelude::*};

use crate::route::{Navigator, Route};

/// A link that changes the place without loading the page again; with a modifier key or
/// another mouse button the browser does what it always does.
#[component]
pub(crate) fn Link(
    /// Where it leads.
    to: Route,
    /// An id for scripts and tests.
    #[prop(optional)]
    id: Option<&'static str>,
    /// How it looks.
    #[prop(optional)]
    class: &'static str,
    children: Children,
) -> impl IntoView {
    let navigator = expect_context::<Navigator>();
    let (path, goal) = (to.path(), to.clone());
    let follow = move |event: MouseEvent| {
        let plain = !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key());
        if plain && event.button() == 0 {
            event.prevent_default();
            navigator.go(goal.clone());
        }
    };
    let current = move || (navigator.route() == to).then_some("page");
    view! {
        <a href=path id=id class=class aria-current=current on:click=follow>
            {children()}
        </a>
    }
}
