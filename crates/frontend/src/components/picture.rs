//! Drawings, shown as images: there nothing in an SVG can run or load anything.

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, HtmlImageElement, Url,
    js_sys::{Array, Promise},
};

use crate::live::Shown;

/// An SVG document with an address of its own, which is given back when dropped.
struct BlobUrl(String);

impl BlobUrl {
    fn of_svg(svg: &str) -> Option<Self> {
        let kind = BlobPropertyBag::new();
        kind.set_type("image/svg+xml");
        let parts = Array::of1(&svg.into());
        let blob = Blob::new_with_str_sequence_and_options(&parts, &kind).ok()?;
        Url::create_object_url_with_blob(&blob).ok().map(Self)
    }

    /// Waits until the browser has the image; false when it cannot be shown.
    async fn load(&self) -> bool {
        let Ok(image) = HtmlImageElement::new() else {
            return false;
        };
        let outcome = Promise::new(&mut |loaded, failed| {
            image.set_onload(Some(&loaded));
            image.set_onerror(Some(&failed));
        });
        image.set_src(&self.0);
        JsFuture::from(outcome).await.is_ok()
    }
}

impl Drop for BlobUrl {
    fn drop(&mut self) {
        let _ = Url::revoke_object_url(&self.0);
    }
}

/// A picture that is ready to be shown, and which one it is.
struct Ready {
    url: BlobUrl,
    revision: String,
    turn: u64,
}

/// A drawing that changes without flicker: each frame is loaded out of sight first, and
/// what cannot be shown leaves the last good picture where it is.
#[component]
pub(crate) fn LivePicture(
    /// The newest frame.
    shown: RwSignal<Option<Shown>>,
    /// What it is, in words.
    alt: String,
) -> impl IntoView {
    let ready = RwSignal::new(None::<Ready>);
    Effect::new(move |turns: Option<u64>| {
        let turn = turns.unwrap_or_default() + 1;
        if let Some(Shown { revision, svg }) = shown.get() {
            spawn_local(async move {
                let Some(url) = BlobUrl::of_svg(&svg) else {
                    return;
                };
                if !url.load().await {
                    return;
                }
                // Frames may get ready out of order; an older one never replaces a newer.
                let newer =
                    ready.try_with_untracked(|now| now.as_ref().is_none_or(|now| now.turn < turn));
                if newer == Some(true) {
                    ready.set(Some(Ready { url, revision, turn }));
                }
            });
        }
        turn
    });
    let url = move || ready.with(|ready| ready.as_ref().map(|ready| ready.url.0.clone()));
    let revision = move || ready.with(|ready| ready.as_ref().map(|ready| ready.revision.clone()));
    view! {
        <img
            id="picture"
            class="drawing"
            alt=alt
            src=url
            data-revision=revision
            hidden=move || ready.with(Option::is_none)
        />
    }
}

/// A drawing that stays as it is.
#[component]
pub(crate) fn StillPicture(
    /// The drawing, once it is there.
    #[prop(into)]
    svg: Signal<Option<String>>,
) -> impl IntoView {
    let url = RwSignal::new(None::<BlobUrl>);
    Effect::new(move || {
        if let Some(svg) = svg.get() {
            url.set(BlobUrl::of_svg(&svg));
        }
    });
    move || {
        url.with(|url| url.as_ref().map(|url| url.0.clone()))
            .map(|url| view! { <img class="drawing" alt="" src=url /> })
    }
}
