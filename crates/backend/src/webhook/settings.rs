//! Who is told, and how they know that it was us.

use std::{fmt, str::FromStr, sync::Arc};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use url::{Host, Url};
use zeroize::Zeroizing;

/// Who is told of events. They share a secret with us.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Where they listen.
    pub urls: Vec<WebhookUrl>,
    /// By what they know us.
    pub secret: WebhookSecret,
}

/// Where a receiver listens: with https, or with http on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// The URL, in full.
    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    /// A name for it that does not show what may be secret in it.
    pub(super) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.as_str().as_bytes());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Its host and port. Its path may be a secret.
impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.host_str().unwrap_or_default())?;
        self.0.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({self})")
    }
}

/// Whether a host is this machine.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl FromStr for WebhookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fix = "must be URLs such as https://hooks.example/easel, separated by commas, with \
                   https wherever they are not on this machine, and without user and password";
        let url = Url::parse(text).map_err(|_| fix.to_owned())?;
        let is_private = url.scheme() == "https"
            || url.scheme() == "http" && url.host().is_some_and(|host| is_loopback(&host));
        let is_plain = url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
            && url.has_host();
        match is_private && is_plain {
            true => Ok(Self(url)),
            false => Err(fix.to_owned()),
        }
    }
}

/// What signs the messages: 24 to 64 random bytes, wiped when dropped.
#[derive(Clone)]
pub struct WebhookSecret(Arc<Zeroizing<Vec<u8>>>);

impl WebhookSecret {
    const PREFIX: &str = "whsec_";
    const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

    /// Reads a secret as Standard Webhooks spells it: `whsec_` and the bytes in base64.
    ///
    /// # Errors
    /// What would be right, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = text.strip_prefix(Self::PREFIX);
        let bytes = bytes.and_then(|text| BASE64_STANDARD.decode(text).ok()).map(Zeroizing::new);
        let bytes = bytes.filter(|bytes| Self::BYTES.contains(&bytes.len()));
        bytes.map(Arc::new).map(Self).ok_or_else(|| {
            "must be whsec_ and 24 to 64 random bytes in base64, as `echo whsec_$(openssl rand \
             -base64 32)` prints them"
                .to_owned()
        })
    }

    /// The signature of a message, as its header has it.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(tag))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The example of the Standard Webhooks reference libraries.
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{secret:?}"), "WebhookSecret");
    }

    #[test]
    fn a_secret_has_a_prefix_and_enough_bytes() {
        let of = |bytes: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]));
        for good in [of(24), of(32), of(64)] {
            assert!(WebhookSecret::parse(&good).is_ok(), "{good}");
        }
        let bare = BASE64_STANDARD.encode([7; 32]);
        for bad in [of(23), of(65), of(0), bare, "whsec_not base64".to_owned(), String::new()] {
            assert!(WebhookSecret::parse(&bad).unwrap_err().contains("openssl rand"), "{bad}");
        }
    }

    #[test]
    fn a_receiver_is_reached_over_tls_or_on_this_machine() {
        for good in [
            "https://hooks.example/easel?key=1",
            "https://10.0.0.1:8443",
            "http://localhost:9000/x",
            "http://127.0.0.1:9000",
            "http://[::1]/",
        ] {
            assert!(good.parse::<WebhookUrl>().is_ok(), "{good}");
        }
        for bad in [
            "http://hooks.example",
            "http://10.0.0.1",
            "https://user:password@hooks.example",
            "https://user@hooks.example",
            "https://hooks.example/#part",
            "ftp://localhost",
            "hooks.example",
            "",
        ] {
            assert!(bad.parse::<WebhookUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_url_shows_its_host_alone() {
        let url: WebhookUrl = "https://hooks.example:8443/secret?key=secret".parse().unwrap();
        assert_eq!(url.to_string(), "hooks.example:8443");
        assert_eq!(format!("{url:?}"), "WebhookUrl(hooks.example:8443)");
        let other: WebhookUrl = "https://hooks.example:8443/secret?key=other".parse().unwrap();
        assert_ne!(url.fingerprint(), other.fingerprint());
    }
}
