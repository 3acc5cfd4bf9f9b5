//! Where one is on the page: its addresses, and going from one to another.

use common::{SessionId, path};
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
    /// Getting an account.
    Register,
    /// Proving an address: where a mail leads to.
    VerifyEmail,
    /// Asking for the mail that leads to a new password.
    ForgottenPassword,
    /// Setting a new password: where that mail leads to.
    ResetPassword,
    /// One's own account.
    Account,
    /// Everybody's accounts, for those who look after them.
    Accounts,
    /// The audit log.
    AuditLog,
    /// An address that means nothing.
    Nowhere,
}

impl Route {
    /// The place that a URL's path names.
    fn at(path: &str) -> Self {
        match path {
            path::VERIFY_PAGE => return Self::VerifyEmail,
            path::RESET_PAGE => return Self::ResetPassword,
            _ => {}
        }
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts[..] {
            [] => Self::Sessions,
            ["new"] => Self::NewSession,
            ["edit", id] => id.parse().map_or(Self::Nowhere, Self::EditSession),
            ["register"] => Self::Register,
            ["forgotten-password"] => Self::ForgottenPassword,
            ["account"] => Self::Account,
            ["admin"] => Self::Accounts,
            ["admin", "audit"] => Self::AuditLog,
            _ => Self::Nowhere,
        }
    }

    /// The path of this place's URL.
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Sessions | Self::Nowhere => "/".to_owned(),
            Self::NewSession => "/new".to_owned(),
            Self::EditSession(id) => format!("/edit/{id}"),
            Self::Register => "/register".to_owned(),
            Self::VerifyEmail => path::VERIFY_PAGE.to_owned(),
            Self::ForgottenPassword => "/forgotten-password".to_owned(),
            Self::ResetPassword => path::RESET_PAGE.to_owned(),
            Self::Account => "/account".to_owned(),
            Self::Accounts => "/admin".to_owned(),
            Self::AuditLog => "/admin/audit".to_owned(),
        }
    }

    /// What the window is called here.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Sessions => "Sessions – Easel".to_owned(),
            Self::NewSession => "New session – Easel".to_owned(),
            Self::EditSession(id) => format!("{id} – Easel"),
            Self::Register => "Create an account – Easel".to_owned(),
            Self::VerifyEmail => "Verify your e-mail – Easel".to_owned(),
            Self::ForgottenPassword | Self::ResetPassword => "New password – Easel".to_owned(),
            Self::Account => "Your account – Easel".to_owned(),
            Self::Accounts => "Accounts – Easel".to_owned(),
            Self::AuditLog => "Audit log – Easel".to_owned(),
            Self::Nowhere => "Not found – Easel".to_owned(),
        }
    }

    /// Whether it is for people who are not signed in, too.
    pub(crate) fn is_for_everyone(&self) -> bool {
        matches!(
            self,
            Self::Register | Self::VerifyEmail | Self::ForgottenPassword | Self::ResetPassword
        )
    }
}

/// Where one is, as a signal, and the way elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Navigator {
    route: RwSignal<Route>,
    mail_token: RwSignal<Option<String>>,
}

impl Navigator {
    /// Follows the address bar for as long as the current owner lives.
    pub(crate) fn start() -> Self {
        let route = RwSignal::new(here());
        let mail_token = RwSignal::new(take_mail_token());
        let listener = window_event_listener(ev::popstate, move |_| {
            let token = take_mail_token();
            // Fragments change the history too, and most lead nowhere else.
            let goes_elsewhere = route.get_untracked() != here();
            if goes_elsewhere || token.is_some() {
                mail_token.set(token);
            }
            if goes_elsewhere {
                route.set(here());
            }
        });
        on_cleanup(move || listener.remove());
        Self { route, mail_token }
    }

    /// Where one is.
    pub(crate) fn route(self) -> Route {
        self.route.get()
    }

    /// Where one is now.
    pub(crate) fn route_untracked(self) -> Route {
        self.route.get_untracked()
    }

    /// The token of the mail whose link led here, as a signal. It is not in the address bar any
    /// more.
    pub(crate) fn mail_token(self) -> Option<String> {
        self.mail_token.get()
    }

    /// Goes to another place, and remembers this one for the way back.
    pub(crate) fn go(self, to: Route) {
        let history = window().history();
        // Refused only to pages without an address; then the page changes all the same.
        let _ = history
            .and_then(|history| history.push_state_with_url(&JsValue::NULL, "", Some(&to.path())));
        self.mail_token.set(None);
        self.route.set(to);
    }
}

fn here() -> Route {
    Route::at(&location().pathname().unwrap_or_default())
}

/// The token of a mail's link, and out of the address bar with it: it would stay in the history,
/// and on a screen that others see.
fn take_mail_token() -> Option<String> {
    let route = here();
    if !matches!(route, Route::VerifyEmail | Route::ResetPassword) {
        return None;
    }
    let token = in_fragment(&location().hash().ok()?)?.to_owned();
    let history = window().history().ok()?;
    let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&route.path()));
    Some(token)
}

/// The token in the fragment of a URL, as `path::mail_link` puts it there.
fn in_fragment(hash: &str) -> Option<&str> {
    hash.strip_prefix("#token=").filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_back_to_its_place() {
        let places = [
            Route::Sessions,
            Route::NewSession,
            Route::EditSession("a-1".parse().unwrap()),
            Route::Register,
            Route::VerifyEmail,
            Route::ForgottenPassword,
            Route::ResetPassword,
            Route::Account,
            Route::Accounts,
            Route::AuditLog,
        ];
        for place in places {
            assert_eq!(Route::at(&place.path()), place);
        }
    }

    #[test]
    fn a_mail_leads_to_its_page_with_its_token() {
        for (page, route) in
            [(path::VERIFY_PAGE, Route::VerifyEmail), (path::RESET_PAGE, Route::ResetPassword)]
        {
            let link = path::mail_link("", page, "a_b-c");
            let (at, _) = link.split_once('#').unwrap();
            assert_eq!(Route::at(at), route);
            assert_eq!(in_fragment(&link[at.len()..]), Some("a_b-c"));
        }
        assert_eq!(in_fragment(""), None);
        assert_eq!(in_fragment("#token="), None);
        assert_eq!(in_fragment("#main"), None);
    }

    #[test]
    fn what_names_no_place_is_nowhere() {
        for path in ["/x", "/new/x", "/edit", "/edit/a.b", "/edit/a/b"] {
            assert_eq!(Route::at(path), Route::Nowhere, "{path}");
        }
    }
}
