//! What a bench draws: pictures that differ in a number, and the body of an update.

use std::fmt::Write;

use common::api::Args;
use serde_json::{Value, json};

use super::{fault::BenchError, marker};

/// The arg of the number, ten digits as text. It is no name that a template of someone else
/// would use.
const NUMBER_ARG: &str = "bench";

/// A value that changes with every update goes round below this: the range of most gauges.
const VALUES: u64 = 100;

/// A part of what is sent with an update.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// The same every time.
    Text(String),
    /// The number of the update, in ten digits.
    Digits,
    /// A value that changes with every update, from 0 to 99.
    Value,
    /// The name of the session.
    Session,
}

/// The body of an update, but for its number and session.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Body(Vec<Part>);

impl Body {
    /// `text` with parts in the place of the words that stand for them.
    pub(super) fn of(text: &str, words: &[(&str, Part)]) -> Self {
        let mut parts = vec![Part::Text(text.to_owned())];
        for (word, part) in words {
            parts = parts.iter().flat_map(|whole| divide(whole, word, part)).collect();
        }
        parts.retain(|part| *part != Part::Text(String::new()));
        Self(parts)
    }

    /// Appends the body of one update.
    pub(super) fn write(&self, number: u64, session: &str, to: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => to.extend_from_slice(text.as_bytes()),
                Part::Digits => to.extend_from_slice(marker::digits(number).as_bytes()),
                Part::Value => to.extend_from_slice((number % VALUES).to_string().as_bytes()),
                Part::Session => to.extend_from_slice(session.as_bytes()),
            }
        }
    }
}

fn divide(whole: &Part, word: &str, part: &Part) -> Vec<Part> {
    let Part::Text(text) = whole else { return vec![whole.clone()] };
    let mut divided = Vec::new();
    for text in text.split(word) {
        divided.push(Part::Text(text.to_owned()));
        divided.push(part.clone());
    }
    divided.pop();
    divided
}

/// What stands for the number while a body is taken apart: no text has it by chance.
const DIGITS_HERE: &str = "\u{1}digits\u{1}";
const VALUE_HERE: &str = "\u{1}value\u{1}";

/// A picture of about `bytes` bytes, with `digits` where its number is: lines that no
/// compression finds a pattern in, as in most drawings.
fn drawing(bytes: usize, digits: &str) -> String {
    let mut svg = format!(
        "<svg {} xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 999 999\"><text y=\"20\">{digits}</text>",
        marker::attribute(digits),
    );
    let end = "</svg>";
    // The digits are longer than what may stand for them, or shorter.
    let mut length = svg.len() + end.len() - 2 * digits.len() + 2 * marker::digits(0).len();
    // A linear congruential generator (Numerical Recipes): the same picture in every run.
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 22
    };
    while length < bytes {
        let before = svg.len();
        let [a, b, c, d] = [random(), random(), random(), random()];
        // Writing into a string does not fail.
        let _ = write!(svg, "<path d=\"M{a} {b}L{c} {d}\"/>");
        length += svg.len() - before;
    }
    svg + end
}

/// A session of Easel to bench: its template and first args, and the body of its updates.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) template: String,
    pub(super) args: Args,
    pub(super) update: Body,
}

impl Drawn {
    /// A template of our own, whose picture has about `bytes` bytes.
    pub(super) fn generated(bytes: usize) -> Self {
        Self::with(drawing(bytes, &format!("{{{{ {NUMBER_ARG} }}}}")), Args::new(), None)
    }

    /// Someone's template, whose `changing` arg goes round, while the others stay as they are.
    /// Its root gets an attribute with the number.
    pub(super) fn of(template: &str, args: Args, changing: &str) -> Result<Self, BenchError> {
        let root = "<svg";
        let (before, after) = template.split_once(root).ok_or_else(|| {
            BenchError::Option("the file of --template has no `<svg` to mark with a number".into())
        })?;
        let mark = marker::attribute(&format!("{{{{ {NUMBER_ARG} }}}}"));
        Ok(Self::with(format!("{before}{root} {mark}{after}"), args, Some(changing)))
    }

