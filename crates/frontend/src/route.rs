//! Where one is on the page: its addresses, and going from one to another.

use common::SessionId;
use leptos::{ev, prelude::*};
use wasm_bindgen::JsValue;

/// A place of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// The list of one's sessions.
    Sessions,
    /// A new session.
    NewSession,
    /// One session's workbench.
    EditSession(SessionId),
    /// An address that means nothing.
    Nowhere,
}

impl Route {
    /// The place that a URL's path names.
    fn at(path: &str) -> Self {
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts[..] {
            [] => Self::Sessions,
            ["new"] => Self::NewSession,
            ["edit", id] => id.parse().map_or(Self::Nowhere, Self::EditSession),
            _ => Self::Nowhere,
        }
    }

    /// The path of this place's URL.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Sessions | Self::Nowhere => "/".to_owned(),
            Self::NewSession => "/new".to_owned(),
            Self::EditSession(id) => format!("/edit/{id}"),
        }
    }

    /// What the window is called here.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Sessions => "Sessions – Easel".to_owned(),
            Self::NewSession => "New session – Easel".to_owned(),
            Self::EditSession(id) => format!("{id} – Easel"),
            Self::Nowhere => "Not found – Easel".to_owned(),
        }
    }
}

/// Where one is, as a signal, and the way elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Navigator {
    route: RwSignal<Route>,
}

impl Navigator {
    /// Follows the address bar for as long as the current owner lives.
    pub(crate) fn start() -> Self {
        let route = RwSignal::new(here());
        let listener = window_event_listener(ev::popstate, move |_| {
            // Fragments change the history too, and they lead nowhere else.
            if route.get_untracked() != here() {
                route.set(here());
            }
        });
        on_cleanup(move || listener.remove());
        Self { route }
    }

    /// Where one is.
    pub(crate) fn route(self) -> Route {
        self.route.get()
    }

    /// Goes to another place, and remembers this one for the way back.
    pub(crate) fn go(self, to: Route) {
        let history = window().history();
        // Refused only to pages without an address; then the page changes all the same.
        let _ = history
            .and_then(|history| history.push_state_with_url(&JsValue::NULL, "", Some(&to.path())));
        self.route.set(to);
    }
}

fn here() -> Route {
    Route::at(&location().pathname().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_back_to_its_place() {
        let places =
            [Route::Sessions, Route::NewSession, Route::EditSession("a-1".parse().unwrap())];
        for place in places {
            assert_eq!(Route::at(&place.path()), place);
        }
    }

    #[test]
    fn what_names_no_place_is_nowhere() {
        for path in ["/x", "/new/x", "/edit", "/edit/a.b", "/edit/a/b"] {
            assert_eq!(Route::at(path), Route::Nowhere, "{path}");
        }
    }
}
