//! Is it a picture? Well-formed XML with one `svg` root, in the form that is sent.

use std::borrow::Cow;

use roxmltree::{Document, ParsingOptions};

use serde::{Deserialize, Serialize};

use super::{
    Limit, Position, RenderError, RenderLimits,
    clean::{self, Refusal},
};

pub(super) const SVG_NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// Why a result is not a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SvgFault {
    /// Nothing but white space.
    #[error("the template rendered to nothing")]
    Empty,
    /// Not UTF-8; templates cannot cause it.
    #[error("the result is not UTF-8")]
    Encoding,
    /// Not well-formed XML.
    #[error("the result is not well-formed XML: {message} (line {}, column {} of the result)", .at.line, .at.column)]
    Xml {
        /// The parser's words.
        message: String,
        /// Where in the result.
        at: Position,
    },
    /// A reference to a character that there is not.
    #[error("the result is not well-formed XML: &#{0}; is no character")]
    Reference(String),
    /// Well-formed, and something else.
    #[error("the root element is <{0}>, not <svg xmlns=\"{SVG_NAMESPACE}\">")]
    Root(String),
}

/// Checks a rendered result and returns what is to be sent: without white space around it,
/// without a byte order mark, without an XML declaration, which could contradict the encoding
/// that it is sent in, and without what could run or load.
///
/// # Errors
/// [`RenderError::NotSvg`] or [`RenderError::Limit`].
pub fn picture<'a>(result: &'a [u8], limits: &RenderLimits) -> Result<Cow<'a, str>, RenderError> {
    let text = without_dress(result)?;
    let document = parse(text, limits)?;
    let picture = clean::clean(text, &document, limits).map_err(|refusal| match refusal {
        Refusal::Depth => RenderError::Limit(Limit::Depth(limits.depth)),
        Refusal::Elements => RenderError::Limit(Limit::Elements(limits.elements)),
        Refusal::Name(at) => {
            let at = document.text_pos_at(at);
            let at = Position { line: at.row as usize, column: at.col as usize };
            SvgFault::Xml { message: "a name or namespace that browsers refuse".to_owned(), at }
                .into()
        }
    })?;
    match bad_reference(&picture) {
        None => Ok(trimmed(picture)),
        Some(reference) => Err(SvgFault::Reference(reference).into()),
    }
}

/// The first reference to a character that XML does not have (XML 1.0 §2.2), which the parser
/// lets pass and browsers do not.
fn bad_reference(text: &str) -> Option<String> {
    text.split('&').skip(1).find_map(|rest| {
        let (digits, _) = rest.strip_prefix('#')?.split_once(';')?;
        let code = match digits.strip_prefix('x') {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        let is_char = matches!(
            code,
            Ok(0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x1_0000..=0x10_FFFF)
        );
        (!is_char).then(|| digits.chars().take(16).collect())
    })
}

/// What was cut before the root or after it leaves the white space beside it.
fn trimmed(picture: Cow<str>) -> Cow<str> {
    match picture {
        Cow::Borrowed(text) => Cow::Borrowed(bare(text)),
        Cow::Owned(text) if bare(&text).len() < text.len() => Cow::Owned(bare(&text).to_owned()),
        owned => owned,
    }
}

fn without_dress(result: &[u8]) -> Result<&str, SvgFault> {
    let text = std::str::from_utf8(result).map_err(|_| SvgFault::Encoding)?;
    let text = bare(without_declaration(bare(text)));
    if text.is_empty() {
        return Err(SvgFault::Empty);
    }
    Ok(text)
}

fn parse<'a>(text: &'a str, limits: &RenderLimits) -> Result<Document<'a>, RenderError> {
    // Texts and comments are nodes, too: about one around each element.
    let nodes = limits.elements.saturating_mul(4).try_into().unwrap_or(u32::MAX);
    let options =
        ParsingOptions { allow_dtd: false, nodes_limit: nodes, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| {
        if matches!(error, roxmltree::Error::NodesLimitReached) {
            return RenderError::Limit(Limit::Elements(limits.elements));
        }
        let pos = error.pos();
        let at = Position { line: pos.row as usize, column: pos.col as usize };
        SvgFault::Xml { message: explain(&error), at }.into()
    })?;
    let root = document.root_element();
    let written = &text[root.range()][1..];
    let written = written.split(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).next();
    let written = written.unwrap_or_default();
    // To an HTML parser, a root with a prefix is no SVG, and all that is in it is HTML: there a
    // style sheet ends elsewhere.
    if written != "svg" || root.tag_name().namespace() != Some(SVG_NAMESPACE) {
        let name = written.chars().take(64).collect();
        return Err(SvgFault::Root(name).into());
    }
    Ok(document)
}

fn explain(error: &roxmltree::Error) -> String {
    match error {
        roxmltree::Error::DtdDetected => {
            "a document type is not taken; leave out <!DOCTYPE …>".to_owned()
        }
        other => {
            let text = other.to_string();
            // The parser ends its sentences with the position, which we give ourselves.
            text.rsplit_once(" at ").map_or(text.clone(), |(words, _)| words.to_owned())
        }
    }
}

