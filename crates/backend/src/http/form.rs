//! The forms of a live picture: what a viewer asks for, or shows that it can take.

use std::ops::RangeInclusive;

use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{error::ApiError, extract::Suffix};
use crate::render::Size;

/// A form of a live picture
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    /// Server-sent events.
    Sse,
    /// `multipart/x-mixed-replace`, for `<img>`.
    Multipart,
    /// A page that watches.
    Html,
    /// The current frame.
    Svg,
    /// The current frame as a bitmap.
    Png,
}

impl Form {
    /// Whether it goes on as the picture changes.
    pub(super) fn is_live(self) -> bool {
        matches!(self, Self::Sse | Self::Multipart)
    }
}

/// How to send a live picture
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct How {
    /// The form; chosen by the request's headers when absent.
    #[serde(rename = "as")]
    #[param(inline)]
    form: Option<Form>,
    /// Of a PNG: so many pixels for each unit of the picture's own size.
    #[param(minimum = 0.1, maximum = 8, example = 2)]
    scale: Option<f32>,
    /// Of a PNG: so many pixels wide, and as high as the picture is then. Not with `scale`.
    #[param(minimum = 1, maximum = 4096, example = 600)]
    width: Option<u32>,
    /// A ticket, for a private session.
    #[param(ignore)]
    pub(super) ticket: Option<String>,
}

/// Sizes of a bitmap relative to the picture: from a thumbnail to print.
const SCALES: RangeInclusive<f32> = 0.1..=8.0;

impl How {
    /// The size that a bitmap is to have.
    pub(super) fn size(&self, form: Form, max_side: u32) -> Result<Size, ApiError> {
        let refuse = |parameter: &str, detail: String| {
            Err(ApiError::Invalid { pointer: parameter.to_owned(), detail })
        };
        let named = if self.scale.is_some() { "scale" } else { "width" };
        if form != Form::Png && (self.scale.is_some() || self.width.is_some()) {
            return refuse(named, format!("{named} is for PNGs; ask with as=png"));
        }
        match (self.scale, self.width) {
            (None, None) => Ok(Size::Scale(1.0)),
            (Some(_), Some(_)) => refuse("width", "send either scale or width".to_owned()),
            (Some(scale), None) if SCALES.contains(&scale) => Ok(Size::Scale(scale)),
            (Some(_), None) => {
                let (least, most) = (SCALES.start(), SCALES.end());
                refuse("scale", format!("scale must be from {least} to {most}"))
            }
            (None, Some(width)) if (1..=max_side).contains(&width) => Ok(Size::Width(width)),
            (None, Some(_)) => refuse("width", format!("width must be from 1 to {max_side}")),
        }
    }

    /// The form that was asked for, by name or without saying it. Browsers send
    /// `Sec-Fetch-Dest` to hosts they trust and a telling `Accept` to all.
    pub(super) fn form(&self, suffix: Option<Suffix>, headers: &HeaderMap) -> Form {
        self.form.unwrap_or_else(|| choose(suffix, headers))
    }
}

fn choose(suffix: Option<Suffix>, headers: &HeaderMap) -> Form {
    match suffix {
        Some(Suffix::Svg) => return Form::Svg,
        Some(Suffix::Png) => return Form::Png,
        None => {}
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let accept = text("accept");
    match text("sec-fetch-dest") {
        _ if accept.starts_with("text/event-stream") => Form::Sse,
        "image" | "object" | "embed" | "iframe" | "frame" => Form::Multipart,
        "document" => Form::Html,
        _ if accept.starts_with("image/") => Form::Multipart,
        _ if accept.contains("text/html") => Form::Html,
        _ => Form::Sse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn chosen(headers: &[(&'static str, &'static str)]) -> Form {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        choose(None, &headers.collect())
    }

    #[test]
    fn everyone_gets_the_form_they_can_show() {
        let image = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
        let page = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (headers, form) in [
            (&[("accept", "*/*")][..], Form::Sse),
            (&[], Form::Sse),
            (&[("accept", "text/event-stream"), ("sec-fetch-dest", "empty")], Form::Sse),
            (&[("accept", image), ("sec-fetch-dest", "image")], Form::Multipart),
            (&[("accept", image)], Form::Multipart),
            (&[("accept", page), ("sec-fetch-dest", "object")], Form::Multipart),
            (&[("accept", page), ("sec-fetch-dest", "embed")], Form::Multipart),
            (&[("accept", page), ("sec-fetch-dest", "iframe")], Form::Multipart),
            (&[("accept", page), ("sec-fetch-dest", "document")], Form::Html),
            (&[("accept", page)], Form::Html),
        ] {
            assert_eq!(chosen(headers), form, "{headers:?}");
        }
    }
}
