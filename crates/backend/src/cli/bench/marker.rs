//! The number that every picture of a bench carries, so that whoever receives it knows which
//! update it is: `bench:` and ten digits, in the first attribute of the root.

/// What stands before the digits. Its first character is nowhere else in it, which is what lets
/// [`Finder`] look on after a near miss without going back. Neither JSON nor XML spells any of
/// it otherwise.
const START: &[u8] = b"bench:";

/// How many digits a number has, however small it is: all pictures are of the same length.
const DIGITS: usize = 10;

/// How long a marker is.
pub(super) const LENGTH: usize = START.len() + DIGITS;

/// The digits of a number.
pub(super) fn digits(number: u64) -> String {
    format!("{number:0DIGITS$}")
}

/// A picture's own attribute, with `digits` in the place of the number.
pub(super) fn attribute(digits: &str) -> String {
    format!("data-bench=\"bench:{digits}\"")
}

/// Where in `text` a marker begins.
pub(super) fn place(text: &str) -> Option<usize> {
    text.find("bench:")
}

/// Looks for a marker in bytes that come in pieces.
#[derive(Debug, Default)]
pub(super) struct Finder {
    /// How much of a marker stands at the end of what was seen.
    matched: usize,
    number: u64,
}

impl Finder {
    /// Looks on in `bytes`: the number of the first marker that ends in them, and what follows
    /// it.
    pub(super) fn find<'a>(&mut self, bytes: &'a [u8]) -> Option<(u64, &'a [u8])> {
        for (at, &byte) in bytes.iter().enumerate() {
            if let Some(expected) = START.get(self.matched)
                && byte == *expected
            {
                self.matched += 1;
            } else if self.matched >= START.len() && byte.is_ascii_digit() {
                self.number = self.number * 10 + u64::from(byte - b'0');
                self.matched += 1;
            } else {
                self.number = 0;
                self.matched = usize::from(byte == START[0]);
            }
            if self.matched == LENGTH {
                let number = std::mem::take(&mut self.number);
                self.matched = 0;
                return Some((number, &bytes[at + 1..]));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_marker_is_found_after_near_misses() {
        for text in [
            "<svg data-bench=\"bench:0000000042\">",
            "bbench:0000000042",
            "bench:12bench:0000000042",
            "benchbench:0000000042",
        ] {
            let found = Finder::default().find(text.as_bytes()).map(|(number, _)| number);
            assert_eq!(found, Some(42), "{text}");
        }
        assert_eq!(Finder::default().find(b"data-bench bench: 12"), None);
    }

    proptest! {
        #[test]
        fn markers_are_found_wherever_the_bytes_are_cut(
            numbers in prop::collection::vec(0..9_999_999_999_u64, 1..5),
            between in "[bench:0-9 ]{0,20}",
            step in 1..50_usize,
        ) {
            let mut text = String::new();
            for number in &numbers {
                text.push_str(&between);
                text.push_str(&attribute(&digits(*number)));
            }
            // What stands between may be a marker by chance.
            prop_assume!(Finder::default().find(between.as_bytes()).is_none());
            let (mut finder, mut found) = (Finder::default(), Vec::new());
            for mut piece in text.as_bytes().chunks(step) {
                while let Some((number, rest)) = finder.find(piece) {
                    found.push(number);
                    piece = rest;
                }
            }
            prop_assert_eq!(found, numbers);
        }
    }
}
