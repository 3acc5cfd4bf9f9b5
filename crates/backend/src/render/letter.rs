//! The words of mails: each is written once for a language, and laid out as text and as HTML.

use common::api::Language;
use once_cell::sync::Lazy;
use serde::Serialize;
use tera::{Context, Tera};

use super::page::PageError;

/// A mail as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What it is about, in one line.
    pub subject: String,
    /// For readers of plain text.
    pub text: String,
    /// For all others.
    pub html: String,
}

macro_rules! words {
    ($($name:literal),*) => {
        [$(
            (concat!("en/", $name), include_str!(concat!("../../../../templates/mail/en/", $name, ".tera"))),
            (concat!("ko/", $name), include_str!(concat!("../../../../templates/mail/ko/", $name, ".tera"))),
        )*]
    };
}

/// Languages and names of mails, and their words: blocks for the layouts.
const WORDS: [(&str, &str); 10] =
    words!["verify", "already_registered", "reset", "reuse_detected", "password_changed"];

/// What shows the words; of the text, the first line is the subject. The engine escapes by the end
/// of a name.
const LAYOUTS: [(&str, &str); 2] = [
    ("layout.txt", include_str!("../../../../templates/mail/layout.txt")),
    ("layout.html", include_str!("../../../../templates/mail/layout.html")),
];

static LETTERS: Lazy<Result<Tera, tera::Error>> = Lazy::new(|| {
    let mut letters = Tera::new();
    let mut all: Vec<(String, String)> =
        LAYOUTS.iter().map(|(name, layout)| ((*name).to_owned(), (*layout).to_owned())).collect();
    for (name, words) in WORDS {
        for (layout, _) in LAYOUTS {
            let laid_out = format!("{{% extends \"{layout}\" %}}\n{words}");
            all.push((format!("{name}/{layout}"), laid_out));
        }
    }
    letters.add_raw_templates(all)?;
    Ok(letters)
});

/// The mail of this name, with what its words name.
///
/// # Errors
/// When there is none, or its words are broken, which tests make sure is not so.
pub fn letter(name: &str, language: Language, facts: &impl Serialize) -> Result<Letter, PageError> {
    let letters = LETTERS.as_ref().map_err(PageError::new)?;
    let context = Context::from_serialize(facts).map_err(|error| PageError::new(&error))?;
    let laid_out = |layout: &str| {
        let name = format!("{}/{name}/{layout}", language.as_str());
        letters.render(&name, &context).map_err(|error| PageError::new(&error))
    };
    let (text, html) = (laid_out("layout.txt")?, laid_out("layout.html")?);
    let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(Letter { subject: subject.to_owned(), text: text.trim_start().to_owned(), html })
}
