//! Takes out of a picture what could run, load, or lead a viewer astray, and leaves the rest
//! exactly as it was: what is allowed is listed, and everything else is cut.
//!
//! The text is cut along the ranges of a parsed tree, so nothing is guessed from how the
//! text looks, and a picture without anything to take out is not copied. Each byte is looked at
//! once by the parser, which says whether it is XML at all, and once here; only what could refer
//! to something, call a function of CSS or mean another thing in a page is read again.

mod css;
mod names;
mod references;
mod spelling;

use std::{borrow::Cow, ops::Range};

use roxmltree::{Attribute, Document, Node, NodeType};

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
    // First of all: everything else that looks at a picture does so by recursion.
    let drawn = references::drawn(document, limits.depth);
    if drawn.ok_or(Refusal::Depth)? > limits.elements {
        return Err(Refusal::Elements);
    }
    let mut look = Look { text, has_sections: text.contains("<!["), cuts: Vec::new() };
    for child in document.root().children() {
        look.at(child)?;
    }
    let cleaned = apply(text, look.cuts);
    if let Cow::Owned(kept) = &cleaned {
        // What was cut may have hidden a reference, or stood in the place of what is referred to.
        let kept = Document::parse(kept).map_err(|_| Refusal::Name(0))?;
        let drawn = references::drawn(&kept, limits.depth);
        if drawn.ok_or(Refusal::Depth)? > limits.elements {
            return Err(Refusal::Elements);
        }
    }
    Ok(cleaned)
}

/// The value of an attribute without a namespace. The parser's own way to ask takes one of any
/// namespace for it.
fn own<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut attributes = node.attributes();
    let own = attributes.find(|a| a.namespace().is_none() && a.name() == name)?;
    Some(own.value())
}

/// Whether elements stand in each other at most so deeply, references followed.
pub(super) fn is_within(document: &Document, depth: usize) -> bool {
    references::drawn(document, depth).is_some()
}

/// What stands in place of a range of the text.
struct Cut {
    range: Range<usize>,
    instead: String,
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

/// A look at each part of a picture, in the order of the text.
struct Look<'a> {
    text: &'a str,
    /// Whether there may be a CDATA section anywhere.
    has_sections: bool,
    cuts: Vec<Cut>,
}

impl Look<'_> {
    fn cut(&mut self, range: Range<usize>) {
        self.cuts.push(Cut { range, instead: String::new() });
    }

    fn at(&mut self, node: Node) -> Result<(), Refusal> {
        match node.node_type() {
            NodeType::Root => {}
            NodeType::PI => self.cut(node.range()),
            // Harmless in XML. Inserted into a page, the same text goes through another parser,
            // to which a comment may end earlier.
            NodeType::Comment => {
                if node.text().is_some_and(|text| text.contains(['<', '>'])) {
                    self.cut(node.range());
                }
            }
            NodeType::Text if self.has_sections => {
                let range = written(node);
                if self.text[range.clone()].contains("<![CDATA[") {
                    // To a page's parser, CDATA is something only in some places.
                    let instead = escape(node.text().unwrap_or_default());
                    self.cuts.push(Cut { range, instead });
                }
            }
            NodeType::Text => {}
            NodeType::Element => self.at_element(node)?,
        }
        Ok(())
    }

    fn at_element(&mut self, node: Node) -> Result<(), Refusal> {
        if !allowed(node) {
            self.cut(node.range());
            return Ok(());
        }
        if !spelling::is_plain_element(node) {
            return Err(Refusal::Name(node.range().start));
        }
        for attribute in node.attributes() {
            if !fine(node, &attribute) {
                self.cut(attribute.range());
            }
        }
        for child in node.children() {
            self.at(child)?;
        }
        Ok(())
    }
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
    let target = own(node, "attributeName").unwrap_or_default().trim();
    names::ATTRIBUTES.contains(target) && !matches!(target, "href" | "style" | "class" | "id")
}

fn fine(node: Node, attribute: &Attribute) -> bool {
    let Some(written) = Written::of(node, attribute) else { return false };
    may_say(node, attribute, attribute.value(), written.may_call)
        && (!written.has_line_ends
            || written.in_a_page().is_some_and(|value| may_say(node, attribute, &value, true)))
}

/// A value as it is written, and what can be told of it at a glance.
struct Written<'a> {
    value: &'a str,
    quote: char,
    /// Whether a function of CSS may be in it: without one of these, none can begin, and nothing
    /// else loads.
    may_call: bool,
    has_line_ends: bool,
}

impl<'a> Written<'a> {
    fn of(node: Node<'a, '_>, attribute: &Attribute<'a, '_>) -> Option<Self> {
        // The parser knows where the value begins, but not if much stands before it.
        let whole = &node.document().input_text()[attribute.range()];
        let quote = whole.chars().next_back()?;
        let (_, value) = whole.strip_suffix(quote)?.split_once(quote)?;
        let (mut may_call, mut has_line_ends) = (false, false);
        // Without an early end, the compiler looks at many bytes at once.
        for byte in value.bytes() {
            may_call |= matches!(byte, b'(' | b'\\' | b'&');
            has_line_ends |= matches!(byte, b'\n' | b'\r');
        }
        Some(Self { value, quote, may_call, has_line_ends })
    }

    /// The value as an HTML parser reads it: a line end in it is a space to an XML parser, and
    /// stays a line end in a page, where it ends a string of CSS.
    fn in_a_page(&self) -> Option<String> {
        let kept = self.value.replace("\r\n", "\n").replace(['\n', '\r'], "&#10;");
        let element = format!("<a b={quote}{kept}{quote}/>", quote = self.quote);
        let parsed = Document::parse(&element).ok()?;
        parsed.root_element().attribute("b").map(str::to_owned)
    }
}

/// Whether a value may stand there. If it `may_call`, it is read as CSS.
fn may_say(node: Node, attribute: &Attribute, value: &str, may_call: bool) -> bool {
    let name = attribute.name();
    match attribute.namespace() {
        None if name == "href" => may_refer(node, value),
        None if name == "style" => css::declarations_are_fine(value),
        None if name.starts_with("data-") || name.starts_with("aria-") => spelling::is_plain(name),
        // Most attributes may hold CSS values, and the rest has no use for a parenthesis.
        None => names::ATTRIBUTES.contains(name) && (!may_call || css::value_is_fine(value)),
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

#[cfg(test)]
mod tests;
