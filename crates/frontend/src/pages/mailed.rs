//! What to do while a mail is on its way.

use std::future::Future;

use common::api::account::MailSent;
use leptos::prelude::*;

use crate::{
    api::Answer,
    components::{Field, Problem},
    form::Form,
};

/// Says where a mail went, and has it sent again.
#[component]
pub(super) fn Mailed<F, A>(
    /// Where it went.
    email: String,
    /// What the server says of it.
    sent: MailSent,
    /// What sends it again.
    again: F,
    /// Told when the address was not the right one.
    on_mistake: Callback<()>,
) -> impl IntoView
where
    F: Fn(String) -> A + 'static,
    A: Future<Output = Answer<MailSent>> + 'static,
{
    let form = Form::new(&[]);
    let repeated = RwSignal::new(false);
    let resend = {
        let email = email.clone();
        move |_| {
            repeated.set(false);
            form.send(again(email.clone()), move |_| repeated.set(true));
        }
    };
    // A server on one's own machine, where its mail is seldom sent anywhere.
    let is_local = location()
        .hostname()
        .is_ok_and(|host| matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"));
    view! {
        <h1 tabindex="-1">"Check your mail"</h1>
        <p id="mailed">{sent.detail}</p>
        <p>"It goes to " <strong class="address">{email}</strong> "."</p>
        {is_local.then(|| view! {
            <p class="note">
                "Is this server yours, and without an SMTP server? Then its mails are files in its \
                 data directory, and its log says where."
            </p>
        })}
        <p class="hint">
            "Nothing there after some minutes? Look among the spam, or have it sent again: only \
             the newest link is good."
        </p>
        <div class="actions">
            <button
                type="button"
                id="resend"
                class="quiet"
                disabled=move || form.is_busy()
                on:click=resend
            >
                "Send it again"
            </button>
            <button type="button" id="other-address" class="quiet" on:click=move |_| on_mistake.run(())>
                "Use another address"
            </button>
        </div>
        <div role="status" id="resent">
            {move || repeated.get().then(|| view! { <p>"It is on its way once more."</p> })}
        </div>
        <Problem text=form.fault() />
    }
}

/// Asks for an address, and has a mail sent there.
#[component]
pub(super) fn MailForm<F, A>(
    /// What sends it.
    send: F,
    /// What the button says.
    button: &'static str,
    /// Told what the server says of it, with the address.
    on_sent: Callback<(String, MailSent)>,
    /// The address, if it is known.
    address: RwSignal<String>,
) -> impl IntoView
where
    F: Fn(String) -> A + 'static,
    A: Future<Output = Answer<MailSent>> + 'static,
{
    let form = Form::new(&["/email"]);
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let email = address.get_untracked().trim().to_owned();
        form.send(send(email.clone()), move |sent| on_sent.run((email, sent)));
    };
    view! {
        <form on:submit=submit>
            <Field
                id="email"
                label="E-mail"
                value=address
                fault=form.fault_of("/email")
                autocomplete="email"
                kind="email"
            />
            <Problem text=form.fault() />
            <button id="send-mail" type="submit" disabled=move || form.is_busy()>{button}</button>
        </form>
    }
}

/// A mail that is asked for, and then awaited: first the form, then what to do meanwhile.
#[component]
pub(super) fn MailWanted<F, A>(
    /// What sends it.
    send: F,
    /// What the button says.
    button: &'static str,
    /// What stands above the form.
    children: ChildrenFn,
) -> impl IntoView
where
    F: Fn(String) -> A + Copy + Send + Sync + 'static,
    A: Future<Output = Answer<MailSent>> + 'static,
{
    let address = RwSignal::new(String::new());
    let sent = RwSignal::new(None::<(String, MailSent)>);
    move || {
        match sent.get() {
        None => view! {
            {children()}
            <MailForm send button address on_sent=Callback::new(move |answer| sent.set(Some(answer))) />
        }
        .into_any(),
        Some((email, answer)) => view! {
            <Mailed
                email
                sent=answer
                again=send
                on_mistake=Callback::new(move |()| sent.set(None))
            />
        }
        .into_any(),
    }
    }
}
