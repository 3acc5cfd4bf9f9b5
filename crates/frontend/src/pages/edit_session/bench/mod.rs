//! The state of one session that is being edited: what is typed, and what the server
//! holds. Only one update is under way at a time.

mod saving;

use std::time::Duration;

use common::{
    SessionAddress,
    api::{Session, UpdateSession, Visibility},
};
use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*, task::spawn_local};
use web_sys::js_sys::Date;

use crate::{
    api,
    draft::{self, Fault, Held},
    identity::Identity,
    live::{Live, Shown},
};

/// How long after the last key a change applies by itself.
const PAUSE: Duration = Duration::from_millis(500);
/// How often at most the editors follow a session that others change, so that a program
/// which draws ten times a second does not make the page ask ten times a second.
const FOLLOW: Duration = Duration::from_secs(1);

/// How things stand between the editors and the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// They are the same.
    Saved,
    /// Something was typed that will be sent in a moment.
    Edited,
    /// An update is under way.
    Saving,
    /// What is typed cannot be drawn; the faults say why.
    Faulty,
    /// The update failed for a reason that has nothing to do with it.
    Troubled(String),
    /// Someone else has changed what was changed here.
    Contested,
    /// The session is no more. Nothing follows.
    Over,
}

/// One session's workbench: a handle that the parts of the page share.
#[derive(Clone, Copy)]
pub(super) struct Bench {
    who: Identity,
    address: StoredValue<SessionAddress>,
    /// The template as it is typed.
    pub(super) template: RwSignal<String>,
    /// The args as they are typed.
    pub(super) args: RwSignal<String>,
    /// What the server was last seen to hold.
    pub(super) held: RwSignal<Held>,
    /// When the session ends, in milliseconds since the Unix epoch.
    pub(super) ends_at: RwSignal<f64>,
    /// Who may watch.
    pub(super) visibility: RwSignal<Visibility>,
    /// How things stand.
    pub(super) state: RwSignal<State>,
    /// What is wrong with the template, or with what comes of it.
    pub(super) template_fault: RwSignal<Option<Fault>>,
    /// What is wrong with the args.
    pub(super) args_fault: RwSignal<Option<Fault>>,
    /// Whether the args are being looked at: then they do not change under one's eyes.
    pub(super) in_args: RwSignal<bool>,
    theirs: RwSignal<Option<Held>>,
    busy: StoredValue<bool>,
    pause: StoredValue<Option<TimeoutHandle>>,
    follow: StoredValue<Option<TimeoutHandle>>,
}

impl Bench {
    /// Opens a session as it was read. What is not saved when the owner is cleaned up is
    /// saved then.
    pub(super) fn open(who: Identity, address: SessionAddress, session: &Session) -> Self {
        let held = Held::from(session);
        let bench = Self {
            who,
            address: StoredValue::new(address),
            template: RwSignal::new(held.template.clone()),
            args: RwSignal::new(draft::write_args(&held.args)),
            held: RwSignal::new(held),
            ends_at: RwSignal::new(ends_at(session)),
            visibility: RwSignal::new(session.summary.visibility),
            state: RwSignal::new(State::Saved),
            template_fault: RwSignal::new(None),
            args_fault: RwSignal::new(None),
            in_args: RwSignal::new(false),
            theirs: RwSignal::new(None),
            busy: StoredValue::new(false),
            pause: StoredValue::new(None),
            follow: StoredValue::new(None),
        };
        on_cleanup(move || bench.close());
        bench
    }

    /// Something was typed.
    pub(super) fn edited(self) {
        if !self.is_stuck() {
            self.turn(State::Edited);
            self.save_after_pause();
        }
    }

    /// Sends what was typed, now.
    pub(super) fn apply(self) {
        clear(self.pause);
        if !self.is_stuck() && !self.busy.get_value() {
            self.busy.set_value(true);
            spawn_local(async move {
                self.save().await;
                self.busy.try_update_value(|busy| *busy = false);
            });
        }
    }

    /// The server is back: what it could not take before, it may take now.
    pub(super) fn retry(self) {
        if matches!(self.state.get_untracked(), State::Troubled(_)) {
            self.apply();
        }
    }

