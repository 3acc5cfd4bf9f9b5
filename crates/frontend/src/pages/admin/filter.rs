//! Which part of the audit log is shown.

use common::api::{AuditAction, AuditResult};
use leptos::{ev::SubmitEvent, prelude::*};
use wasm_bindgen::JsValue;
use web_sys::js_sys::Date;

use crate::{api::admin::AuditFilter, components::Field};

/// Asks for it.
#[component]
pub(super) fn FilterForm(
    /// Told what is wanted.
    on_filter: Callback<AuditFilter>,
) -> impl IntoView {
    let empty = || RwSignal::new(String::new());
    let (actor, target, from, until) = (empty(), empty(), empty(), empty());
    let (action, result) = (empty(), empty());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        on_filter.run(AuditFilter {
            actor: filled(&actor.get_untracked()),
            action: AuditAction::of(&action.get_untracked()),
            target: filled(&target.get_untracked()),
            result: AuditResult::of(&result.get_untracked()),
            from: moment(&from.get_untracked()),
            until: moment(&until.get_untracked()),
        });
    };
    let actions = AuditAction::ALL.iter().map(|action| action.as_str()).collect();
    let results = [AuditResult::Done, AuditResult::Refused].map(AuditResult::as_str).to_vec();
    view! {
        <form class="sheet grid" role="search" on:submit=submit>
            <Field id="actor" label="Who" value=actor optional=true />
            <Choice id="action" label="What" chosen=action words=actions />
            <Field id="target" label="To whom" value=target optional=true />
            <Choice id="result" label="Outcome" chosen=result words=results />
            <Field id="from" label="From" value=from kind="datetime-local" optional=true />
            <Field id="until" label="Until" value=until kind="datetime-local" optional=true />
            <button id="filter" type="submit" class="quiet">"Show"</button>
        </form>
    }
}

#[component]
fn Choice(
    id: &'static str,
    label: &'static str,
    chosen: RwSignal<String>,
    words: Vec<&'static str>,
) -> impl IntoView {
    let options = words.into_iter().map(|word| view! { <option value=word>{word}</option> });
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <select id=id on:change:target=move |event| chosen.set(event.target().value())>
                <option value="">"Any"</option>
                {options.collect_view()}
            </select>
        </div>
    }
}

fn filled(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A date and time of day by this browser's clock, as RFC 3339 in UTC.
fn moment(local: &str) -> Option<String> {
    let date = Date::new(&JsValue::from_str(&filled(local)?));
    (!date.get_time().is_nan()).then(|| String::from(date.to_iso_string()))
}
