//! Pages that the server renders itself.

use once_cell::sync::Lazy;
use serde::Serialize;
use tera::{Context, Tera};

static PAGES: Lazy<Result<Tera, tera::Error>> = Lazy::new(|| {
    let mut pages = Tera::new();
    pages.add_raw_template("watch.html", include_str!("../../../../templates/html/watch.html"))?;
    let reference = include_str!("../../../../templates/html/reference.html");
    pages.add_raw_template("reference.html", reference)?;
    Ok(pages)
});

/// The style of the reference: the one thing that its policy lets it have.
pub const REFERENCE_STYLE: &str = include_str!("../../../../templates/html/reference.css");

/// The page did not render; the text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PageError(String);

impl PageError {
    pub(super) fn new(error: &tera::Error) -> Self {
        Self(error.to_string())
    }
}

/// The page that watches the stream at the path `stream_url`. Its one script and style carry
/// `nonce`.
///
/// # Errors
/// When the template is broken, which a test makes sure it is not.
pub fn watch(title: &str, stream_url: &str, nonce: &str) -> Result<String, PageError> {
    let pages = PAGES.as_ref().map_err(PageError::new)?;
    let mut context = Context::new();
    context.insert("title", title);
    context.insert("stream_url", stream_url);
    context.insert("nonce", nonce);
    pages.render("watch.html", &context).map_err(|error| PageError::new(&error))
}

/// The reference of the API, laid out.
///
/// # Errors
/// When the template is broken, which a test makes sure it is not.
pub fn reference(laid_out: &impl Serialize) -> Result<String, PageError> {
    let pages = PAGES.as_ref().map_err(PageError::new)?;
    let context = Context::from_serialize(laid_out);
    let page = context.and_then(|context| pages.render("reference.html", &context));
    page.map_err(|error| PageError::new(&error))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_watch_page_is_escaped_html() {
        let page = super::watch("<a>", "/stream/a?b=\"c\"", "n0").unwrap();
        assert!(page.contains("&lt;a&gt;") && !page.contains("<a>"), "{page}");
        assert!(page.contains("nonce=\"n0\"") && !page.contains("b=\"c\""), "{page}");
    }
}