    fn with(template: String, args: Args, changing: Option<&str>) -> Self {
        let mut first = args.clone();
        first.insert(NUMBER_ARG.to_owned(), json!(marker::digits(0)));
        let mut later = args;
        later.insert(NUMBER_ARG.to_owned(), json!(DIGITS_HERE));
        if let Some(changing) = changing {
            first.insert(changing.to_owned(), json!(0));
            later.insert(changing.to_owned(), json!(VALUE_HERE));
        }
        let update = json!({ "args": later }).to_string();
        // A number has no quotes in JSON; ten digits, which may begin with noughts, are text.
        let words = [(quoted(VALUE_HERE), Part::Value), (escaped(DIGITS_HERE), Part::Digits)];
        let words = words.each_ref().map(|(word, part)| (word.as_str(), part.clone()));
        Self { template, args: first, update: Body::of(&update, &words) }
    }
}

/// A text in JSON, with its quotes.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A text in JSON, without its quotes.
fn escaped(text: &str) -> String {
    quoted(text).trim_matches('"').to_owned()
}

/// What is published to a server that is not Easel.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) body: Body,
    /// How long a picture goes on after its number.
    pub(super) rest: u64,
}

impl Published {
    /// A picture of about `bytes` bytes in the `frame` of --publish-body: `{data}` stands for
    /// it, `{json-data}` for it inside a JSON string, `{session}` for the session.
    pub(super) fn new(bytes: usize, frame: &str) -> Self {
        let picture = drawing(bytes, DIGITS_HERE);
        let whole = drawing(bytes, &marker::digits(0));
        let until = marker::place(&whole).map_or(0, |place| place + marker::LENGTH);
        let body = frame.replace("{json-data}", &escaped(&picture)).replace("{data}", &picture);
        let words = [
            (DIGITS_HERE.to_owned(), Part::Digits),
            (escaped(DIGITS_HERE), Part::Digits),
            ("{session}".to_owned(), Part::Session),
        ];
        let words = words.each_ref().map(|(word, part)| (word.as_str(), part.clone()));
        Self { body: Body::of(&body, &words), rest: (whole.len() - until) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &Body, number: u64) -> String {
        let mut bytes = Vec::new();
        body.write(number, "s1", &mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn pictures_are_about_as_long_as_asked_for() {
        for bytes in [200, 4096, 16384] {
            let picture = written(&Published::new(bytes, "{data}").body, 7);
            assert!((bytes..bytes + 40).contains(&picture.len()), "{}", picture.len());
            assert!(roxmltree::Document::parse(&picture).is_ok(), "{picture}");
            let template = Drawn::generated(bytes).template;
            assert_eq!(template.replace("{{ bench }}", &marker::digits(7)), picture);
        }
    }

    #[test]
    fn a_picture_says_how_long_it_goes_on_after_its_number() {
        let published = Published::new(1000, "{data}");
        let picture = written(&published.body, 7);
        let (_, after) = picture.split_once("bench:0000000007").unwrap();
        assert_eq!(after.len() as u64, published.rest);
    }

    #[test]
    fn a_picture_fits_into_the_frame_of_another_server() {
        let frame = "{\"items\":[{\"channel\":\"{session}\",\"data\":\"at: {json-data}\"}]}";
        let body = written(&Published::new(200, frame).body, 7);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["items"][0]["channel"], "s1");
        let picture = written(&Published::new(200, "{data}").body, 7);
        assert_eq!(body["items"][0]["data"], format!("at: {picture}"));
    }

    #[test]
    fn an_update_changes_the_number_and_what_it_is_told_to() {
        let update = written(&Drawn::generated(200).update, 7);
        assert_eq!(update, r#"{"args":{"bench":"0000000007"}}"#);
        let args = Args::from_iter([("max".to_owned(), json!(100))]);
        let drawn = Drawn::of("<svg width=\"9\"/>", args, "value").unwrap();
        assert_eq!(drawn.template, "<svg data-bench=\"bench:{{ bench }}\" width=\"9\"/>");
        assert_eq!(drawn.args["value"], 0);
        let update: Value = serde_json::from_str(&written(&drawn.update, 107)).unwrap();
        let args = json!({ "bench": "0000000107", "max": 100, "value": 7 });
        assert_eq!(update, json!({ "args": args }));
        assert!(Drawn::of("hello", Args::new(), "value").is_err());
    }
}
