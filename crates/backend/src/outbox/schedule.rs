//! When an errand is tried again, and when no more: as pure functions.

use std::time::Duration;

use time::OffsetDateTime;

use super::Failure;
use crate::store::{Attempt, ErrandKind};

/// The pause after the first attempt that did not work; each is twice the one before it. A server
/// that was restarting, or wants to see us twice, is soon tried again.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause. What was down for hours is back for a while, not for a moment.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How far a pause may be from what it should be, as a part of it: what failed together must not
/// come back together.
const JITTER: f64 = 0.2;

/// How often an errand is tried: for about a day. Whoever mends what is broken has a working day
/// for it, and a registration is over by then.
pub(super) const ATTEMPTS: u32 = 33;

/// The most that is kept of an error, in characters.
const ERROR_CHARS: usize = 300;

/// The pause after the attempt of this number; `random` is from 0 to 1.
fn pause(attempt: u32, random: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
    let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * random)
}

/// Whether errands of a kind are tried for as long as they might work. What belonged to somebody
/// who is gone must not stay because a store was down for a day: nobody looks after it any more.
pub(super) fn never_gives_up(kind: ErrandKind) -> bool {
    match kind {
        ErrandKind::Erasure => true,
        ErrandKind::Mail | ErrandKind::Webhook => false,
    }
}

/// What follows from the way the attempt of this number ended.
pub(super) fn judge(
    kind: ErrandKind,
    ended: Result<(), Failure>,
    attempt: u32,
    now: OffsetDateTime,
    random: f64,
) -> Attempt {
    match ended {
        Ok(()) => Attempt::Done,
        Err(Failure::Again(error)) if attempt < ATTEMPTS || never_gives_up(kind) => {
            Attempt::Later { due_at: now + pause(attempt, random), error: short(&error) }
        }
        Err(Failure::Again(error) | Failure::Never(error)) => {
            Attempt::Dead { error: short(&error) }
        }
    }
}

fn short(error: &str) -> String {
    error.chars().take(ERROR_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(attempt: u32, random: f64) -> f64 {
        pause(attempt, random).as_secs_f64()
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_differ_by_a_fifth() {
        for (attempt, wanted) in [
            (1, 5.0),
            (2, 10.0),
            (3, 20.0),
            (4, 40.0),
            (10, 2560.0),
            (11, 3600.0),
            (33, 3600.0),
            (u32::MAX, 3600.0),
        ] {
            for (random, part) in [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)] {
                let off = seconds(attempt, random) - wanted * part;
                assert!(off.abs() < 0.001, "attempt {attempt}, random {random}: {off}");
            }
        }
    }

    #[test]
    fn an_errand_is_tried_for_about_a_day() {
        let most: f64 = (1..ATTEMPTS).map(|attempt| seconds(attempt, 1.0)).sum();
        let least: f64 = (1..ATTEMPTS).map(|attempt| seconds(attempt, 0.0)).sum();
        let hour = 3600.0;
        assert!(18.0 * hour < least && most < 30.0 * hour, "{} to {}", least / hour, most / hour);
    }

    #[test]
    fn what_works_is_done_and_what_cannot_work_is_dead() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let again = || Err(Failure::Again("refused".to_owned()));
        let mail = |ended, attempt| judge(ErrandKind::Mail, ended, attempt, now, 0.5);
        assert_eq!(mail(Ok(()), 1), Attempt::Done);
        assert_eq!(mail(Ok(()), ATTEMPTS), Attempt::Done);
        let error = "refused".to_owned();
        let due_at = now + Duration::from_secs(20);
        let later = Attempt::Later { due_at, error: error.clone() };
        assert_eq!(mail(again(), 3), later);
        let dead = Attempt::Dead { error };
        assert_eq!(mail(again(), ATTEMPTS), dead);
        assert_eq!(mail(Err(Failure::Never("refused".to_owned())), 1), dead);
    }

    #[test]
    fn what_belonged_to_someone_is_erased_however_long_it_takes() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let erasure = |ended, attempt| judge(ErrandKind::Erasure, Err(ended), attempt, now, 0.5);
        let error = "the store failed".to_owned();
        for attempt in [ATTEMPTS, 2 * ATTEMPTS, u32::MAX] {
            let later = Attempt::Later { due_at: now + LONGEST_PAUSE, error: error.clone() };
            assert_eq!(erasure(Failure::Again(error.clone()), attempt), later);
        }
        let dead = Attempt::Dead { error: error.clone() };
        assert_eq!(erasure(Failure::Never(error), 1), dead);
    }

    #[test]
    fn an_error_is_kept_in_part() {
        let long = "가".repeat(ERROR_CHARS + 1);
        let Attempt::Dead { error } =
            judge(ErrandKind::Mail, Err(Failure::Never(long)), 1, OffsetDateTime::UNIX_EPOCH, 0.5)
        else {
            panic!("it is not dead");
        };
        assert_eq!(error.chars().count(), ERROR_CHARS);
    }
}
