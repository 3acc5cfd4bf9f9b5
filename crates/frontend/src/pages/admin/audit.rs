//! The audit log, newest first.

use common::api::{AuditResult, audit::AuditEntry};
use leptos::prelude::*;

use super::{
    super::paging::{Paging, ShowMore},
    filter::FilterForm,
};
use crate::{
    api::{self, admin::AuditFilter},
    components::{Moment, Problem, save_as},
    form::Form,
    identity::Identity,
};

/// What the file is called that everything is saved in.
const FILE: &str = "easel-audit.ndjson";

/// Shows the log, in part or all of it.
#[component]
pub(super) fn Log() -> impl IntoView {
    let who = expect_context::<Identity>();
    let filter = RwSignal::new(AuditFilter::default());
    let list = Paging::new(
        |entry: &AuditEntry| &entry.id,
        move |cursor| async move {
            let filter = filter.get_untracked();
            let page = api::admin::audit(who, &filter, cursor.as_deref()).await?;
            Ok((page.entries, page.next_cursor))
        },
    );
    list.show_more();
    let apply = Callback::new(move |wanted| {
        filter.set(wanted);
        list.begin();
    });
    let export = Form::new(&[]);
    let save = move |_| {
        let filter = filter.get_untracked();
        let call = async move { api::admin::export_audit(who, &filter).await };
        export.send(call, |file| save_as(&file, FILE));
    };
    view! {
        <FilterForm on_filter=apply />
        <div class="head">
            <p class="hint">"Reading the log is an entry of its own."</p>
            <button
                type="button"
                id="export"
                class="quiet small"
                disabled=move || export.is_busy()
                on:click=save
            >
                "Save as NDJSON"
            </button>
        </div>
        <Problem id="export-problem" text=export.fault() />
        <Problem text=list.problem />
        <ol class="log" id="audit" aria-busy=move || list.is_busy().to_string()>
            <For
                each=move || list.rows.get()
                key=|entry| entry.id.clone()
                children=|entry| view! { <Entry entry /> }
            />
        </ol>
        {move || list.is_empty().then(|| view! { <p id="nothing">"Nothing of that kind."</p> })}
        <ShowMore list />
    }
}

#[component]
fn Entry(entry: AuditEntry) -> impl IntoView {
    let actor = entry.actor.unwrap_or_else(|| "someone".to_owned());
    let target = entry.target.filter(|target| *target != actor);
    let refused = entry.result == AuditResult::Refused;
    let trace = entry.trace_id.map(|trace| format!("Trace {trace}"));
    view! {
        <li data-action=entry.action.as_str() data-result=entry.result.as_str()>
            <Moment at=entry.at />
            <div class="about">
                <p>
                    <strong>{actor}</strong> " " <code>{entry.action.as_str()}</code>
                    {target.map(|target| view! { " → " <strong>{target}</strong> })}
                    {refused.then(|| view! { " "<span class="tag bad">"Refused"</span> })}
                </p>
                <ul class="facts" title=trace>
                    {entry.address.map(|address| view! { <li>"From " {address}</li> })}
                    {(!entry.detail.is_empty()).then(|| view! { <li>{entry.detail}</li> })}
                </ul>
            </div>
        </li>
    }
}
