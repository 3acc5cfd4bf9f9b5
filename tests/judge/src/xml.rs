//! A picture to an XML parser: opened by itself, in `<img>`, `<object>` or through DOMParser.

use roxmltree::{Attribute, Document, Node, NodeType};
use xml::{EventReader, reader::XmlEvent};

use crate::{css, picture::is_harmless, url};

const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Insists that a picture is well-formed and holds nothing that runs or loads.
///
/// # Panics
/// When it is not so.
pub(crate) fn judge(picture: &str) {
    another_parser_takes(picture);
    assert!(!picture.starts_with('\u{feff}') && !picture.starts_with("<?xml"), "{picture}");
    let document = Document::parse(picture).unwrap_or_else(|e| panic!("{e}: {picture}"));
    for node in document.descendants() {
        match node.node_type() {
            NodeType::PI => panic!("a processing instruction: {picture}"),
            NodeType::Element => {
                if let Some(fault) = fault(node) {
                    panic!("{fault} in {:?}: {picture}", node.tag_name());
                }
            }
            NodeType::Root | NodeType::Comment | NodeType::Text => {}
        }
    }
}

/// Two parsers that agree are wrong less often than one.
fn another_parser_takes(picture: &str) {
    let mut events = EventReader::from_str(picture);
    loop {
        match events.next() {
            Ok(XmlEvent::EndDocument) => return,
            Ok(XmlEvent::Doctype { .. }) => panic!("a document type: {picture}"),
            Ok(_) => {}
            Err(error) => panic!("another parser says {error}: {picture}"),
        }
    }
}

fn fault(node: Node) -> Option<String> {
    let name = node.tag_name();
    if name.namespace() != Some(SVG) || !is_harmless(name.name()) {
        return Some("an element of another kind".to_owned());
    }
    if name.name() == "style" {
        let sheet: String = node.children().filter_map(|child| child.text()).collect();
        if let Some(fault) = css::fault(&sheet) {
            return Some(format!("a style sheet with {fault}"));
        }
    }
    if matches!(name.name(), "animate" | "animateTransform" | "animateMotion" | "set") {
        for target in node.attributes().filter(|attribute| attribute.name() == "attributeName") {
            let target = target.value().trim().to_lowercase();
            let target = target.rsplit(':').next().unwrap_or_default();
            if target.starts_with("on")
                || matches!(target, "href" | "style" | "class" | "id" | "src")
            {
                return Some(format!("an animation of {target}"));
            }
        }
    }
    node.attributes().find_map(|attribute| attribute_fault(name.name(), &attribute))
}

fn attribute_fault(element: &str, attribute: &Attribute) -> Option<String> {
    let (name, value) = (attribute.name(), attribute.value());
    match attribute.namespace() {
        None => value_fault(element, name, value),
        Some(XLINK) if name == "href" => value_fault(element, name, value),
        Some(XLINK) if name == "title" => None,
        Some(XML) if matches!(name, "lang" | "space") => None,
        Some(other) => Some(format!("{name} of {other}")),
    }
}

/// What is wrong with an attribute of an element, in XML and in HTML alike.
pub(crate) fn value_fault(element: &str, name: &str, value: &str) -> Option<String> {
    let name = name.to_lowercase();
    if name.starts_with("on") || matches!(name.as_str(), "src" | "srcdoc" | "srcset" | "action") {
        return Some(name);
    }
    if name == "href" {
        let fine = url::is_inside(value)
            || (matches!(element, "image" | "img" | "feImage") && url::is_pixels(value))
            || (element == "a" && url::is_web(value));
        return (!fine).then(|| format!("a reference to {value}"));
    }
    // Words for people and for scripts: no property of CSS has such a name.
    let is_prose = matches!(name.as_str(), "lang" | "space" | "title")
        || name.starts_with("data-")
        || name.starts_with("aria-");
    let fault = if is_prose { None } else { css::value_fault(value) };
    fault.map(|fault| format!("{name} with {fault}"))
}
