//! Who is signed in. The only place of the page that touches the browser's storage.

use common::{UserId, api::Token, jwt};
use leptos::prelude::*;
use web_sys::{Storage, js_sys::Date};

const TOKEN_KEY: &str = "easel.token";

/// A token, and what it says of its holder. Without `Debug`: it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Who is signed in.
    pub(crate) user: UserId,
    /// The JWT.
    pub(crate) token: String,
}

impl Pass {
    /// Reads a token, unless it has expired.
    fn read(token: String) -> Option<Self> {
        let claims = jwt::unverified(&token)?;
        let now = (Date::now() / 1000.0) as i64;
        (claims.exp > now).then_some(Self { user: claims.sub, token })
    }
}

/// The page's one answer to "who is it?": a handle that all parts of the page share.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pass: RwSignal<Option<Pass>>,
    notice: RwSignal<Option<&'static str>>,
}

impl Identity {
    /// Whoever was signed in when the page was last open, if the token is still good.
    pub(crate) fn restore() -> Self {
        let pass = [this_tab(), this_browser()]
            .into_iter()
            .flatten()
            .filter_map(|storage| storage.get_item(TOKEN_KEY).ok().flatten())
            .find_map(Pass::read);
        Self { pass: RwSignal::new(pass), notice: RwSignal::new(None) }
    }

    /// Who is signed in, as a signal.
    pub(crate) fn pass(self) -> Option<Pass> {
        self.pass.get()
    }

    /// The token to send now.
    pub(crate) fn token(self) -> Option<String> {
        self.pass.with_untracked(|pass| pass.as_ref().map(|pass| pass.token.clone()))
    }

    /// What to tell someone who finds himself signed out.
    pub(crate) fn notice(self) -> Option<&'static str> {
        self.notice.get()
    }

    /// Takes a new token; kept in this browser until it expires with `remember`, else in
    /// this tab until it is closed.
    ///
    /// False when the token cannot be read, which an honest server does not send.
    pub(crate) fn sign_in(self, token: Token, remember: bool) -> bool {
        let Some(pass) = Pass::read(token.token) else {
            return false;
        };
        forget();
        // A browser may refuse to store anything; then the sign-in lasts as long as the page.
        if let Some(storage) = if remember { this_browser() } else { this_tab() } {
            let _ = storage.set_item(TOKEN_KEY, &pass.token);
        }
        self.notice.set(None);
        self.pass.set(Some(pass));
        true
    }

    /// Forgets the token.
    pub(crate) fn sign_out(self) {
        forget();
        self.notice.set(None);
        self.pass.set(None);
    }

    /// The server did not take the token any more.
    pub(crate) fn refused(self) {
        forget();
        self.notice.set(Some("Your sign-in has ended. Sign in again to go on where you were."));
        self.pass.set(None);
    }
}

fn this_tab() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

fn this_browser() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

fn forget() {
    for storage in [this_tab(), this_browser()].into_iter().flatten() {
        let _ = storage.remove_item(TOKEN_KEY);
    }
}
