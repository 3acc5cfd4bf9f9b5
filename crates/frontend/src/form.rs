//! One form: whether its answer is awaited, and what is wrong with what was filled in.

use std::future::Future;

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::{
    api::{Answer, ApiError},
    wording::{about_it, sentence},
};

/// A form, as its parts share it.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// Its fields, as the server points at them.
    fields: &'static [&'static str],
    busy: RwSignal<bool>,
    faults: RwSignal<Faults>,
}

/// What is wrong, and where it is to be said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Faults {
    of_fields: Vec<(&'static str, String)>,
    other: Option<String>,
}

impl Form {
    /// A form with these fields, each called what the server calls it: `/email`.
    pub(crate) fn new(fields: &'static [&'static str]) -> Self {
        Self { fields, busy: RwSignal::new(false), faults: RwSignal::default() }
    }

    /// Makes a call, unless one is under way, and either goes on with the answer or says what is
    /// wrong. A page that was left meanwhile hears nothing of it.
    pub(crate) fn send<T: 'static>(
        self,
        call: impl Future<Output = Answer<T>> + 'static,
        go_on: impl FnOnce(T) + 'static,
    ) {
        self.ask(call, move |answer| match answer {
            Ok(answer) => go_on(answer),
            Err(error) => self.fail(&error),
        });
    }

    /// Makes a call likewise, and goes on with whatever it comes to.
    pub(crate) fn ask<T: 'static>(
        self,
        call: impl Future<Output = T> + 'static,
        go_on: impl FnOnce(T) + 'static,
    ) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.clear();
        spawn_local(async move {
            let answer = call.await;
            if !self.busy.is_disposed() {
                self.busy.set(false);
                go_on(answer);
            }
        });
    }

    /// Says what is wrong with a field.
    pub(crate) fn blame(self, field: &'static str, why: String) {
        self.say(Faults { of_fields: vec![(field, why)], other: None });
    }

    /// Says what is wrong with all of it.
    pub(crate) fn refuse(self, why: String) {
        self.say(Faults { of_fields: Vec::new(), other: Some(why) });
    }

    /// Says what an answer says is wrong.
    pub(crate) fn fail(self, error: &ApiError) {
        self.say(Faults::of(error, self.fields));
    }

    /// Nothing is wrong any more.
    pub(crate) fn clear(self) {
        self.faults.set(Faults::default());
    }

    /// Whether an answer is awaited.
    pub(crate) fn is_busy(self) -> bool {
        self.busy.get()
    }

    /// What is wrong with a field.
    pub(crate) fn fault_of(self, field: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || {
            self.faults.with(|faults| {
                let own = faults.of_fields.iter().find(|(at, _)| *at == field);
                own.map(|(_, why)| why.clone())
            })
        })
    }

    /// What is wrong with no field in particular.
    pub(crate) fn fault(self) -> Signal<Option<String>> {
        Signal::derive(move || self.faults.with(|faults| faults.other.clone()))
    }

    fn say(self, faults: Faults) {
        let of_field = !faults.of_fields.is_empty();
        self.faults.set(faults);
        if of_field {
            // In the next frame, when the field is marked.
            request_animation_frame(focus_faulty_field);
        }
    }
}

impl Faults {
    fn of(error: &ApiError, fields: &'static [&'static str]) -> Self {
        let faults = match error {
            ApiError::Problem(problem) => problem.errors.as_slice(),
            _ => &[],
        };
        let mut sorted = Self::default();
        for fault in faults {
            let is_at = |field: &&&str| {
                let rest = fault.pointer.strip_prefix(**field);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            let said = sentence(&about_it(&fault.detail));
            match fields.iter().find(is_at) {
                Some(field) if sorted.of_fields.iter().all(|(at, _)| at != field) => {
                    sorted.of_fields.push((field, said));
                }
                Some(_) => {}
                None => sorted.other = sorted.other.or(Some(said)),
            }
        }
        if sorted == Self::default() {
            sorted.other = Some(error.to_string());
        }
        sorted
    }
}

fn focus_faulty_field() {
    let field = document().query_selector("[aria-invalid=true]").ok().flatten();
    if let Some(field) = field.and_then(|field| field.dyn_into::<HtmlElement>().ok()) {
        let _ = field.focus();
    }
}

#[cfg(test)]
mod tests {
    use common::api::{ErrorCode, FieldError, Problem};

    use super::*;

    fn problem(pointers: &[&str]) -> ApiError {
        let code = ErrorCode::ValidationFailed;
        let errors = pointers.iter().map(|pointer| FieldError {
            pointer: (*pointer).to_owned(),
            code,
            detail: format!("what is at {pointer} is too long"),
            line: None,
            column: None,
        });
        ApiError::Problem(Box::new(Problem {
            kind: "about:blank".to_owned(),
            title: code.title().to_owned(),
            status: code.status(),
            detail: "see there".to_owned(),
            instance: "/".to_owned(),
            code,
            trace_id: String::new(),
            errors: errors.collect(),
        }))
    }

    fn faults(pointers: &[&str]) -> Faults {
        Faults::of(&problem(pointers), &["/email", "/scopes"])
    }

    #[test]
    fn a_fault_is_said_at_its_field() {
        let said = |text: &str| format!("What is at {text} is too long.");
        assert_eq!(faults(&["/email"]).of_fields, [("/email", said("/email"))]);
        assert_eq!(faults(&["/email"]).other, None);
        assert_eq!(faults(&["/scopes/3", "/scopes/4"]).of_fields, [("/scopes", said("/scopes/3"))]);
    }

    #[test]
    fn a_fault_of_no_field_is_said_all_the_same() {
        let unknown = faults(&["/emails"]);
        assert!(unknown.of_fields.is_empty());
        assert_eq!(unknown.other.as_deref(), Some("What is at /emails is too long."));
        assert_eq!(faults(&[]).other.as_deref(), Some("The request is not valid. See there."));
        let away = Faults::of(&ApiError::Unreachable, &["/email"]);
        assert_eq!(away.other, Some(ApiError::Unreachable.to_string()));
    }
}
