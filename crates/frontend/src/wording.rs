//! Numbers as people say them.

use time::OffsetDateTime;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A length of time, to its largest unit: "3 days", "1 hour", "45 seconds".
///
/// Two days and more are said in days, two hours and more in hours, and so on, so that the
/// word is never further off than a third.
pub(crate) fn duration(seconds: u64) -> String {
    let (count, unit) = match seconds {
        s if s >= 2 * DAY => ((s + DAY / 2) / DAY, "day"),
        s if s >= 2 * HOUR || s == HOUR => ((s + HOUR / 2) / HOUR, "hour"),
        s if s >= 2 * MINUTE || s == MINUTE => ((s + MINUTE / 2) / MINUTE, "minute"),
        s => (s, "second"),
    };
    counted(count, unit)
}

/// How long ago `then` was, at `now`.
pub(crate) fn ago(then: OffsetDateTime, now: OffsetDateTime) -> String {
    match (now - then).whole_seconds().max(0).unsigned_abs() {
        // Clocks differ by some seconds between a server and its readers.
        0..=9 => "just now".to_owned(),
        seconds => format!("{} ago", duration(seconds)),
    }
}

/// "1 viewer", "2 viewers".
pub(crate) fn counted(count: u64, unit: &str) -> String {
    match count {
        1 => format!("1 {unit}"),
        _ => format!("{count} {unit}s"),
    }
}

/// A text as a sentence: with a capital at its beginning and a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut rest = text.chars();
    // ASCII will do for our English, and the tables for all else would make the page larger.
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    let stop = if text.is_empty() || text.ends_with(['.', '!', '?']) { "" } else { "." };
    first.into_iter().chain(rest).chain(stop.chars()).collect()
}

/// What is said of a thing, where it is said beside the thing and not with its name: "it" is that
/// one.
pub(crate) fn about_it(text: &str) -> String {
    let verbs = ["is ", "has ", "must ", "may ", "cannot ", "does "];
    match verbs.iter().any(|verb| text.starts_with(verb)) {
        true => format!("it {text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_subject_gets_one() {
        assert_eq!(about_it("is too short"), "it is too short");
        assert_eq!(about_it("must be text"), "it must be text");
        assert_eq!(about_it("unknown field"), "unknown field");
        assert_eq!(about_it("issues are none"), "issues are none");
    }

    #[test]
    fn a_sentence_begins_and_ends() {
        assert_eq!(sentence("choose another id"), "Choose another id.");
        assert_eq!(sentence("It is gone."), "It is gone.");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn durations_are_said_in_one_unit() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (3_599, "60 minutes"),
            (3_600, "1 hour"),
            (3_700, "62 minutes"),
            (86_400, "24 hours"),
            (172_799, "48 hours"),
            (172_800, "2 days"),
            (2_592_000, "30 days"),
        ] {
            assert_eq!(duration(seconds), words, "{seconds}");
        }
    }

    #[test]
    fn a_clock_that_runs_behind_is_forgiven() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(ago(now + time::Duration::seconds(3), now), "just now");
        assert_eq!(ago(now - time::Duration::minutes(5), now), "5 minutes ago");
    }
}
