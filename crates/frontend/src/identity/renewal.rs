//! Keeps a sign-in to an account going: a new token before the old one ends, or when it is not
//! taken any more. One tab gets it, and all have it.

use std::time::Duration;

use common::api::{ErrorCode, account::SignedIn};
use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*, task::spawn_local};
use web_sys::js_sys::{Date, Math};

use super::{
    Arrival, Ending, Identity, Pass, storage,
    tabs::{self, Message, Tabs},
};
use crate::api::{self, Answer};

/// How long before its end a token is replaced, in milliseconds, if it lives long enough.
const LEAD: u64 = 60_000;
/// The first wait before the server is asked again that could not be reached; doubles with
/// each failure.
const FIRST_WAIT: u64 = 2_000;
/// The longest wait, in milliseconds.
const LONGEST_WAIT: u64 = 60_000;

/// What has to be known from one renewal to the next.
#[derive(Default)]
pub(super) struct Keeper {
    /// The other tabs, where the browser lets them talk.
    pub(super) tabs: Option<Tabs>,
    timer: Option<TimeoutHandle>,
    failures: u32,
    /// How often someone signed out: an answer that was asked for before that is not taken.
    departures: u64,
}

impl Identity {
    /// Gets another token than `stale`, which the server did not take.
    ///
    /// False when there is none: then the sign-in is over, and whoever was signed in is told.
    ///
    /// # Errors
    /// When the server cannot say just now.
    pub(crate) async fn renew(self, stale: &str) -> Answer<bool> {
        match self.token() {
            // Signed out while the answer was on its way.
            None => Ok(false),
            Some(_) if self.account_untracked().is_some() => {
                self.replace(Some(stale.to_owned())).await
            }
            Some(_) => {
                self.refused();
                Ok(false)
            }
        }
    }

    /// Gets a token now, and goes on trying while the server cannot say.
    pub(super) async fn keep_renewed(self) {
        let Err(error) = self.replace(self.token()).await else {
            return;
        };
        if self.arrival.get_untracked() != Arrival::Known {
            self.arrival.set(Arrival::Troubled(error.to_string()));
        }
        let failures = self.keeper.try_update_value(|keeper| {
            keeper.failures += 1;
            keeper.failures
        });
        self.renew_in(wait_after(failures.unwrap_or_default(), Math::random()));
    }

    /// Gets another token than `stale`, unless another tab has done so meanwhile.
    async fn replace(self, stale: Option<String>) -> Answer<bool> {
        let departures = self.departures();
        tabs::alone(move || {
            let stale = stale.clone();
            async move {
                // Whoever had the lock before may have told something that is still on its way.
                if let Some(told) =
                    self.keeper.with_value(|keeper| keeper.tabs.as_ref().map(Tabs::catch_up))
                {
                    told.await;
                }
                if self.token() != stale || self.departures() != departures {
                    return Ok(self.token().is_some());
                }
                let answer = api::account::refresh().await;
                if self.departures() != departures {
                    return Ok(self.token().is_some());
                }
                self.take_answer(answer)
            }
        })
        .await
    }

    fn take_answer(self, answer: Answer<SignedIn>) -> Answer<bool> {
        let ending = match answer {
            Ok(signed_in) => {
                let renewed = |token, ends_at| Message::Renewed { token, ends_at };
                match self.take_and_tell(signed_in, renewed) {
                    true => return Ok(true),
                    false => Ending::Refused,
                }
            }
            Err(error) if error.code() == Some(ErrorCode::AuthRefreshReused) => Ending::Reused,
            Err(error) if error.is_final() => Ending::Refused,
            Err(error) => return Err(error),
        };
        self.end(ending, Some(ending.notice()));
        Ok(false)
    }

    /// Takes a token that came from the server, and tells the other tabs.
    pub(super) fn take_and_tell(
        self,
        signed_in: SignedIn,
        message: impl FnOnce(String, u64) -> Message,
    ) -> bool {
        let ends_at = now() + signed_in.expires_in.saturating_mul(1_000);
        let Some(pass) = Pass::read_renewed(signed_in.access_token, ends_at) else {
            return false;
        };
        self.tell(&message(pass.token.clone(), ends_at));
        self.take(pass, ends_at);
        true
    }

    fn take(self, pass: Pass, ends_at: u64) {
        storage::set_signed_in(true);
        self.keeper.update_value(|keeper| keeper.failures = 0);
        self.notice.set(None);
        self.pass.set(Some(pass));
        self.arrival.set(Arrival::Known);
        self.renew_in(wait_before(ends_at.saturating_sub(now()), Math::random()));
    }

