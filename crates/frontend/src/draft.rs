//! What is in the editors against what the server holds: what to send, and whether
//! someone else's change is in the way. No browser in here.

use common::{
    Revision,
    api::{Args, Session, UpdateSession},
};
use serde_json::{Value, error::Category};

/// A fault in a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What is wrong.
    pub(crate) message: String,
    /// Where it shows, if that is known.
    pub(crate) place: Option<Place>,
}

/// A place in a text, both counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

impl Place {
    /// How many UTF-16 units stand before this place in `text`, which is how browsers
    /// count. A place past the end of its line is the end of the line.
    pub(crate) fn offset(self, text: &str) -> usize {
        let (before, line) = self.split(text);
        let column = line.chars().take(self.column.saturating_sub(1)).map(char::len_utf16);
        before.encode_utf16().count() + column.sum::<usize>()
    }

    /// What stands before this place's line, and that line.
    fn split(self, text: &str) -> (&str, &str) {
        let start = match self.line {
            0 | 1 => 0,
            line => text.match_indices('\n').nth(line - 2).map_or(text.len(), |(at, _)| at + 1),
        };
        let (before, rest) = text.split_at(start);
        (before, rest.split('\n').next().unwrap_or(rest))
    }
}

/// What the server was last seen to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Held {
    /// The template.
    pub(crate) template: String,
    /// The args.
    pub(crate) args: Args,
    /// The entity tag of both, if it is known.
    pub(crate) etag: Option<String>,
}

impl From<&Session> for Held {
    fn from(session: &Session) -> Self {
        Self {
            template: session.template.clone(),
            args: session.args.clone(),
            etag: Some(format!("\"{}\"", session.summary.revision)),
        }
    }
}

impl Held {
    /// Takes over what an update has changed, now that it is done.
    pub(crate) fn accept(&mut self, update: UpdateSession, etag: Option<String>) {
        if let Some(template) = update.template {
            self.template = template;
        }
        if let Some(args) = update.args {
            self.args = args;
        }
        self.etag = etag;
    }

    /// Whether this came after `other`: answers may overtake each other on their way.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        match (self.revision(), other.revision()) {
            (Some(this), Some(other)) => this > other,
            _ => self.etag != other.etag,
        }
    }

    fn revision(&self) -> Option<Revision> {
        self.etag.as_deref()?.trim_matches('"').parse().ok()
    }

    /// Whether this is what the frame `revision` was made of.
    pub(crate) fn is_at(&self, revision: &str) -> bool {
        self.etag.as_deref().is_some_and(|etag| etag.trim_matches('"') == revision)
    }
}

/// The update that makes the server hold these texts; `None` when it does already.
pub(crate) fn changes(
    held: &Held,
    template: &str,
    args: &str,
) -> Result<Option<UpdateSession>, Fault> {
    let args = read_args(args)?;
    let update = UpdateSession {
        template: (template != held.template).then(|| template.to_owned()),
        args: (args != held.args).then_some(args),
        ..UpdateSession::default()
    };
    Ok((update.template.is_some() || update.args.is_some()).then_some(update))
}

/// Whether `update`, thought out against `before`, would undo what someone else made of
/// the same part. Two people who change different parts are not in each other's way.
pub(crate) fn collides(update: &UpdateSession, before: &Held, now: &Held) -> bool {
    (update.template.is_some() && before.template != now.template)
        || (update.args.is_some() && before.args != now.args)
}

/// Reads the args as they are typed.
pub(crate) fn read_args(text: &str) -> Result<Args, Fault> {
    match serde_json::from_str(text) {
        Ok(Value::Object(args)) => Ok(args),
        Ok(_) => Err(Fault {
            message: "The args must be an object, such as {\"value\": 1}.".to_owned(),
            place: Some(Place { line: 1, column: 1 }),
        }),
        Err(error) => Err(json_fault(text, &error)),
    }
}

/// Args as they are shown for editing.
pub(crate) fn write_args(args: &Args) -> String {
    // A map of JSON values with string keys is always JSON.
    serde_json::to_string_pretty(args).unwrap_or_default()
}

