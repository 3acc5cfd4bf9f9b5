//! What the browser keeps: the token of whoever signed in without an account, and whether
//! someone with one did.

use leptos::prelude::window;
use web_sys::Storage;

const TOKEN_KEY: &str = "easel.token";
/// Whether there is a cookie worth trying when the page is opened. Nothing of it is in here.
const SIGNED_IN_KEY: &str = "easel.signed-in";

/// The tokens that were kept: this tab's first.
pub(super) fn tokens() -> impl Iterator<Item = String> {
    let kept = [this_tab(), this_browser()].into_iter().flatten();
    kept.filter_map(|storage| storage.get_item(TOKEN_KEY).ok().flatten())
}

/// Keeps a token in this browser, or in this tab until it is closed.
pub(super) fn keep_token(token: &str, remember: bool) {
    // A browser may refuse to store anything; then the sign-in lasts as long as the page.
    if let Some(storage) = if remember { this_browser() } else { this_tab() } {
        let _ = storage.set_item(TOKEN_KEY, token);
    }
}

/// Forgets all tokens.
pub(super) fn forget_tokens() {
    for storage in [this_tab(), this_browser()].into_iter().flatten() {
        let _ = storage.remove_item(TOKEN_KEY);
    }
}

/// Whether someone signed in to an account here, and did not sign out.
pub(super) fn is_signed_in() -> bool {
    this_browser().is_some_and(|storage| matches!(storage.get_item(SIGNED_IN_KEY), Ok(Some(_))))
}

/// Remembers whether someone is signed in to an account.
pub(super) fn set_signed_in(signed_in: bool) {
    if let Some(storage) = this_browser() {
        let _ = match signed_in {
            true => storage.set_item(SIGNED_IN_KEY, "yes"),
            false => storage.remove_item(SIGNED_IN_KEY),
        };
    }
}

fn this_tab() -> Option<Storage> {
    window().session_storage().ok().flatten()
}

fn this_browser() -> Option<Storage> {
    window().local_storage().ok().flatten()
}
