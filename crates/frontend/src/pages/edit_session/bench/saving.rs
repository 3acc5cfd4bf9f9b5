//! How what is typed gets to the server, and what happens when someone else was faster.
//!
//! An update carries the parts that were changed here and the entity tag that was last
//! seen. When the tag is no longer true, the update is made again upon what the session is
//! now, unless both sides changed the same part: then a person decides.

use common::api::{ErrorCode, Session, UpdateSession};
use leptos::prelude::*;

use super::{Bench, State, ends_at};
use crate::{
    api::{self, ApiError},
    draft::{self, Fault, Held, Place},
};

/// How often an update is made again upon someone else's before it goes without condition:
/// by then it is clear that the others only ever change the other part.
const ATTEMPTS: u32 = 5;

impl Bench {
    /// Sends updates until there is nothing left to send, or something is in the way.
    pub(super) async fn save(self) {
        let mut attempts = 0;
        loop {
            let update = match self.unsaved() {
                Ok(Some(update)) => update,
                Ok(None) => return self.settle(State::Saved),
                Err(fault) => {
                    self.args_fault.set(Some(fault));
                    return self.turn(State::Faulty);
                }
            };
            self.args_fault.set(None);
            self.turn(State::Saving);
            let seen = match attempts < ATTEMPTS {
                true => self.held.with_untracked(|held| held.etag.clone()),
                false => None,
            };
            let address = self.address.get_value();
            let answer = api::update(self.who, &address, &update, seen.as_deref()).await;
            if self.is_left() {
                return;
            }
            match answer {
                Ok(etag) => {
                    // Without a condition, what else has changed is not known: look again.
                    let etag = etag.filter(|_| seen.is_some());
                    if etag.is_none() {
                        self.catch_up();
                    }
                    self.held.update(|held| held.accept(update, etag));
                    // Whatever was typed meanwhile waits for its own pause.
                    let state = match self.unsaved() {
                        Ok(None) => State::Saved,
                        _ => State::Edited,
                    };
                    let more = state == State::Edited;
                    self.settle(state);
                    if more {
                        self.save_after_pause();
                    }
                    return;
                }
                Err(error) if error.code() == Some(ErrorCode::PreconditionFailed) => {
                    attempts += 1;
                    if !self.rebase(&update).await {
                        return;
                    }
                }
                Err(error) => return self.fail(&error),
            }
        }
    }

    /// Takes over what someone else changed meanwhile; false when that must wait.
    async fn rebase(self, update: &UpdateSession) -> bool {
        let answer = api::session(self.who, &self.address.get_value()).await;
        if self.is_left() {
            return false;
        }
        match answer {
            Ok(session) if !self.adopt(&session, update) => {
                self.theirs.set(Some(Held::from(&session)));
                self.turn(State::Contested);
                false
            }
            Ok(_) => true,
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    /// Reads the session, and takes over what others made of it.
    pub(super) async fn read_again(self) {
        let answer = api::session(self.who, &self.address.get_value()).await;
        if self.is_left() {
            return;
        }
        if self.busy.get_value() {
            // The update that is under way will say more.
            return self.catch_up();
        }
        let (Ok(session), Ok(update)) = (answer, self.unsaved()) else {
            return;
        };
        self.ends_at.set(ends_at(&session));
        if self.visibility.get_untracked() != session.summary.visibility {
            self.visibility.set(session.summary.visibility);
        }
        let theirs = Held::from(&session);
        let (newer, new_args) =
            self.held.with_untracked(|held| (theirs.is_newer_than(held), theirs.args != held.args));
        // While the args are being looked at, they stay as they are.
        if newer && !(new_args && self.in_args.get_untracked()) {
            self.adopt(&session, &update.unwrap_or_default());
        }
    }

    /// Makes the server's state the one that edits are made upon, where `update` (what was
    /// typed and not yet sent) leaves that open; false when both changed the same part.
    fn adopt(self, session: &Session, update: &UpdateSession) -> bool {
        let theirs = Held::from(session);
        let (collides, new_template, new_args) = self.held.with_untracked(|held| {
            (
                draft::collides(update, held, &theirs),
                held.template != theirs.template,
                held.args != theirs.args,
            )
        });
        if collides {
            return false;
        }
        if new_template {
            self.template.set(theirs.template.clone());
        }
        if new_args {
            self.args.set(draft::write_args(&theirs.args));
        }
        self.held.set(theirs);
        true
    }

    /// An update is done, or was dropped: nothing is wrong any more.
    pub(super) fn settle(self, state: State) {
        self.theirs.set(None);
        self.template_fault.set(None);
        self.args_fault.set(None);
        self.turn(state);
    }

    /// Whatever is under way, an end stays an end.
    pub(super) fn turn(self, state: State) {
        if self.state.get_untracked() != State::Over {
            self.state.set(state);
        }
    }

    /// Nothing is sent: a person has to decide first, or there is nothing to send to.
    pub(super) fn is_stuck(self) -> bool {
        matches!(self.state.get_untracked(), State::Contested | State::Over)
    }

    fn fail(self, error: &ApiError) {
        match fault_of(error) {
            Some((false, fault)) => self.template_fault.set(Some(fault)),
            Some((true, fault)) => self.args_fault.set(Some(fault)),
            None if error.is_gone() => return self.end(),
            None => return self.turn(State::Troubled(error.to_string())),
        }
        self.turn(State::Faulty);
    }

    /// The page was left while an answer was on its way.
    pub(super) fn is_left(self) -> bool {
        self.state.is_disposed()
    }
}

/// What in an answer is about the drawing, and whether it is about the args.
fn fault_of(error: &ApiError) -> Option<(bool, Fault)> {
    let ApiError::Problem(problem) = error else {
        return None;
    };
    if !matches!(problem.status, 400 | 413 | 422) {
        return None;
    }
    let first = problem.errors.first();
    let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
    let place = first.and_then(|first| {
        Some(Place { line: number(first.line)?, column: number(first.column).unwrap_or(1) })
    });
    let in_args = first.is_some_and(|first| first.pointer.starts_with("/args"));
    Some((in_args, Fault { message: error.to_string(), place: place.filter(|_| !in_args) }))
}
