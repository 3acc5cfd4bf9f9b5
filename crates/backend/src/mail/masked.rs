//! Addresses as logs may have them.

/// An e-mail address of which enough is left to recognise it if one knows it: `a***@example.com`.
pub fn masked(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((name, domain)) => {
            let first = name.chars().next().map(String::from).unwrap_or_default();
            format!("{first}***@{domain}")
        }
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_and_the_domain_are_left() {
        for (address, shown) in [
            ("alice@example.com", "a***@example.com"),
            ("a@example.com", "a***@example.com"),
            ("한글@example.com", "한***@example.com"),
            ("\"a@b\"@example.com", "\"***@example.com"),
            ("@example.com", "***@example.com"),
            ("alice", "***"),
            ("", "***"),
        ] {
            assert_eq!(masked(address), shown);
        }
    }
}
