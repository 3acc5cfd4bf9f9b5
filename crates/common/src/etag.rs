//! Entity tags as clients send them back (RFC 9110 §8.8.3 and §13.1).

/// One tag: what stands between its quotes, and whether it is weak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    /// The opaque part, without quotes.
    pub opaque: String,
    /// Whether `W/` stood before it.
    pub weak: bool,
}

/// What `If-Match` or `If-None-Match` say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EntityTags {
    /// Nothing: there is no such header.
    #[default]
    Absent,
    /// `*`: whatever there is.
    Any,
    /// Any of these. Of none of them, none holds (RFC 9110 §13.1.1): a client that lost its tag is
    /// not let through.
    Listed(Vec<EntityTag>),
}

impl EntityTags {
    /// Reads the values of all headers of the name; `None` if one is not as the RFC writes it.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut listed = Vec::new();
        let (mut present, mut any) = (false, false);
        for value in values {
            present = true;
            // RFC 9110 §5.6.1: empty elements of a list mean nothing.
            let mut rest = value.trim_start_matches(is_gap);
            while !rest.is_empty() {
                let after = match rest.strip_prefix('*') {
                    Some(after) => {
                        any = true;
                        after
                    }
                    None => {
                        let (tag, after) = tag(rest)?;
                        listed.push(tag);
                        after
                    }
                };
                let next = after.trim_start_matches(is_space);
                if !next.is_empty() && !next.starts_with(',') {
                    return None;
                }
                rest = next.trim_start_matches(is_gap);
            }
        }
        match (any, listed.is_empty()) {
            (true, true) => Some(Self::Any),
            (true, false) => None,
            (false, _) if present => Some(Self::Listed(listed)),
            (false, _) => Some(Self::Absent),
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

fn is_gap(c: char) -> bool {
    is_space(c) || c == ','
}

/// The tag that `text` begins with, and the rest. A comma within the quotes is part of it.
fn tag(text: &str) -> Option<(EntityTag, &str)> {
    let (text, weak) = match text.strip_prefix("W/") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (opaque, rest) = text.strip_prefix('"')?.split_once('"')?;
    Some((EntityTag { opaque: opaque.to_owned(), weak }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(opaque: &str, weak: bool) -> EntityTag {
        EntityTag { opaque: opaque.to_owned(), weak }
    }

    #[test]
    fn tags_are_read_as_the_rfc_writes_them() {
        let listed = EntityTags::Listed(vec![tag("1-2", false), tag("1-3", true)]);
        for value in ["\"1-2\" , W/\"1-3\"", "\"1-2\",, W/\"1-3\",", "\t\"1-2\",W/\"1-3\""] {
            assert_eq!(EntityTags::parse([value]), Some(listed.clone()), "{value}");
        }
        assert_eq!(EntityTags::parse(["\"1-2\"", "W/\"1-3\""]), Some(listed));
        assert_eq!(EntityTags::parse(["*"]), Some(EntityTags::Any));
        assert_eq!(EntityTags::parse([]), Some(EntityTags::Absent));
        assert_eq!(EntityTags::parse([" , "]), Some(EntityTags::Listed(Vec::new())));
        let comma = EntityTags::Listed(vec![tag("a, b", false), tag("", false)]);
        assert_eq!(EntityTags::parse(["\"a, b\", \"\""]), Some(comma));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for bad in ["1-2", "\"1-2", "\"", "\"a\"\"b\"", "\"a\" b", "w/\"a\"", "*, \"a\"", "**"] {
            assert_eq!(EntityTags::parse([bad]), None, "{bad}");
        }
    }
}
