//! A drawing as a PNG, for places that show no SVG.

use std::sync::Arc;

use once_cell::sync::Lazy;
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{ImageHrefResolver, Options, Tree, fontdb::Database},
};

use super::{Limit, RenderError};

/// Largest side of a snapshot, in pixels: 16 million pixels are 64 MB while it is drawn.
const MAX_SIDE: u32 = 4096;

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

/// Draws `svg` as a PNG in its own size. Takes compute and memory: worker processes do it.
///
/// # Errors
/// [`RenderError::Limit`] for a picture larger than [`MAX_SIDE`], [`RenderError::Render`]
/// for one that cannot be drawn, such as one without a size.
pub(super) fn png(svg: &str) -> Result<Vec<u8>, RenderError> {
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
    let tree = Tree::from_str(svg, &options)
        .map_err(|error| failed(format!("the picture cannot be drawn as PNG: {error}")))?;
    let size = tree.size().to_int_size();
    if size.width() > MAX_SIDE || size.height() > MAX_SIDE {
        return Err(RenderError::Limit(Limit::Pixels(MAX_SIDE)));
    }
    let mut pixels = Pixmap::new(size.width(), size.height())
        .ok_or_else(|| failed("the picture has no size".to_owned()))?;
    resvg::render(&tree, Transform::default(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|_| failed("the picture cannot be drawn as PNG".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(matches!(png(huge), Err(RenderError::Limit(Limit::Pixels(_)))));
    }
}
