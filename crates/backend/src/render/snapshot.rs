//! A drawing as a PNG, for places that show no SVG.

use std::sync::Arc;

use once_cell::sync::Lazy;
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{ImageHrefResolver, Options, Tree, fontdb::Database},
};
use roxmltree::Document;
use serde::{Deserialize, Serialize};

use super::{Limit, RenderError, SnapshotLimits, clean};

/// How large a bitmap is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Size {
    /// So many pixels for each unit of the picture's own size; 1 is as large as the picture.
    Scale(f32),
    /// So many pixels wide, and as high as the picture is then.
    Width(u32),
}

/// The fonts that come with the program, so that text looks the same on every machine.
static FONTS: Lazy<Arc<Database>> = Lazy::new(|| {
    let mut fonts = Database::new();
    for font in [
        dejavu::sans::regular(),
        dejavu::sans::bold(),
        dejavu::sans_mono::regular(),
        dejavu::sans_mono::bold(),
        dejavu::serif::regular(),
    ] {
        fonts.load_font_data(font.to_vec());
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    fonts.set_monospace_family("DejaVu Sans Mono");
    fonts.set_serif_family("DejaVu Serif");
    Arc::new(fonts)
});

/// Draws `svg` as a PNG. Takes compute and memory: worker processes do it.
///
/// # Errors
/// [`RenderError::Limit`] for one that is too large or too deep, [`RenderError::Render`] for
/// one that cannot be drawn, such as one without a size.
pub(super) fn png(svg: &str, size: Size, limits: &SnapshotLimits) -> Result<Vec<u8>, RenderError> {
    let options = Options {
        font_family: "DejaVu Sans".to_owned(),
        fontdb: FONTS.clone(),
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            // Anything but a data URI would be a file of this machine.
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    let failed = |message: String| RenderError::Render { message, at: None };
    let cannot = |error: String| failed(format!("the picture cannot be drawn as PNG: {error}"));
    let document = Document::parse(svg).map_err(|error| cannot(error.to_string()))?;
    if !clean::is_within(&document, limits.depth) {
        return Err(RenderError::Limit(Limit::SnapshotDepth(limits.depth)));
    }
    let tree =
        Tree::from_xmltree(&document, &options).map_err(|error| cannot(error.to_string()))?;
    let (own_width, own_height) = (tree.size().width(), tree.size().height());
    let scale = match size {
        Size::Scale(scale) => scale,
        Size::Width(width) => width as f32 / own_width,
    };
    // A cast of a float ends at the bounds of the integer.
    let pixels = |side: f32| ((side * scale).ceil() as u32).max(1);
    let width = match size {
        Size::Scale(_) => pixels(own_width),
        Size::Width(width) => width,
    };
    let height = pixels(own_height);
    if width.max(height) > limits.side {
        return Err(RenderError::Limit(Limit::SnapshotSide(limits.side)));
    }
    let mut pixels =
        Pixmap::new(width, height).ok_or_else(|| failed("the picture has no size".to_owned()))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| cannot(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::tests::LIMITS;

    fn png(svg: &str) -> Result<Vec<u8>, RenderError> {
        super::png(svg, Size::Scale(1.0), &LIMITS.snapshot)
    }

    fn svg(inside: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"20\" height=\"10\">{inside}</svg>"
        )
    }

    fn dark_pixels(svg: &str) -> usize {
        let pixels = Pixmap::decode_png(&png(svg).unwrap()).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (20, 10));
        pixels.pixels().iter().filter(|p| p.alpha() > 128 && p.red() < 100).count()
    }

    #[test]
    fn shapes_and_text_are_drawn() {
        assert_eq!(dark_pixels(&svg("<rect width=\"5\" height=\"4\"/>")), 20);
        assert!(dark_pixels(&svg("<text y=\"9\" font-family=\"Inter, sans-serif\">W</text>")) > 5);
    }

    #[test]
    fn files_of_this_machine_stay_where_they_are() {
        let file = tempfile::Builder::new().suffix(".svg").tempfile().unwrap();
        std::fs::write(file.path(), svg("<rect width=\"20\" height=\"10\"/>")).unwrap();
        let path = file.path().display();
        let thief = svg(&format!("<image width=\"20\" height=\"10\" href=\"{path}\"/>"));
        assert_eq!(dark_pixels(&thief), 0);
    }

    #[test]
    fn a_picture_of_a_square_kilometre_is_refused() {
        let huge = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"99999\" height=\"9\"/>";
        assert!(matches!(png(huge), Err(RenderError::Limit(Limit::SnapshotSide(_)))));
    }

    #[test]
    fn a_bitmap_has_the_size_that_is_asked_for() {
        let limits = &LIMITS.snapshot;
        let sides = |picture: &str, size| {
            super::png(picture, size, limits).map(|png| {
                let pixels = Pixmap::decode_png(&png).unwrap();
                (pixels.width(), pixels.height())
            })
        };
        let picture = svg("<rect width=\"20\" height=\"10\"/>");
        for (size, wanted) in [
            (Size::Scale(1.0), (20, 10)),
            (Size::Scale(2.5), (50, 25)),
            (Size::Scale(0.1), (2, 1)),
            (Size::Width(7), (7, 4)),
            (Size::Width(1), (1, 1)),
            (Size::Width(limits.side), (limits.side, limits.side / 2)),
        ] {
            assert_eq!(sides(&picture, size), Ok(wanted), "{size:?}");
        }
        let high = picture.replace("height=\"10\"", "height=\"40\"");
        let too_large = Err(RenderError::Limit(Limit::SnapshotSide(limits.side)));
        assert_eq!(sides(&high, Size::Width(limits.side)), too_large);
        assert_eq!(sides(&high, Size::Scale(1000.0)), too_large);
        assert_eq!(sides(&high, Size::Scale(f32::INFINITY)), too_large);
    }

    #[test]
    fn a_bitmap_has_a_depth_of_its_own() {
        let nested =
            |times: usize| svg(&format!("{}{}", "<g>".repeat(times), "</g>".repeat(times)));
        let depth = LIMITS.snapshot.depth;
        assert!(png(&nested(depth - 1)).is_ok());
        assert_eq!(png(&nested(depth)), Err(RenderError::Limit(Limit::SnapshotDepth(depth))));
    }
}
