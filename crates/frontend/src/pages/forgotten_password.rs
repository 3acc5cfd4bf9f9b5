//! Asking for the mail that leads to a new password.

use leptos::prelude::*;

use super::mailed::MailWanted;
use crate::{api, components::Link, route::Route};

/// Asks for the account's address.
#[component]
pub(crate) fn ForgottenPassword() -> impl IntoView {
    view! {
        <div class="narrow">
            <MailWanted send=api::account::request_password_reset button="Send the mail">
                <h1 tabindex="-1">"Forgotten your password?"</h1>
                <p class="lead">
                    "Say to which address your account belongs, and a mail brings you a link to a \
                     new one."
                </p>
            </MailWanted>
            <ul class="links">
                <li><Link to=Route::Sessions>"Back to signing in"</Link></li>
            </ul>
        </div>
    }
}