    fn renew_in(self, milliseconds: u64) {
        let renew = move || spawn_local(self.keep_renewed());
        let timer = set_timeout_with_handle(renew, Duration::from_millis(milliseconds)).ok();
        self.set_timer(timer);
    }

    fn set_timer(self, timer: Option<TimeoutHandle>) {
        let before =
            self.keeper.try_update_value(|keeper| std::mem::replace(&mut keeper.timer, timer));
        if let Some(before) = before.flatten() {
            before.clear();
        }
    }

    /// What another tab says.
    pub(super) fn hear(self, message: Message) {
        let arriving = self.arrival.get_untracked() != Arrival::Known;
        let own = self.pass.get_untracked();
        match message {
            // Who signed in without an account stays who he is.
            _ if own.is_some() && self.account_untracked().is_none() => {}
            Message::Begun { token, ends_at } => self.take_heard(own, token, ends_at),
            // Told before this tab was signed out, it would sign it in again.
            Message::Renewed { token, ends_at } if own.is_some() || arriving => {
                self.take_heard(own, token, ends_at);
            }
            Message::Over(ending) if own.is_some() || arriving => {
                self.leave(Some(ending.notice()));
            }
            Message::Renewed { .. } | Message::Over(_) | Message::Echo(_) => {}
        }
    }

    fn take_heard(self, own: Option<Pass>, token: String, ends_at: u64) {
        let Some(pass) = Pass::read_renewed(token, ends_at) else {
            return;
        };
        let older = |own: Pass| own.user == pass.user && own.life >= pass.life;
        if !own.is_some_and(older) {
            self.take(pass, ends_at);
        }
    }

    /// A sign-in is over in all tabs; here, `notice` says so.
    pub(super) fn end(self, ending: Ending, notice: Option<&'static str>) {
        self.tell(&Message::Over(ending));
        self.leave(notice);
    }

    /// Nobody is signed in here any more.
    pub(super) fn leave(self, notice: Option<&'static str>) {
        storage::set_signed_in(false);
        self.keeper.update_value(|keeper| {
            keeper.departures += 1;
            keeper.failures = 0;
        });
        self.set_timer(None);
        self.notice.set(notice);
        self.pass.set(None);
        self.arrival.set(Arrival::Known);
    }

    fn departures(self) -> u64 {
        self.keeper.with_value(|keeper| keeper.departures)
    }

    fn tell(self, message: &Message) {
        self.keeper.with_value(|keeper| {
            if let Some(tabs) = &keeper.tabs {
                tabs.tell(message);
            }
        });
    }
}

/// In milliseconds since the Unix epoch.
fn now() -> u64 {
    Date::now() as u64
}

/// How long to wait before a token is replaced that is good for `left`, in milliseconds. Up to
/// half as long again before its end by chance (`random`, from 0 to 1), so that of several tabs
/// one comes first.
fn wait_before(left: u64, random: f64) -> u64 {
    let lead = LEAD.min(left / 4);
    let early = (lead as f64 / 2.0 * random) as u64;
    // A timer takes no more than 24 days; a token that lives so long is replaced every day.
    left.saturating_sub(lead + early).clamp(1_000, 24 * 60 * 60 * 1_000)
}

/// How long to wait after failures, in milliseconds: doubling, each shortened by up to a half.
fn wait_after(failures: u32, random: f64) -> u64 {
    let longest = FIRST_WAIT.saturating_mul(1 << failures.clamp(1, 10) >> 1).min(LONGEST_WAIT);
    longest - (longest as f64 / 2.0 * random) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_replaced_about_a_minute_before_its_end() {
        assert_eq!(wait_before(900_000, 0.0), 840_000);
        assert_eq!(wait_before(900_000, 1.0), 810_000);
    }

    #[test]
    fn a_short_token_is_used_for_most_of_its_life() {
        assert_eq!(wait_before(8_000, 0.0), 6_000);
        assert_eq!(wait_before(8_000, 1.0), 5_000);
        assert_eq!(wait_before(0, 1.0), 1_000, "and never asked for without a pause");
    }

    #[test]
    fn a_timer_is_never_set_for_longer_than_it_can_wait() {
        assert_eq!(wait_before(u64::MAX, 0.0), 86_400_000);
    }

    #[test]
    fn a_server_that_is_away_is_asked_less_and_less() {
        assert_eq!(wait_after(1, 0.0), 2_000);
        assert_eq!(wait_after(1, 1.0), 1_000);
        assert_eq!(wait_after(2, 0.0), 4_000);
        assert_eq!(wait_after(5, 0.0), 32_000);
        assert_eq!(wait_after(60, 0.0), 60_000);
    }
}
