//! Proving an address: where a mail leads to.

use common::api::{ErrorCode, account::Verified};
use leptos::prelude::*;

use super::{ask, mailed::MailWanted, sign_in::AccountForm};
use crate::{
    api,
    components::{Link, Problem},
    route::{Navigator, Route},
};

/// Presents the token of the mail's link; without one, has the mail sent again.
#[component]
pub(crate) fn VerifyEmail() -> impl IntoView {
    let navigator = expect_context::<Navigator>();
    view! {
        <div class="narrow">
            {move || match navigator.mail_token() {
                Some(token) => view! { <Verifying token /> }.into_any(),
                None => view! {
                    <Resend>
                        <h1 tabindex="-1">"Verify your e-mail"</h1>
                        <p class="lead">
                            "Open the link in the mail that we sent you. If it did not come, have \
                             it sent again."
                        </p>
                    </Resend>
                }
                .into_any(),
            }}
        </div>
    }
}

#[component]
fn Verifying(token: String) -> impl IntoView {
    let answer = ask(api::account::verify_email(token));
    move || {
        answer.with(|answer| match answer {
            None => view! {
                <h1 tabindex="-1">"Verify your e-mail"</h1>
                <p class="hint" role="status">"One moment…"</p>
            }
            .into_any(),
            Some(Ok(Verified { user_id })) => view! {
                <h1 tabindex="-1">"Your account is ready"</h1>
                <p class="lead" id="verified" role="status">
                    "Welcome, " <strong>{user_id.clone()}</strong> ". Sign in, and draw."
                </p>
                <AccountForm known_as=user_id.clone() />
            }
            .into_any(),
            Some(Err(error)) if error.code() == Some(ErrorCode::MailTokenInvalid) => view! {
                <Resend>
                    <h1 tabindex="-1">"This link is not good any more"</h1>
                    <p id="problem" role="alert">
                        "A link is good once, for some time, and only until a newer one is sent. \
                         If you have opened it before, your account is ready: "
                        <Link to=Route::Sessions>"sign in"</Link> "."
                    </p>
                    <p>"Or have a new one sent:"</p>
                </Resend>
            }
            .into_any(),
            Some(Err(error)) => {
                let text = error.to_string();
                view! {
                    <h1 tabindex="-1">"Verify your e-mail"</h1>
                    <Problem text=Signal::derive(move || Some(text.clone())) />
                    <p>"Nothing is lost: open the link in your mail again in a while."</p>
                }
                .into_any()
            }
        })
    }
}

#[component]
fn Resend(children: ChildrenFn) -> impl IntoView {
    view! {
        <MailWanted
            send=api::account::resend_verification
            button="Send it again"
            children=children
        />
        <ul class="links">
            <li><Link to=Route::Sessions>"Back to signing in"</Link></li>
        </ul>
    }
}
