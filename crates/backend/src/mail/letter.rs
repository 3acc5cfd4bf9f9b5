//! What a mail says, in the words of its reader.

use std::time::Duration;

use common::{UserId, api::Language};
use serde::Serialize;
use time::{OffsetDateTime, macros::format_description};
use url::Url;

/// What the words of a mail may name.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Facts<'a> {
    /// The language's name.
    pub(super) language: &'static str,
    /// Whose account.
    pub(super) user: &'a UserId,
    /// This server, as people call it.
    pub(super) host: &'a str,
    /// This server, as browsers find it.
    pub(super) site: &'a str,
    /// Where the mail leads to.
    pub(super) link: &'a str,
    /// How long the link works, for one that ends.
    pub(super) valid_for: Option<String>,
    /// When what it tells of happened.
    pub(super) at: String,
}

/// The host of a URL, with its port where it is a special one.
pub(super) fn host(site: &str) -> String {
    let url = Url::parse(site).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or(site);
    match url.as_ref().and_then(Url::port) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// A span in whole minutes as people say it, such as `1 day 2 hours` or `30분`; one that is
/// shorter than a minute in seconds.
pub(super) fn spelled(span: Duration, language: Language) -> String {
    let units =
        [(86_400, "day", "일"), (3600, "hour", "시간"), (60, "minute", "분"), (1, "second", "초")];
    let mut left = match span.as_secs() {
        short @ ..60 => short,
        long => long - long % 60,
    };
    let mut parts = Vec::new();
    for (seconds, english, korean) in units {
        let count = left / seconds;
        left %= seconds;
        if count > 0 {
            parts.push(match language {
                Language::En if count == 1 => format!("1 {english}"),
                Language::En => format!("{count} {english}s"),
                Language::Ko => format!("{count}{korean}"),
            });
        }
    }
    parts.join(" ")
}

/// A moment as a mail names it: in UTC, since nobody knows where its reader is.
pub(super) fn moment(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    at.format(format).unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::letter::{Letter, letter};

    const NAMES: [&str; 5] =
        ["verify", "already_registered", "reset", "reuse_detected", "password_changed"];

    fn facts<'a>(user: &'a UserId, language: Language, link: &'a str) -> Facts<'a> {
        Facts {
            language: language.as_str(),
            user,
            host: "easel.example",
            site: "https://easel.example",
            link,
            valid_for: Some(spelled(Duration::from_secs(1800), language)),
            at: moment(OffsetDateTime::UNIX_EPOCH),
        }
    }

    /// The text of an HTML document, as far as our own layout goes.
    fn read(html: &str) -> String {
        let body = html.split_once("<body").unwrap().1.split_once('>').unwrap().1;
        let parts = body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        parts.collect()
    }

    #[test]
    fn every_mail_has_its_words_in_every_language() {
        let user: UserId = "alice".parse().unwrap();
        let link = "https://easel.example/verify-email#token=a-b_c";
        let mut subjects = std::collections::HashSet::new();
        for (name, language) in
            NAMES.into_iter().flat_map(|name| [(name, Language::En), (name, Language::Ko)])
        {
            let Letter { subject, text, html } =
                letter(name, language, &facts(&user, language, link)).unwrap();
            assert!(subject.contains("easel.example") && !subject.contains('\n'), "{subject}");
            assert!(subjects.insert(subject), "{name} has the subject of another");
            let words = read(&html);
            for (form, words) in [("text", &text), ("html", &words)] {
                for part in ["alice", "https://easel.example", link, "easel.example"] {
                    assert!(words.contains(part), "{part} is not in the {form} of {name}: {words}");
                }
                let validity = if language == Language::Ko { "30분" } else { "30 minutes" };
                assert!(words.contains(validity), "{words}");
                assert!(!words.contains("{{") && !words.contains("{%"), "{words}");
                let is_korean = words.chars().any(|c| ('가'..='힣').contains(&c));
                assert_eq!(is_korean, language == Language::Ko, "{form} of {name}: {words}");
            }
            assert!(html.contains(&format!("<html lang=\"{}\"", language.as_str())), "{html}");
            assert_eq!(html.matches(&format!("href=\"{link}\"")).count(), 2, "{html}");
            assert!(text.lines().any(|line| line == link), "{text}");
            assert!(!text.contains("\n\n\n") && !text.starts_with('\n'), "{text:?}");
        }
    }

    #[test]
    fn a_mail_loads_nothing_and_runs_nothing() {
        let user: UserId = "alice".parse().unwrap();
        for name in NAMES {
            let letter = letter(name, Language::En, &facts(&user, Language::En, "link")).unwrap();
            for word in ["<img", "<script", "<link", "<style", "src=", "url(", "@import", "<table"]
            {
                assert!(!letter.html.contains(word), "{word} in {name}");
            }
        }
    }

    #[test]
    fn a_mail_without_a_link_that_ends_says_nothing_of_its_end() {
        let user: UserId = "alice".parse().unwrap();
        let facts =
            Facts { valid_for: None, ..facts(&user, Language::En, "https://easel.example") };
        let letter = letter("password_changed", Language::En, &facts).unwrap();
        for words in [&letter.text, &letter.html] {
            assert!(!words.contains("works once") && words.contains("1970-01-01 00:00 UTC"));
        }
        assert!(!letter.text.contains("\n\n\n"), "{:?}", letter.text);
    }

    #[test]
    fn what_is_named_is_escaped_in_html_and_nowhere_else() {
        let user: UserId = "alice".parse().unwrap();
        let facts = Facts { host: "<b>&\"", ..facts(&user, Language::En, "x\" onclick=\"y") };
        let letter = letter("verify", Language::En, &facts).unwrap();
        assert!(letter.subject.contains("<b>&\""), "{}", letter.subject);
        assert!(letter.text.contains("<b>&\""), "{}", letter.text);
        assert!(!letter.html.contains("<b>&") && letter.html.contains("&lt;b&gt;&amp;"));
        assert!(!letter.html.contains("\" onclick"), "{}", letter.html);
    }

    #[test]
    fn spans_are_said_in_words_of_each_language() {
        for (seconds, english, korean) in [
            (1, "1 second", "1초"),
            (59, "59 seconds", "59초"),
            (60, "1 minute", "1분"),
            (1800, "30 minutes", "30분"),
            (3661, "1 hour 1 minute", "1시간 1분"),
            (86_400, "1 day", "1일"),
            (2 * 86_400 + 2 * 3600, "2 days 2 hours", "2일 2시간"),
        ] {
            let span = Duration::from_secs(seconds);
            assert_eq!(spelled(span, Language::En), english);
            assert_eq!(spelled(span, Language::Ko), korean);
        }
    }

    #[test]
    fn a_server_is_called_by_its_host() {
        for (site, name) in [
            ("https://easel.example", "easel.example"),
            ("https://example.com/easel", "example.com"),
            ("http://127.0.0.1:3000", "127.0.0.1:3000"),
            ("http://[::1]:3000", "[::1]:3000"),
        ] {
            assert_eq!(host(site), name);
        }
    }

    #[test]
    fn a_moment_is_said_in_utc() {
        let at = OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap();
        assert_eq!(moment(at), "2033-05-18 03:33 UTC");
    }
}
