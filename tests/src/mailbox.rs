//! Mail as it comes: the files that a server writes where no mail server is set.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{Node, wait};

/// The mail of one address, from all nodes of a cluster.
#[derive(Debug, Clone)]
pub struct Mailbox {
    address: String,
    directories: Vec<PathBuf>,
}

/// A mail that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// What it is about, as it stands in the head of the file.
    pub subject: String,
    /// Its plain text.
    pub text: String,
    /// Its HTML.
    pub html: String,
}

impl Mailbox {
    /// The mailbox of an address that these nodes write to.
    pub fn of(address: &str, nodes: &[&Node]) -> Self {
        let directories = nodes.iter().map(|node| node.data().join("mail")).collect();
        Self { address: address.to_owned(), directories }
    }

    /// The mailbox of an address that a server writes to whose data is there.
    pub fn below(address: &str, data: &Path) -> Self {
        Self { address: address.to_owned(), directories: vec![data.join("mail")] }
    }

    /// Everything that has come, oldest first.
    ///
    /// # Panics
    /// When a mail cannot be read.
    pub fn mails(&self) -> Vec<Mail> {
        let mut files: Vec<PathBuf> = self
            .directories
            .iter()
            .filter_map(|directory| fs::read_dir(directory).ok())
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| file.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        files.sort_by_key(|file| fs::metadata(file).and_then(|data| data.modified()).ok());
        let texts = files.iter().map(|file| fs::read_to_string(file).expect("a mail"));
        let is_mine = |text: &String| {
            let (head, _) = text.split_once("\r\n\r\n").expect("a head");
            let to = head.lines().find_map(|line| line.strip_prefix("To: "));
            to.is_some_and(|to| to.trim_matches(['<', '>']) == self.address)
        };
        texts.filter(is_mine).map(|text| Mail::read(&text)).collect()
    }

    /// Waits until so many mails have come, and takes the last one.
    pub async fn gets(&self, number: usize) -> Mail {
        let what = format!("mail number {number} to {}", self.address);
        wait::until(&what, async || self.mails().into_iter().nth(number - 1)).await
    }
}

impl Mail {
    /// Reads a message (RFC 5322) with a plain and an HTML part.
    ///
    /// # Panics
    /// When it is none.
    pub fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let field = |name: &str| {
            let line = unfolded.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {head}")).trim().to_owned()
        };
        let kind = field("Content-Type:");
        let (_, boundary) = kind.split_once("boundary=").expect("a message of parts");
        let boundary = boundary.split(';').next().unwrap_or_default().trim_matches('"');
        let separator = format!("--{boundary}");
        let parts: Vec<&str> = body.split(separator.as_str()).collect();
        let part = |kind: &str| {
            let part = parts.iter().find(|part| part.contains(kind)).expect("a part");
            let (head, body) = part.trim_start().split_once("\r\n\r\n").expect("a part's head");
            decoded(head, body)
        };
        Self { subject: field("Subject:"), text: part("text/plain"), html: part("text/html") }
    }

    /// The link of the mail.
    ///
    /// # Panics
    /// When there is none.
    pub fn link(&self) -> &str {
        let is_link = |word: &&str| word.starts_with("http") && word.contains("#token=");
        self.text.split_whitespace().find(is_link).unwrap_or_else(|| panic!("no link in {self:?}"))
    }

    /// The token of its link.
    ///
    /// # Panics
    /// When there is none.
    pub fn token(&self) -> &str {
        self.link().split_once("#token=").expect("a token").1
    }
}

fn decoded(head: &str, body: &str) -> String {
    let is = |coding: &str| head.to_ascii_lowercase().contains(coding);
    if is("base64") {
        let digits: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = BASE64_STANDARD.decode(digits).expect("base64");
        return String::from_utf8(bytes).expect("text");
    }
    if is("quoted-printable") {
        return unquoted(body);
    }
    body.to_owned()
}

/// RFC 2045 §6.7.
fn unquoted(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let mut pieces = joined.split('=');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("text")
}
