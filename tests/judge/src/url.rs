//! Where a reference leads, as a browser reads it (WHATWG URL §4.4).

/// What a browser makes of a reference before it looks at it.
fn as_read(url: &str) -> String {
    let trimmed = url.trim_matches(|c: char| c <= ' ');
    trimmed.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect()
}

fn data_type(url: &str) -> Option<String> {
    let url = as_read(url).to_ascii_lowercase();
    let kind = url.strip_prefix("data:")?.split([',', ';']).next()?.trim_matches(' ').to_owned();
    Some(kind)
}

/// Whether it stays within the document.
pub(crate) fn is_inside(url: &str) -> bool {
    let url = as_read(url);
    url.is_empty() || url.starts_with('#')
}

/// Whether it is an image made of nothing but pixels.
pub(crate) fn is_pixels(url: &str) -> bool {
    let kinds = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
    data_type(url).is_some_and(|kind| kinds.contains(&kind.as_str()))
}

/// Whether it is a font that comes along.
pub(crate) fn is_font(url: &str) -> bool {
    data_type(url).is_some_and(|kind| {
        kind.starts_with("font/")
            || kind.starts_with("application/font-")
            || kind.starts_with("application/x-font-")
            || kind == "application/vnd.ms-fontobject"
    })
}

/// Whether it is a page that someone may go to.
pub(crate) fn is_web(url: &str) -> bool {
    let url = as_read(url).to_ascii_lowercase();
    url.starts_with("https://") || url.starts_with("http://")
}
