//! Mail goes to a mail server, which sees to the rest.
//!
//! One connection for one mail: there are few of them, and what a server says can be told apart by
//! what it was asked.

use std::{error::Error as _, fmt, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use percent_encoding::percent_decode_str;
use url::Url;

use super::message::{Sender, address};
use crate::{clock::Clock, outbox::Failure};

/// How long a server may take for a mail, from the first packet to its receipt. Servers that make
/// strangers wait rarely make them wait longer, and a mail that takes longer is tried again.
const SEND_WITHIN: Duration = Duration::from_secs(30);

/// How long a server may take to say goodbye. It has the mail, or has refused it.
const QUIT_WITHIN: Duration = Duration::from_secs(1);

/// How a connection is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS after a word in clear, and nothing without it.
    StartTls,
    /// Not at all.
    None,
}

/// Where mail goes: `smtps://` with TLS, or `smtp://` with STARTTLS; never in clear unless that is
/// asked for.
#[derive(Clone)]
pub struct SmtpUrl {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
}

/// Without user and password.
impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.security == Security::Tls { "smtps" } else { "smtp" };
        let bare = self.host.contains(':').then(|| format!("[{}]", self.host));
        write!(f, "{scheme}://{}:{}", bare.as_ref().unwrap_or(&self.host), self.port)
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({self})")
    }
}

impl FromStr for SmtpUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fix = "must be such as smtps://user:password@mail.example or \
                   smtp://user:password@mail.example:587, with special characters of user and \
                   password as %XX";
        let url = Url::parse(text).map_err(|_| fix.to_owned())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(fix)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let security = match (url.scheme(), url.query()) {
            ("smtps", None) => Security::Tls,
            ("smtp", None | Some("tls=required")) => Security::StartTls,
            ("smtp", Some("tls=none")) => Security::None,
            _ => return Err(format!("{fix}; the one option is ?tls=none, of smtp://")),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(fix.to_owned());
        }
        let decoded = |text| percent_decode_str(text).decode_utf8().map_err(|_| fix.to_owned());
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => {
                let (user, password) = (decoded(user)?, decoded(password)?);
                Some(Credentials::new(user.into_owned(), password.into_owned()))
            }
            _ => return Err(format!("{fix}; user and password come together")),
        };
        let is_here = host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if security == Security::None && credentials.is_some() && !is_here {
            return Err("would show the password to the network: leave ?tls=none, or the \
                        password, out"
                .to_owned());
        }
        let default = match security {
            Security::Tls => 465,
            Security::StartTls | Security::None => 587,
        };
        Ok(Self { host, port: url.port().unwrap_or(default), security, credentials })
    }
}

/// A mail server.
pub struct Smtp {
    url: SmtpUrl,
    from: Sender,
    tls: Option<TlsParameters>,
    hello: ClientId,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("url", &self.url)
            .field("from", &self.from)
            .field("hello", &self.hello)
            .finish_non_exhaustive()
    }
}

/// What a server is asked for, when it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Anything that is about us: to greet us, to encrypt, to let us in, to take mail from us.
    Us,
    /// To take mail for this recipient.
    Recipient,
    /// To take this mail.
    Mail,
}

impl Smtp {
    /// The server at this URL, for mails of this sender. It is greeted by the name of `host`, our
    /// own, where that is a proper one.
    ///
    /// # Errors
    /// When there can be no TLS: the system has no certificates to trust.
    pub fn new(
        url: SmtpUrl,
        from: Sender,
        host: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let tls = match url.security {
            Security::None => None,
            Security::Tls | Security::StartTls => Some(TlsParameters::new(url.host.clone())?),
        };
        let is_name = host.contains('.')
            && host.parse::<IpAddr>().is_err()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
        let hello = if is_name { ClientId::Domain(host.to_owned()) } else { ClientId::default() };
        Ok(Self { url, from, tls, hello, clock })
    }

    /// Hands a mail over, with its headers, to one recipient.
    ///
    /// # Errors
    /// [`Failure::Never`] when the server refuses its recipient or the mail itself for good;
    /// [`Failure::Again`] for everything else, which patience or an operator can mend.
    pub async fn send(&self, to: &str, message: &[u8]) -> Result<(), Failure> {
        let to = address(to)?;
        tokio::select! {
            sent = self.hand_over(to, message) => sent,
            () = self.clock.sleep(SEND_WITHIN) => {
                Err(Failure::Again(format!("the mail server was not done within {SEND_WITHIN:?}")))
            }
        }
    }

