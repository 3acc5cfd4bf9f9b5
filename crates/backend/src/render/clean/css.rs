//! CSS as far as it could load something: read with a real tokenizer, so that escapes and
//! comments hide nothing.

use cssparser::{Parser, Token};

/// Rules that only say when or how something applies.
const AT_RULES: &[&str] =
    &["media", "supports", "layer", "keyframes", "-webkit-keyframes", "font-face", "container"];

/// Functions that make values from values. `url` is looked into; what is not here could load
/// something: `image-set`, or `src`, whose URL may come out of a variable.
const FUNCTIONS: &[&str] = &[
    "abs",
    "acos",
    "asin",
    "atan",
    "atan2",
    "blur",
    "brightness",
    "calc",
    "circle",
    "clamp",
    "color",
    "color-mix",
    "conic-gradient",
    "contrast",
    "cos",
    "cubic-bezier",
    "drop-shadow",
    "ellipse",
    "exp",
    "format",
    "grayscale",
    "has",
    "hsl",
    "hsla",
    "hue-rotate",
    "hwb",
    "hypot",
    "inset",
    "invert",
    "is",
    "lab",
    "lch",
    "light-dark",
    "linear",
    "linear-gradient",
    "local",
    "log",
    "matrix",
    "matrix3d",
    "max",
    "min",
    "mod",
    "not",
    "nth-child",
    "nth-last-child",
    "nth-last-of-type",
    "nth-of-type",
    "oklab",
    "oklch",
    "opacity",
    "path",
    "perspective",
    "polygon",
    "pow",
    "radial-gradient",
    "ray",
    "rect",
    "rem",
    "repeat",
    "repeating-conic-gradient",
    "repeating-linear-gradient",
    "repeating-radial-gradient",
    "rgb",
    "rgba",
    "rotate",
    "rotate3d",
    "rotatex",
    "rotatey",
    "rotatez",
    "round",
    "saturate",
    "scale",
    "scale3d",
    "scalex",
    "scaley",
    "scalez",
    "selector",
    "sepia",
    "sign",
    "sin",
    "skew",
    "skewx",
    "skewy",
    "sqrt",
    "steps",
    "tan",
    "tech",
    "translate",
    "translate3d",
    "translatex",
    "translatey",
    "translatez",
    "var",
    "where",
    "xywh",
];

/// Properties with which old browsers ran scripts.
const PROPERTIES_REFUSED: &[&str] = &["behavior", "-moz-binding"];

/// Whether a style sheet loads nothing.
pub(super) fn sheet_is_fine(text: &str) -> bool {
    // A page's parser would see an element there.
    !text.contains('<') && tokens_are_fine(text, Place::Sheet)
}

/// Whether the declarations of a `style` attribute load nothing.
pub(super) fn declarations_are_fine(text: &str) -> bool {
    tokens_are_fine(text, Place::Value)
}

/// Whether an attribute's value loads nothing. Most are numbers and names.
pub(super) fn value_is_fine(text: &str) -> bool {
    // Without one of these, no function can begin, and nothing else loads.
    !text.contains(['(', '\\']) || tokens_are_fine(text, Place::Value)
}

/// Whether a URL is the data of a raster image.
pub(super) fn is_raster_data(url: &str) -> bool {
    data_type(url).is_some_and(|kind| {
        matches!(kind, "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif")
    })
}

/// The names that `url(#…)` refers to.
pub(super) fn references(value: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut parser = Parser::new(value);
    while let Ok(token) = parser.next() {
        match token.clone() {
            Token::UnquotedUrl(url) => names.extend(fragment(&url)),
            Token::Function(name) if name.eq_ignore_ascii_case("url") => {
                let url = parser.parse_nested_block(|parser| {
                    parser.expect_string_cloned().map_err(cssparser::ParseError::<()>::from)
                });
                names.extend(url.ok().and_then(|url| fragment(&url)));
            }
            _ => {}
        }
    }
    names
}

fn fragment(url: &str) -> Option<String> {
    url.trim().strip_prefix('#').map(str::to_owned)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Sheet,
    Value,
    /// Inside `url(…)`, where a string is a URL.
    Url,
}

fn tokens_are_fine(text: &str, place: Place) -> bool {
    block_is_fine(&mut Parser::new(text), place)
}

fn block_is_fine(parser: &mut Parser, place: Place) -> bool {
    loop {
        let token = match parser.next() {
            Ok(token) => token.clone(),
            Err(_) => return parser.is_exhausted(),
        };
        let inside = match &token {
            Token::AtKeyword(name) => {
                if place != Place::Sheet || !listed(AT_RULES, name) {
                    return false;
                }
                continue;
            }
            Token::Ident(name) if listed(PROPERTIES_REFUSED, name) => return false,
            Token::UnquotedUrl(url) if !url_is_fine(url) => return false,
            Token::QuotedString(url) if place == Place::Url && !url_is_fine(url) => return false,
            Token::BadUrl(_) | Token::BadString(_) => return false,
            Token::Function(name) if name.eq_ignore_ascii_case("url") => Place::Url,
            Token::Function(name) if !listed(FUNCTIONS, name) => return false,
            Token::Function(_) | Token::ParenthesisBlock | Token::SquareBracketBlock => {
                Place::Value
            }
            Token::CurlyBracketBlock => place,
            _ => continue,
        };
        let fine = parser.parse_nested_block(|parser| {
            Ok::<_, cssparser::ParseError<()>>(block_is_fine(parser, inside))
        });
        if !fine.unwrap_or(false) {
            return false;
        }
    }
}

fn listed(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn url_is_fine(url: &str) -> bool {
    // White space to browsers, which is less than what Unicode counts.
    let url = url.trim_matches(|c: char| c.is_ascii_whitespace());
    url.is_empty()
        || url.starts_with('#')
        || is_raster_data(url)
        || data_type(url).is_some_and(|kind| {
            kind.starts_with("font/")
                || kind.starts_with("application/font-")
                || kind.starts_with("application/x-font-")
                || kind == "application/vnd.ms-fontobject"
        })
}

fn data_type(url: &str) -> Option<&'static str> {
    const TYPES: &[&str] = &[
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/avif",
        "font/woff2",
        "font/woff",
        "font/ttf",
        "font/otf",
        "application/font-woff",
        "application/font-woff2",
        "application/x-font-woff",
        "application/x-font-ttf",
        "application/x-font-otf",
        "application/vnd.ms-fontobject",
    ];
    let rest =
        url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).map(|_| &url[5..])?;
    let kind = rest.split([';', ',']).next()?.trim();
    TYPES.iter().copied().find(|known| known.eq_ignore_ascii_case(kind))
}