fn json_fault(text: &str, error: &serde_json::Error) -> Fault {
    if text.trim().is_empty() {
        return Fault {
            message: "There is nothing here. An empty object is written {}.".to_owned(),
            place: None,
        };
    }
    let said = error.to_string();
    let message = match (error.classify(), said.split(" at line ").next().unwrap_or(&said)) {
        (Category::Eof, _) => "The JSON is not finished: something is still open.".to_owned(),
        // The parser's word for anything that begins like `true`, `false` or `null`.
        (_, "expected ident") => "This is not JSON: text needs double quotes.".to_owned(),
        (_, said) => format!("This is not JSON: {said}."),
    };
    // The column counts bytes, and is 0 when the line before was read to its end.
    let place = Place { line: error.line().max(1), column: 1 };
    let (_, line) = place.split(text);
    let characters = line.char_indices().take_while(|(at, _)| at + 1 < error.column()).count();
    Fault { message, place: Some(Place { column: characters + 1, ..place }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Held {
        Held {
            template: "<svg/>".to_owned(),
            args: read_args(r#"{"a": 1}"#).unwrap(),
            etag: Some("\"1-1\"".to_owned()),
        }
    }

    fn place(text: &str) -> (usize, usize) {
        let place = read_args(text).unwrap_err().place.unwrap();
        (place.line, place.column)
    }

    #[test]
    fn only_what_changed_is_sent() {
        assert!(changes(&held(), "<svg/>", "{ \"a\":1 }").unwrap().is_none());

        let update = changes(&held(), "<svg></svg>", "{\"a\":1}").unwrap().unwrap();
        assert_eq!(update.template.as_deref(), Some("<svg></svg>"));
        assert!(update.args.is_none());

        let update = changes(&held(), "<svg/>", "{\"a\":2}").unwrap().unwrap();
        assert!(update.template.is_none());
        assert_eq!(update.args.unwrap()["a"], 2);
    }

    #[test]
    fn what_is_not_json_is_not_sent_and_says_where() {
        assert!(changes(&held(), "<svg></svg>", "{").is_err());
        assert_eq!(place("{\"a\": 1,}"), (1, 9));
        assert_eq!(place("{\n  \"a\": nope\n}"), (2, 9));
        assert_eq!(place("{\n  \"ä\": \"ö\" 1\n}"), (2, 12));
        assert_eq!(place("[1]"), (1, 1));
        assert!(read_args("").unwrap_err().place.is_none());
    }

    #[test]
    fn a_message_does_not_repeat_the_place() {
        let fault = read_args("{\"a\" 1}").unwrap_err();
        assert_eq!(fault.message, "This is not JSON: expected `:`.");
        assert!(read_args("{\"a\":").unwrap_err().message.starts_with("The JSON is not finished"));
    }

    #[test]
    fn only_the_same_part_collides() {
        let mine = changes(&held(), "<svg></svg>", "{\"a\":1}").unwrap().unwrap();
        let mut theirs = held();
        theirs.args = read_args("{\"a\": 7}").unwrap();
        assert!(!collides(&mine, &held(), &theirs));
        theirs.template = "<svg id=\"x\"/>".to_owned();
        assert!(collides(&mine, &held(), &theirs));
    }

    #[test]
    fn what_was_sent_is_held() {
        let mut held = held();
        let update = changes(&held, "<svg></svg>", "{}").unwrap().unwrap();
        held.accept(update, Some("\"1-2\"".to_owned()));
        assert!(changes(&held, "<svg></svg>", "{}").unwrap().is_none());
        assert!(held.is_at("1-2"));
        assert!(!held.is_at("1-1"));
    }

    #[test]
    fn an_answer_that_was_overtaken_is_older() {
        let at = |etag: &str| Held { etag: Some(etag.to_owned()), ..held() };
        assert!(at("\"1-10\"").is_newer_than(&at("\"1-9\"")));
        assert!(!at("\"1-9\"").is_newer_than(&at("\"1-10\"")));
        assert!(!at("\"1-9\"").is_newer_than(&at("\"1-9\"")));
        assert!(at("\"1-9\"").is_newer_than(&Held { etag: None, ..held() }));
    }

    #[test]
    fn a_place_is_an_offset_in_utf_16() {
        let text = "ab\n𝄞x\n\nend";
        let offset = |line, column| Place { line, column }.offset(text);
        assert_eq!(offset(1, 1), 0);
        assert_eq!(offset(1, 3), 2);
        assert_eq!(offset(2, 2), 5);
        assert_eq!(offset(2, 99), 6);
        assert_eq!(offset(3, 1), 7);
        assert_eq!(offset(4, 4), 11);
        assert_eq!(offset(9, 1), 11);
    }
}