/// Without white space and byte order marks around it, in whatever order they come.
fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

fn without_declaration(text: &str) -> &str {
    let declaration =
        text.strip_prefix("<?xml").filter(|rest| rest.starts_with(char::is_whitespace));
    match declaration.and_then(|rest| rest.split_once("?>")) {
        Some((_, picture)) => picture,
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::LIMITS;

    fn picture(result: &[u8]) -> Result<Cow<'_, str>, RenderError> {
        super::picture(result, &LIMITS)
    }

    const MINIMAL: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";

    fn fault(text: &str) -> SvgFault {
        match picture(text.as_bytes()) {
            Err(RenderError::NotSvg(fault)) => fault,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn pictures_pass_as_they_are() {
        assert_eq!(picture(MINIMAL.as_bytes()).unwrap(), MINIMAL);
        let prefixed =
            MINIMAL.replace("/>", "><s:g xmlns:s=\"http://www.w3.org/2000/svg\"/></svg>");
        assert_eq!(picture(prefixed.as_bytes()).unwrap(), prefixed);
    }

    #[test]
    fn what_could_trip_a_browser_before_the_root_is_taken_off() {
        let dressed = format!("\u{feff}<?xml version=\"1.0\" encoding=\"UTF-16\"?>\n{MINIMAL}\n\n");
        assert_eq!(picture(dressed.as_bytes()).unwrap(), MINIMAL);
        let declared = format!("<?xml\nversion='1.0'?>{MINIMAL}");
        assert_eq!(picture(declared.as_bytes()).unwrap(), MINIMAL);
        let marked = format!("\n\u{feff} <?xml version='1.0'?>\u{feff}\n{MINIMAL}\u{feff}");
        assert_eq!(picture(marked.as_bytes()).unwrap(), MINIMAL);
        let instructed = format!("<?play it?>\n{MINIMAL}\n<!-- <x> -->\n<?stop?>");
        assert_eq!(picture(instructed.as_bytes()).unwrap(), MINIMAL);
        let marked = format!("\n\u{feff} <?xml version='1.0'?>\u{feff}\n{MINIMAL}\u{feff}");
        assert_eq!(picture(marked.as_bytes()).unwrap(), MINIMAL);
        let instructed = format!("<?a?>{MINIMAL}<?b c?>");
        assert_eq!(picture(instructed.as_bytes()).unwrap(), MINIMAL);
        assert_eq!(picture(format!("\n  {MINIMAL}").as_bytes()).unwrap(), MINIMAL);
    }

    #[test]
    fn everything_else_is_refused() {
        assert_eq!(fault(" \n"), SvgFault::Empty);
        assert_eq!(fault("<html/>"), SvgFault::Root("html".to_owned()));
        assert_eq!(fault("<svg/>"), SvgFault::Root("svg".to_owned()));
        let prefixed = "<s:svg xmlns:s=\"http://www.w3.org/2000/svg\"/>";
        assert_eq!(fault(prefixed), SvgFault::Root("s:svg".to_owned()));
        for broken in [
            "hello".to_owned(),
            "<svg".to_owned(),
            MINIMAL.repeat(2),
            format!("{MINIMAL}trailing"),
            MINIMAL.replace("/>", "><a></b></svg>"),
            MINIMAL.replace("/>", ">&nbsp;</svg>"),
            MINIMAL.replace("/>", ">R&D</svg>"),
            MINIMAL.replace("/>", "><a x='1' x='2'/></svg>"),
            MINIMAL.replace("/>", "><a x=1/></svg>"),
            MINIMAL.replace("/>", "><u:a/></svg>"),
            MINIMAL.replace("/>", ">\u{1}</svg>"),
            MINIMAL.replace("/>", ">\u{ffff}</svg>"),
            MINIMAL.replace("/>", ">&#1;</svg>"),
            MINIMAL.replace("/>", ">]]></svg>"),
            MINIMAL.replace("/>", "><!-- a -- b --></svg>"),
            MINIMAL.replace("/>", "><a b='<'/></svg>"),
            format!("<!DOCTYPE svg [<!ENTITY a 'b'>]>{MINIMAL}"),
            format!("text{MINIMAL}"),
        ] {
            assert!(matches!(fault(&broken), SvgFault::Xml { .. }), "{broken}");
        }
    }

    #[test]
    fn references_are_to_characters_that_there_are() {
        let with =
            |reference: &str| MINIMAL.replace("/>", &format!("><text>{reference}</text></svg>"));
        for fine in ["&#65;", "&#x1F3A8;", "&#xFFFD;", "&#9;"] {
            assert!(picture(with(fine).as_bytes()).is_ok(), "{fine}");
        }
        for bad in ["&#xD800;", "&#x110000;", "&#xFFFE;", "&#0;", "&#11;", "&#x99999999999;"] {
            assert!(picture(with(bad).as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fault_says_where() {
        let text = "<svg xmlns=\"http://www.w3.org/2000/svg\">\n<a></b>\n</svg>";
        let SvgFault::Xml { message, at } = fault(text) else { panic!() };
        assert_eq!(at.line, 2);
        assert!(!message.contains(" at "), "{message}");
    }
}
