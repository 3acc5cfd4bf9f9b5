//! Takes out of a picture what could run, load, or lead a viewer astray, and leaves the rest
//! exactly as it was: what is allowed is listed, and everything else is cut.
//!
//! The text is cut along the ranges of a parsed tree, so nothing is guessed from how the
//! text looks, and a picture without anything to take out is not copied.

mod css;
mod names;

use std::{borrow::Cow, collections::HashMap, ops::Range};

use roxmltree::{Attribute, Document, Node, NodeId, NodeType};

use super::{RenderLimits, svg::SVG_NAMESPACE};

const XLINK_NAMESPACE: &str = "http://www.w3.org/1999/xlink";
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Why a picture is not sent to any browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A name or a namespace at this byte, which the parser lets pass and browsers do not.
    Name(usize),
    /// Elements stand in each other too deeply, or refer to each other in too long a chain.
    Depth,
    /// References make it come to too many elements.
    Elements,
}

/// The picture without what does not belong in one.
pub(super) fn clean<'a>(
    text: &'a str,
    document: &Document<'a>,
    limits: &RenderLimits,
) -> Result<Cow<'a, str>, Refusal> {
    let drawn = References::of(document, limits.depth).drawn(document.root_element());
    // First of all: everything else that looks at a picture does so by recursion.
    if drawn.ok_or(Refusal::Depth)? > limits.elements {
        return Err(Refusal::Elements);
    }
    let mut cuts = Vec::new();
    for child in document.root().children() {
        look_at(child, &mut cuts)?;
    }
    Ok(apply(text, cuts))
}

/// Whether elements stand in each other at most so deeply, references followed.
pub(super) fn is_within(document: &Document, depth: usize) -> bool {
    References::of(document, depth).drawn(document.root_element()).is_some()
}

/// What stands in place of a range of the text.
struct Cut {
    range: Range<usize>,
    instead: String,
}

impl Cut {
    fn out(range: Range<usize>) -> Self {
        Self { range, instead: String::new() }
    }
}

fn apply(text: &str, cuts: Vec<Cut>) -> Cow<'_, str> {
    if cuts.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for cut in cuts {
        kept.push_str(&text[from..cut.range.start]);
        kept.push_str(&cut.instead);
        from = cut.range.end;
    }
    kept.push_str(&text[from..]);
    // What was apart before a cut may come together as the end of a CDATA section, of which
    // none is left.
    if kept.contains("]]>") {
        kept = kept.replace("]]>", "]]&gt;");
    }
    Cow::Owned(kept)
}

/// Notes the cuts in the order of the text.
fn look_at(node: Node, cuts: &mut Vec<Cut>) -> Result<(), Refusal> {
    match node.node_type() {
        NodeType::Root => {}
        NodeType::PI => cuts.push(Cut::out(node.range())),
        // Harmless in XML. Inserted into a page, the same text goes through another parser,
        // to which a comment may end earlier.
        NodeType::Comment => {
            if node.text().is_some_and(|text| text.contains(['<', '>'])) {
                cuts.push(Cut::out(node.range()));
            }
        }
        NodeType::Text => {
            let range = written(node);
            if node.document().input_text()[range.clone()].contains("<![CDATA[") {
                // To a page's parser, CDATA is something only in some places.
                let instead = escape(node.text().unwrap_or_default());
                cuts.push(Cut { range, instead });
            }
        }
        NodeType::Element => {
            if !allowed(node) {
                cuts.push(Cut::out(node.range()));
                return Ok(());
            }
            let written = &node.document().input_text()[node.range()];
            if !start_tag_is_plain(written) || !end_tag_is_plain(written) {
                return Err(Refusal::Name(node.range().start));
            }
            let hostile = node.attributes().filter(|attribute| !fine(node, attribute));
            cuts.extend(hostile.map(|attribute| Cut::out(attribute.range())));
            for child in node.children() {
                look_at(child, cuts)?;
            }
        }
    }
    Ok(())
}

/// Where a text stands, all of it: the parser makes one node of text and CDATA beside each other,
/// and knows where the first of them stands.
fn written(node: Node) -> Range<usize> {
    let end = node.next_sibling().map(|next| next.range().start).or_else(|| {
        // A text that is the last ends where the end tag begins: the last tag of the element.
        let element = node.parent()?.range();
        let tag = node.document().input_text()[element.clone()].rfind("</")?;
        Some(element.start + tag)
    });
    node.range().start..end.unwrap_or(node.range().end)
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
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
        })
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn allowed(node: Node) -> bool {
    let name = node.tag_name();
    if name.namespace() != Some(SVG_NAMESPACE) || !names::ELEMENTS.contains(name.name()) {
        return false;
    }
    match name.name() {
        "style" => {
            let text: String = node.children().filter_map(|child| child.text()).collect();
            node.children().all(|child| child.is_text()) && css::sheet_is_fine(&text)
        }
        // Inserted into a page, these hold HTML.
        "title" | "desc" => node.children().all(|child| child.is_text()),
        "animate" | "animateTransform" | "set" => may_animate(node),
        _ => true,
    }
}

/// An animation sets attributes later, past any check of them: so what it may set is what
/// could stand there, and a reference is never among it.
fn may_animate(node: Node) -> bool {
    let target = node.attribute("attributeName").unwrap_or_default().trim();
    names::ATTRIBUTES.contains(target) && !matches!(target, "href" | "style" | "class" | "id")
}

