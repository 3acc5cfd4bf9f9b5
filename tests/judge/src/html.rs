//! A picture to an HTML parser: written into a page, where the same text can mean something
//! else (WHATWG HTML §13.2).

use html5ever::{ParseOpts, QualName, local_name, ns, parse_fragment, tendril::TendrilSink};
use markup5ever_rcdom::{Handle, NodeData, RcDom};

use crate::{css, picture::is_harmless, xml};

/// Insists that a picture holds nothing that runs or loads when a page sets it as its
/// `innerHTML`.
///
/// # Panics
/// When it is not so.
pub(crate) fn judge(picture: &str) {
    let body = QualName::new(None, ns!(html), local_name!("body"));
    let parser = parse_fragment(RcDom::default(), ParseOpts::default(), body, Vec::new(), true);
    let dom = parser.one(picture);
    // All are held to the end: a node that is dropped takes what is below it along.
    let mut nodes = vec![dom.document];
    let mut next = 0;
    while let Some(node) = nodes.get(next).cloned() {
        if let Some(fault) = fault(&node) {
            panic!("in a page, {fault}: {picture}");
        }
        nodes.extend(node.children.borrow().iter().cloned());
        next += 1;
    }
}

fn fault(node: &Handle) -> Option<String> {
    let NodeData::Element { name, attrs, .. } = &node.data else { return None };
    let element = &*name.local;
    // An element with a colon is nothing to HTML; `html` is what fragments are wrapped in.
    let is_inert = element.contains(':') || (name.ns == ns!(html) && element == "html");
    let is_image = name.ns == ns!(html) && element == "img";
    let is_svg = name.ns == ns!(svg) || name.ns == ns!(html);
    // HTML knows no capitals, but SVG inside of it does.
    let known = is_harmless(element) || HARMLESS_IN_SMALL.contains(&element);
    if !(is_inert || is_image || (is_svg && known)) {
        return Some(format!("an element {element}"));
    }
    if element == "style" {
        let mut sheet = String::new();
        for child in node.children.borrow().iter() {
            if let NodeData::Text { contents } = &child.data {
                sheet.push_str(&contents.borrow());
            }
        }
        if let Some(fault) = css::fault(&sheet) {
            return Some(format!("a style sheet with {fault}"));
        }
    }
    attrs.borrow().iter().find_map(|attribute| {
        let name = &*attribute.name.local;
        let name = name.strip_prefix("xlink:").unwrap_or(name);
        // Declarations of namespaces are no more than names here.
        if attribute.name.ns == ns!(xmlns) || name == "xmlns" || name.starts_with("xmlns:") {
            return None;
        }
        xml::value_fault(element, name, &attribute.value)
    })
}

/// Names of harmless elements as HTML spells them outside of `svg`, where they mean nothing.
const HARMLESS_IN_SMALL: &[&str] = &[
    "animatemotion",
    "animatetransform",
    "clippath",
    "feblend",
    "fecolormatrix",
    "fecomponenttransfer",
    "fecomposite",
    "feconvolvematrix",
    "fediffuselighting",
    "fedisplacementmap",
    "fedistantlight",
    "fedropshadow",
    "feflood",
    "fefunca",
    "fefuncb",
    "fefuncg",
    "fefuncr",
    "fegaussianblur",
    "feimage",
    "femerge",
    "femergenode",
    "femorphology",
    "feoffset",
    "fepointlight",
    "fespecularlighting",
    "fespotlight",
    "fetile",
    "feturbulence",
    "lineargradient",
    "radialgradient",
    "textpath",
];