    async fn hand_over(&self, to: Address, message: &[u8]) -> Result<(), Failure> {
        let us = |error| failure(Step::Us, &error);
        let mut server = self.connect().await.map_err(us)?;
        let sent = self.converse(&mut server, to, message).await;
        // It has the mail or not, whatever it says now.
        tokio::select! {
            _ = server.quit() => {}
            () = self.clock.sleep(QUIT_WITHIN) => {}
        }
        sent
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let address = (self.url.host.as_str(), self.url.port);
        let at_once = self.tls.clone().filter(|_| self.url.security == Security::Tls);
        // Its own time limit is for one of several addresses of a host; ours is for all.
        let limit = Some(SEND_WITHIN / 3);
        let mut server =
            AsyncSmtpConnection::connect_tokio1(address, limit, &self.hello, at_once, None).await?;
        if let Some(tls) = &self.tls
            && self.url.security == Security::StartTls
        {
            server.starttls(tls.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.url.credentials {
            server.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(server)
    }

    async fn converse(
        &self,
        server: &mut AsyncSmtpConnection,
        to: Address,
        message: &[u8],
    ) -> Result<(), Failure> {
        let from = self.from.address();
        let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
        let mut options = Vec::new();
        if !is_ascii(from) || !is_ascii(&to) {
            if !server.server_info().supports_feature(Extension::SmtpUtfEight) {
                let why = "the mail server takes no addresses in other letters than ASCII";
                return Err(Failure::Never(why.to_owned()));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        let refused = |step| move |error: Error| failure(step, &error);
        server.command(Mail::new(Some(from.clone()), options)).await.map_err(refused(Step::Us))?;
        server.command(Rcpt::new(to, Vec::new())).await.map_err(refused(Step::Recipient))?;
        server.command(Data).await.map_err(refused(Step::Mail))?;
        server.message(message).await.map_err(refused(Step::Mail))?;
        Ok(())
    }
}

/// What an error means. Of an answer only its numbers are kept: its words may name the recipient,
/// or quote the mail.
fn failure(step: Step, error: &Error) -> Failure {
    let Some(status) = error.status() else {
        return Failure::Again(match error.is_response() {
            true => "the mail server broke off, or does not speak SMTP".to_owned(),
            false => format!("the mail server cannot be used: {}", root_cause(error)),
        });
    };
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    let enhanced = enhanced(&words);
    let numbers = match enhanced {
        Some(enhanced) => format!("{status} {enhanced}"),
        None => status.to_string(),
    };
    // Security and policy (RFC 3463): servers refuse whoever they do not know when they hear the
    // recipient. And 530: we should have signed in.
    let is_about_us =
        numbers.starts_with("530") || enhanced.is_some_and(|code| code.starts_with("5.7."));
    match step {
        Step::Recipient if error.is_permanent() && !is_about_us => {
            Failure::Never(format!("the mail server refused the recipient: {numbers}"))
        }
        Step::Mail if error.is_permanent() => {
            Failure::Never(format!("the mail server refused the mail: {numbers}"))
        }
        Step::Us | Step::Recipient | Step::Mail => {
            Failure::Again(format!("the mail server refused: {numbers}"))
        }
    }
}

/// The enhanced status code that an answer begins with (RFC 2034), such as 5.1.1.
fn enhanced(words: &str) -> Option<&str> {
    let word = words.split_whitespace().next()?;
    let parts: Vec<&str> = word.split('.').collect();
    let is_number = |part: &&str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    (parts.len() == 3 && parts.iter().all(is_number)).then_some(word)
}

/// The first cause of an error of the network.
fn root_cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how_secretly() {
        for (text, shown, security, is_known) in [
            ("smtps://mail.example", "smtps://mail.example:465", Security::Tls, false),
            ("smtps://u:p@mail.example:1465", "smtps://mail.example:1465", Security::Tls, true),
            ("smtp://u:p@mail.example", "smtp://mail.example:587", Security::StartTls, true),
            (
                "smtp://mail.example/?tls=required",
                "smtp://mail.example:587",
                Security::StartTls,
                false,
            ),
            ("smtp://127.0.0.1:25?tls=none", "smtp://127.0.0.1:25", Security::None, false),
            ("smtp://u:p@[::1]:25?tls=none", "smtp://[::1]:25", Security::None, true),
            ("smtp://u:p@localhost?tls=none", "smtp://localhost:587", Security::None, true),
            ("smtp://mail.internal:25?tls=none", "smtp://mail.internal:25", Security::None, false),
        ] {
            let url: SmtpUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(url.to_string(), shown);
            assert_eq!((url.security, url.credentials.is_some()), (security, is_known), "{text}");
        }
        for bad in [
            "",
            "mail.example",
            "mail.example:587",
            "https://mail.example",
            "smtp://",
            "smtp://mail.example/path",
            "smtp://mail.example#part",
            "smtp://user@mail.example",
            "smtp://:password@mail.example",
            "smtps://mail.example?tls=none",
            "smtp://mail.example?tls=opportunistic",
            "smtp://mail.example?tls=none&x=y",
            "smtp://u:p@mail.example?tls=none",
            "smtp://u:p@10.0.0.1?tls=none",
        ] {
            assert!(bad.parse::<SmtpUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn user_and_password_are_decoded_and_never_shown() {
        let url: SmtpUrl = "smtps://easel%40example.com:p%3Ass%2F@mail.example".parse().unwrap();
        let wanted = Credentials::new("easel@example.com".to_owned(), "p:ss/".to_owned());
        assert!(url.credentials.as_ref() == Some(&wanted));
        let from: Sender = "easel@example.com".parse().unwrap();
        let clock = Arc::new(crate::clock::SystemClock);
        let smtp = Smtp::new(url.clone(), from, "easel.example", clock).unwrap();
        for shown in [format!("{url:?}"), url.to_string(), format!("{smtp:?}")] {
            assert!(!shown.contains("ss/") && !shown.contains("p%3A"), "{shown}");
        }
    }

    #[test]
    fn an_enhanced_code_is_three_numbers() {
        assert_eq!(enhanced("5.1.1 <alice@example.com> unknown"), Some("5.1.1"));
        for words in ["", "unknown", "5.1 x", "5.1.x x", "1.2.3.4 listed", "5..1 x", "5.1.1111 x"] {
            assert_eq!(enhanced(words), None, "{words}");
        }
    }
}