fn fine(node: Node, attribute: &Attribute) -> bool {
    // The parser knows where the value begins, but not if much stands before it.
    let whole = &node.document().input_text()[attribute.range()];
    let value_and_quote = |quote| Some((whole.strip_suffix(quote)?.split_once(quote)?.1, quote));
    let written = whole.chars().next_back().and_then(value_and_quote);
    let Some((written, quote)) = written else { return false };
    may_say(node, attribute, attribute.value())
        && (!written.contains(['\n', '\r'])
            || in_a_page(written, quote).is_some_and(|value| may_say(node, attribute, &value)))
}

/// A value as an HTML parser reads it: a line end in it is a space to an XML parser, and stays
/// a line end in a page, where it ends a string of CSS.
fn in_a_page(written: &str, quote: char) -> Option<String> {
    let kept = written.replace("\r\n", "\n").replace(['\n', '\r'], "&#10;");
    let element = format!("<a b={quote}{kept}{quote}/>");
    let parsed = Document::parse(&element).ok()?;
    parsed.root_element().attribute("b").map(str::to_owned)
}

fn may_say(node: Node, attribute: &Attribute, value: &str) -> bool {
    let name = attribute.name();
    match attribute.namespace() {
        None if name == "href" => may_refer(node, value),
        None if name == "style" => css::declarations_are_fine(value),
        None if name.starts_with("data-") || name.starts_with("aria-") => is_plain(name),
        // Most attributes may hold CSS values, and the rest has no use for a parenthesis.
        None => names::ATTRIBUTES.contains(name) && css::value_is_fine(value),
        Some(XLINK_NAMESPACE) => match name {
            "href" => may_refer(node, value),
            _ => name == "title",
        },
        Some(XML_NAMESPACE) => matches!(name, "lang" | "space"),
        Some(_) => false,
    }
}

/// Where a reference may lead: within the picture; for an image also to its own data, for a
/// link also to a web page.
fn may_refer(node: Node, value: &str) -> bool {
    let value = value.trim_matches(|c: char| c.is_ascii_whitespace());
    if value.is_empty() || value.starts_with('#') {
        return true;
    }
    match node.tag_name().name() {
        "image" | "feImage" => css::is_raster_data(value),
        "a" => {
            let lower = value.to_ascii_lowercase();
            lower.starts_with("https://") || lower.starts_with("http://")
        }
        _ => false,
    }
}

/// Who draws whom.
struct References<'a, 'input> {
    targets: HashMap<&'a str, Node<'a, 'input>>,
    /// How deep one may stand in another.
    depth: usize,
}

/// What a target comes to.
#[derive(Debug, Clone, Copy)]
struct Sum {
    elements: u64,
    /// Levels, its own included.
    height: usize,
}

/// A target that is being summed up contains itself: browsers do not follow circles, but not
/// all tools are that wise.
const CIRCLE: Sum = Sum { elements: u64::MAX, height: 1 };

impl<'a, 'input: 'a> References<'a, 'input> {
    fn of(document: &'a Document<'input>, depth: usize) -> Self {
        let named = document.descendants().filter_map(|node| Some((node.attribute("id")?, node)));
        let mut targets = HashMap::new();
        for (id, node) in named {
            // The first of two elements with one name is the one that counts.
            targets.entry(id).or_insert(node);
        }
        Self { targets, depth }
    }

    /// How many elements a node comes to; `None` if they stand too deeply in each other.
    fn drawn(&self, node: Node<'a, 'input>) -> Option<u64> {
        self.count(node, 1, &mut HashMap::new()).map(|sum| sum.elements)
    }

    /// `known` holds the sums of whole targets, or [`CIRCLE`] while they are being made. The
    /// recursion is never deeper than what is allowed.
    fn count(
        &self,
        node: Node<'a, 'input>,
        level: usize,
        known: &mut HashMap<NodeId, Sum>,
    ) -> Option<Sum> {
        if level > self.depth {
            return None;
        }
        let mut sum = Sum { elements: 1, height: 1 };
        let mut add = |part: Sum| {
            sum.elements = sum.elements.saturating_add(part.elements);
            sum.height = sum.height.max(part.height + 1);
        };
        for target in self.drawn_by(node) {
            let part = match known.get(&target.id()) {
                Some(part) => *part,
                None => {
                    known.insert(target.id(), CIRCLE);
                    let part = self.count(target, level + 1, known)?;
                    known.insert(target.id(), part);
                    part
                }
            };
            add(part);
        }
        for child in node.children().filter(Node::is_element) {
            add(self.count(child, level + 1, known)?);
        }
        (level + sum.height - 1 <= self.depth).then_some(sum)
    }

    fn drawn_by(&self, node: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
        let used = (node.tag_name().name() == "use")
            .then(|| node.attribute("href").or_else(|| node.attribute((XLINK_NAMESPACE, "href"))))
            .flatten()
            .map(|href| href.trim().trim_start_matches('#'));
        let painted = node
            .attributes()
            .filter(|attribute| attribute.value().contains("url("))
            .flat_map(|attribute| css::references(attribute.value()));
        let names: Vec<String> = used.into_iter().map(str::to_owned).chain(painted).collect();
        names.into_iter().filter_map(|name| self.targets.get(name.as_str()).copied())
    }
}

#[cfg(test)]
mod tests;
