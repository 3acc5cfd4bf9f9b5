//! Who is told what: what the settings of mail and webhooks mean.

use std::net::SocketAddr;

use super::{ConfigError, Raw, Source, bad, lifetime};
use crate::{
    mail::{MailSettings, Sender, SmtpUrl},
    webhook::{WebhookSecret, WebhookSettings, WebhookUrl},
};

/// Whom mail is from that goes into files.
const FROM_NOBODY: &str = "Easel <easel@localhost>";

/// Refuses what is missing.
fn missing<T>(raw: &Raw, key: &'static str, fix: &str) -> Result<T, ConfigError> {
    let (value, source) = raw.get(key).unwrap_or(("", &Source::Default));
    Err(bad(key, value, source, fix.to_owned()))
}

pub(super) fn mail(raw: &Raw, listen: SocketAddr) -> Result<MailSettings, ConfigError> {
    let smtp = raw.optional("smtp-url", str::parse::<SmtpUrl>)?;
    // Whoever reads mail on this machine can follow a link to it.
    let is_for_others = smtp.is_some() && !listen.ip().is_loopback();
    if is_for_others && raw.get("public-url").is_none_or(|(url, _)| url.is_empty()) {
        let fix = "mail is sent by smtp-url, and its links have to lead here: say how the outside \
                   reaches this server, such as https://easel.example";
        return missing(raw, "public-url", fix);
    }
    let from = raw.optional("mail-from", str::parse::<Sender>)?;
    let from = match (from, &smtp) {
        (Some(from), _) => from,
        (None, None) => raw.with("mail-from", |_| FROM_NOBODY.parse())?,
        (None, Some(_)) => {
            let fix = "mail is sent by smtp-url: say whom it is from, such as Easel \
                       <easel@example.com>, an address that the mail server lets you use";
            return missing(raw, "mail-from", fix);
        }
    };
    Ok(MailSettings {
        smtp,
        from,
        verify_ttl: raw.with("verify-ttl", lifetime)?,
        reset_ttl: raw.with("reset-ttl", lifetime)?,
    })
}

pub(super) fn webhooks(raw: &Raw) -> Result<Option<WebhookSettings>, ConfigError> {
    let secret = raw.optional("webhook-secret", WebhookSecret::parse)?;
    let Some(urls) = raw.optional("webhook-urls", urls)? else {
        return Ok(None);
    };
    match secret {
        Some(secret) => Ok(Some(WebhookSettings { urls, secret })),
        None => {
            let fix = "webhook-urls are told things that they must be able to check: set it to \
                       what `echo whsec_$(openssl rand -base64 32)` prints, and give it to them";
            missing(raw, "webhook-secret", fix)
        }
    }
}

fn urls(value: &str) -> Result<Vec<WebhookUrl>, String> {
    value.split(',').map(|url| url.trim().parse()).collect()
}
