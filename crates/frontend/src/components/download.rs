//! A file for whoever is at the page to keep.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Blob, HtmlAnchorElement, Url};

/// How long a browser may take to begin.
const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// Has the browser save a file under a name.
pub(crate) fn save_as(file: &Blob, name: &str) {
    let link = document().create_element("a").map(JsCast::dyn_into::<HtmlAnchorElement>);
    if let (Ok(Ok(link)), Ok(url)) = (link, Url::create_object_url_with_blob(file)) {
        link.set_href(&url);
        link.set_download(name);
        link.click();
        set_timeout(move || drop(Url::revoke_object_url(&url)), LONG_ENOUGH);
    }
}