    /// Keeps the editors in step with a session that others change too.
    pub(super) fn follow(self, live: Live) {
        Effect::new(move || {
            let news = live.shown.with(|shown| match shown {
                Some(Shown { revision, .. }) => {
                    self.held.with_untracked(|held| !held.is_at(revision))
                }
                None => false,
            });
            if news {
                self.catch_up();
            }
        });
    }

    /// Reads the session again, soon, if there may be something new.
    pub(super) fn catch_up(self) {
        if self.follow.with_value(Option::is_some) {
            return;
        }
        let handle = set_timeout_with_handle(
            move || {
                self.follow.set_value(None);
                spawn_local(async move { self.read_again().await });
            },
            FOLLOW,
        );
        self.follow.set_value(handle.ok());
    }

    /// Takes what someone else made of it, and drops what was typed here.
    pub(super) fn load_theirs(self) {
        if let Some(theirs) = self.theirs.get_untracked() {
            self.template.set(theirs.template.clone());
            self.args.set(draft::write_args(&theirs.args));
            self.held.set(theirs);
            self.settle(State::Saved);
        }
    }

    /// Puts what was typed here in the place of theirs, whatever that is by now.
    pub(super) fn overwrite(self) {
        if let Some(theirs) = self.theirs.get_untracked() {
            self.held.set(Held { etag: None, ..theirs });
            self.settle(State::Edited);
            self.apply();
        }
    }

    /// The session is no more.
    pub(super) fn end(self) {
        self.settle(State::Over);
        clear(self.pause);
        clear(self.follow);
    }

    /// Gives the session a new lifetime, counted from now.
    pub(super) fn extend(self, seconds: u64) {
        let update = UpdateSession { ttl_seconds: Some(seconds), ..UpdateSession::default() };
        let address = self.address.get_value();
        spawn_local(async move {
            match api::update(self.who, &address, &update, None).await {
                Ok(_) => self.read_again().await,
                Err(_) if self.is_left() => {}
                Err(error) => self.turn(State::Troubled(error.to_string())),
            }
        });
    }

    /// Lets everyone watch, or only its owner. If that fails, things are as they were.
    pub(super) fn show_to(self, visibility: Visibility) {
        let before = self.visibility.get_untracked();
        let update = UpdateSession { visibility: Some(visibility), ..UpdateSession::default() };
        let address = self.address.get_value();
        self.visibility.set(visibility);
        spawn_local(async move {
            match api::update(self.who, &address, &update, None).await {
                Ok(_) => self.read_again().await,
                Err(_) if self.is_left() => {}
                Err(error) => {
                    self.visibility.set(before);
                    self.turn(State::Troubled(error.to_string()));
                }
            }
        });
    }

    /// Whether the session is no more.
    pub(super) fn is_over(self) -> bool {
        self.state.get() == State::Over
    }

    /// Whether leaving now would lose something.
    pub(super) fn has_unsaved(self) -> bool {
        self.state.get_untracked() != State::Over && !matches!(self.unsaved(), Ok(None))
    }

    fn unsaved(self) -> Result<Option<UpdateSession>, Fault> {
        self.held.with_untracked(|held| {
            draft::changes(held, &self.template.get_untracked(), &self.args.get_untracked())
        })
    }

    fn save_after_pause(self) {
        clear(self.pause);
        let handle = set_timeout_with_handle(move || self.apply(), PAUSE);
        self.pause.set_value(handle.ok());
    }

    /// Saves what still waits for its pause. What was refused already, or waits for a
    /// decision, is not sent again.
    fn close(self) {
        clear(self.pause);
        clear(self.follow);
        let waits = matches!(self.state.get_untracked(), State::Edited | State::Saving);
        if !waits || self.who.token().is_none() {
            return;
        }
        if let Ok(Some(update)) = self.unsaved() {
            let (who, address) = (self.who, self.address.get_value());
            let seen = self.held.with_untracked(|held| held.etag.clone());
            spawn_local(async move {
                // Nobody is left to be told how it went.
                let _ = api::update(who, &address, &update, seen.as_deref()).await;
            });
        }
    }
}

fn ends_at(session: &Session) -> f64 {
    Date::now() + session.summary.ttl as f64 * 1000.0
}

fn clear(timer: StoredValue<Option<TimeoutHandle>>) {
    if let Some(Some(handle)) = timer.try_update_value(Option::take) {
        handle.clear();
    }
}
