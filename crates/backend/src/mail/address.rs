//! Addresses of e-mail, as far as anyone but their own server can judge them.

use lettre::Address;

/// Longest address (RFC 5321 §4.5.3.1.3, without the angle brackets).
const MAX_LENGTH: usize = 254;

/// Whether mail can be sent to it, over the Internet.
pub fn is_address(text: &str) -> bool {
    let Ok(address) = text.parse::<Address>() else { return false };
    // A name of one word leads nowhere on the Internet, and an address literal to no one.
    let has_domain = address.domain().contains('.') && !address.domain().starts_with('[');
    // What would have to be quoted in the head of a mail is in nobody's address.
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\",;()\\".contains(c);
    text.len() <= MAX_LENGTH && has_domain && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_to_somebody_is_an_address() {
        for text in
            ["alice@example.com", "alice.b+list@example.com", "alice@xn--9n2bp8q.xn--3e0b707e"]
        {
            assert!(is_address(text), "{text}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for text in [
            "",
            "alice",
            "alice@",
            "@example.com",
            "alice@localhost",
            "alice@[192.0.2.1]",
            "a b@example.com",
            "\"a b\"@example.com",
            "alice@exa mple.com",
            "alice@example.com\r\nBcc: bob@example.com",
            "alice@example.com, bob@example.com",
            "Alice <alice@example.com>",
            &long,
        ] {
            assert!(!is_address(text), "{text}");
        }
    }
}
