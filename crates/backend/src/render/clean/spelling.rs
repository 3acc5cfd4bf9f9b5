//! Whether names are spelled as every parser takes them. Ours reads prefixes and namespaces as
//! XML does, and lets some pass that browsers do not; a page's parser knows none.

use roxmltree::Node;

/// Whether an element, as it is written, has names that every parser takes.
pub(super) fn is_plain_element(node: Node) -> bool {
    let written = &node.document().input_text()[node.range()];
    is_bare(node, written) || (start_tag_is_plain(written) && end_tag_is_plain(written))
}

/// Whether an element is the usual one: without any prefix, without a namespace of its own, and
/// with an end tag like its start tag. For that nothing has to be read a second time.
fn is_bare(node: Node, written: &str) -> bool {
    let name = node.tag_name().name();
    let start = node.range().start;
    let mut at = 1 + name.len();
    if !written[1..].starts_with(name) {
        return false;
    }
    for attribute in node.attributes() {
        let range = attribute.range();
        let (from, to) = (range.start - start, range.end - start);
        let behind = written[from..].strip_prefix(attribute.name());
        let has_no_prefix = behind.is_some_and(|rest| rest.starts_with(is_behind_a_name));
        // A namespace is no attribute to our parser: it would stand in between.
        if !has_no_prefix || !is_white(&written[at..from]) {
            return false;
        }
        at = to;
    }
    let rest = written[at..].trim_ascii_start();
    let ends_as_it_begins = |written: &str| {
        let end = written.strip_suffix('>').and_then(|end| end.strip_suffix(name));
        end.is_some_and(|end| end.ends_with("</"))
    };
    rest == "/>" || (rest.starts_with('>') && ends_as_it_begins(written))
}

fn is_behind_a_name(c: char) -> bool {
    c == '=' || c.is_ascii_whitespace()
}

fn is_white(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// Whether the names at the start of an element are ones that every parser takes: prefixes
/// that are there and plain, and namespaces that are declared once and not empty.
fn start_tag_is_plain(element: &str) -> bool {
    let Some(rest) = element.strip_prefix('<') else { return false };
    let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'));
    let (name, mut rest) = rest.split_at(end.unwrap_or(rest.len()));
    let mut declared = Vec::new();
    let mut plain = has_plain_prefix(name);
    while let Some((name, value)) = rest.split_once('=').filter(|_| !at_end(rest)) {
        let (name, value) = (name.trim(), value.trim_start());
        let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            return false;
        };
        let Some((value, after)) = value[1..].split_once(quote) else { return false };
        plain &= has_plain_prefix(name);
        if let Some(prefix) = name.strip_prefix("xmlns") {
            let prefix = prefix.trim_start_matches(':');
            plain &= !declared.contains(&prefix) && prefix != "xmlns" && prefix != "xml";
            plain &= prefix.is_empty() || (is_plain(prefix) && !value.trim().is_empty());
            declared.push(prefix);
        }
        rest = after;
    }
    plain
}

/// Whether an element ends under the very name that it began with.
fn end_tag_is_plain(element: &str) -> bool {
    let name = |tag: &str| -> Option<String> {
        let end = tag.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'))?;
        Some(tag[..end].to_owned())
    };
    // No attribute can hold a `<`, so the last one opens the last tag.
    match element.rsplit_once("</") {
        Some((_, end)) if !element.ends_with("/>") => name(end) == name(&element[1..]),
        _ => element.ends_with("/>"),
    }
}

fn at_end(rest: &str) -> bool {
    rest.trim_start().starts_with(['/', '>'])
}

fn has_plain_prefix(name: &str) -> bool {
    match name.split_once(':') {
        None => true,
        // A prefix before `xmlns` would have to be declared, and is not asked for it.
        Some((prefix, local)) => {
            is_plain(prefix) && !local.is_empty() && !local.contains(':') && local != "xmlns"
        }
    }
}

/// Small letters, digits and what may stand between them: no capital, which the boundaries
/// of streams count on.
pub(super) fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
        })
}

#[cfg(test)]
mod tests {
    use roxmltree::Document;

    use super::*;

    const OPEN: &str = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:x='urn:x' xmlns:xy='urn:y'>";

    /// For the element `written`: whether it is bare, and whether it is plain when it is read.
    fn judged(written: &str) -> (bool, bool) {
        let text = format!("{OPEN}{written}</svg>");
        let document = Document::parse(&text).unwrap();
        let node = document.root_element().first_element_child().unwrap();
        assert_eq!(&text[node.range()], written);
        (is_bare(node, written), start_tag_is_plain(written) && end_tag_is_plain(written))
    }

    #[test]
    fn the_usual_element_needs_no_second_reading() {
        for usual in [
            "<g/>",
            "<g />",
            "<g></g>",
            "<g\n x = '1'\ty=\"a>b/='\"\n><g></g>text</g>",
            "<g x='1' y='xmlns:z=1'/>",
            "<path d='M0 0\nh1' fill='url(#a)' />",
        ] {
            assert_eq!(judged(usual), (true, true), "{usual}");
        }
    }

    #[test]
    fn what_has_a_prefix_or_a_namespace_is_read_again() {
        for unusual in [
            "<x:x/>",
            "<xy:x/>",
            "<xy:x></xy:x>",
            "<g x:x='1'/>",
            "<g xy:x='1'/>",
            "<g a='1' xy:x='1' />",
            "<g xmlns='urn:z'/>",
            "<g a='1' xmlns:z='urn:z'/>",
            "<g xmlns:z='urn:z' a='1'></g>",
            "<g xmlns:z=''/>",
            "<g x:xmlns='urn:z'/>",
            "<g></g >",
            "<g></g\n>",
        ] {
            assert!(!judged(unusual).0, "{unusual}");
        }
        assert_eq!(judged("<xy:x xmlns:z='urn:z' z:a='1'></xy:x >"), (false, true));
        assert_eq!(judged("<g xmlns:Z='urn:z'/>"), (false, false));
    }
}
