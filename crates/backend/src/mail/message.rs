//! A mail as it travels: its headers, and its words as text and as HTML.

use std::{fmt, str::FromStr};

use common::api::Language;
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, header,
        header::{HeaderName, HeaderValue},
    },
};
use time::OffsetDateTime;

use crate::{outbox::Failure, render::letter::Letter};

/// Whom mails are from, as in `Easel <easel@example.com>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender(Mailbox);

impl Sender {
    /// Its address alone.
    pub(super) fn address(&self) -> &Address {
        &self.0.email
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Sender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fix = || "must be an address such as easel@example.com or Easel <easel@example.com>";
        let sender: Mailbox = text.parse().map_err(|_| fix().to_owned())?;
        // The parser stops at what it does not know, and takes what came before.
        let address: &str = sender.email.as_ref();
        let is_all = text.trim_end().trim_end_matches('>').ends_with(address);
        match is_all && is_plain(text) {
            true => Ok(Self(sender)),
            false => Err(fix().to_owned()),
        }
    }
}

/// Whether a text can stand in a header and in a command of SMTP as it is.
fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The address of a recipient.
pub(super) fn address(text: &str) -> Result<Address, Failure> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"' | ',');
    let address = text.parse().ok().filter(|_| !text.contains(odd));
    address.ok_or_else(|| Failure::Never("its address is none".to_owned()))
}

/// What a mail is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// The left half of its Message-ID: receivers may drop a second mail with the same.
    pub(super) id: &'a str,
    /// Whom it is from.
    pub(super) from: &'a Sender,
    /// Whom it is to.
    pub(super) to: &'a str,
    /// When it is sent.
    pub(super) at: OffsetDateTime,
    /// In which language.
    pub(super) language: Language,
    /// What it says.
    pub(super) letter: Letter,
}

impl Parts<'_> {
    /// The mail, as it is sent.
    ///
    /// # Errors
    /// [`Failure::Never`] when its address is none.
    pub(super) fn message(self) -> Result<Vec<u8>, Failure> {
        let to = address(self.to)?;
        let raw = |name, value: &str| {
            HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
        };
        let domain = self.from.address().domain();
        let message = Message::builder()
            .message_id(Some(format!("<{}@{domain}>", self.id)))
            .date(self.at.into())
            .from(self.from.0.clone())
            .to(Mailbox::new(None, to))
            .header(header::Subject::from(self.letter.subject))
            .raw_header(raw("Content-Language", self.language.as_str()))
            // Nobody who is away is to answer (RFC 3834).
            .raw_header(raw("Auto-Submitted", "auto-generated"))
            .multipart(MultiPart::alternative_plain_html(self.letter.text, self.letter.html));
        let message =
            message.map_err(|error| Failure::Never(format!("it cannot be composed: {error}")))?;
        Ok(message.formatted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(to: &str, subject: &str) -> Result<String, Failure> {
        let from: Sender = "Easel <easel@example.com>".parse().unwrap();
        let letter = Letter {
            subject: subject.to_owned(),
            text: "Hello".to_owned(),
            html: "<p>Hello</p>".to_owned(),
        };
        let parts = Parts {
            id: "mail_1",
            from: &from,
            to,
            at: OffsetDateTime::from_unix_timestamp(2_000_000_000).unwrap(),
            language: Language::Ko,
            letter,
        };
        Ok(String::from_utf8(parts.message()?).unwrap())
    }

    #[test]
    fn a_mail_has_the_headers_of_one_that_nobody_wrote() {
        let message = message("alice@example.org", "비밀번호").unwrap();
        let (head, _) = message.split_once("\r\n\r\n").unwrap();
        for line in [
            "Message-ID: <mail_1@example.com>",
            "Date: Wed, 18 May 2033 03:33:20 +0000",
            "From: Easel <easel@example.com>",
            "To: alice@example.org",
            "Subject: =?utf-8?b?67mE67CA67KI7Zi4?=",
            "Content-Language: ko",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert!(head.lines().any(|there| there == line), "{line} is not in\n{head}");
        }
        assert!(head.contains("multipart/alternative"), "{head}");
    }

    #[test]
    fn nobody_adds_a_header_or_a_recipient() {
        for address in [
            "alice@example.org\r\nBcc: bob@example.org",
            "alice@example.org\nBcc: bob@example.org",
            "alice@example.org, bob@example.org",
            "alice@example.org>\r\nRCPT TO:<bob@example.org",
            "<alice@example.org>",
            "\"alice\r\nBcc: b\"@example.org",
            "\"a b\"@example.org",
            "alice @example.org",
            "alice",
            "@example.org",
            "",
        ] {
            let refused = message(address, "Hello");
            assert!(matches!(refused, Err(Failure::Never(_))), "{address:?}: {refused:?}");
        }
        let message = message("alice@example.org", "Hello\r\nBcc: bob@example.org").unwrap();
        let (head, _) = message.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    }

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for (text, address) in [
            ("easel@example.com", "easel@example.com"),
            ("Easel <easel@example.com>", "easel@example.com"),
            ("\"Easel, Inc.\" <easel@example.com>", "easel@example.com"),
            ("그림 <easel@example.com>", "easel@example.com"),
            ("Easel <easel@localhost>", "easel@localhost"),
        ] {
            let sender: Sender = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(sender.address().to_string(), address);
            assert_eq!(sender.to_string().parse(), Ok(sender));
        }
        for bad in [
            "",
            "easel",
            "Easel <easel>",
            "a@example.com, b@example.com",
            "a@example.com\r\nBcc: b@example.com",
            "Easel <a@example.com> and more",
        ] {
            assert!(bad.parse::<Sender>().is_err(), "{bad:?}");
        }
    }
}
