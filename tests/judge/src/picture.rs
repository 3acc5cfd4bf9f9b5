//! Pictures: what was checked and cleaned is fit for every browser.

use std::time::Duration;

use backend::render::{self, RenderLimits, SnapshotLimits};

use crate::{html, xml};

/// Elements of SVG 2, Filter Effects 1, CSS Masking 1 and SVG Animations 2 that neither run
/// nor embed anything.
const HARMLESS: &str = "a animate animateMotion animateTransform circle clipPath defs desc \
    ellipse feBlend feColorMatrix feComponentTransfer feComposite feConvolveMatrix \
    feDiffuseLighting feDisplacementMap feDistantLight feDropShadow feFlood feFuncA feFuncB \
    feFuncG feFuncR feGaussianBlur feImage feMerge feMergeNode feMorphology feOffset \
    fePointLight feSpecularLighting feSpotLight feTile feTurbulence filter g image line \
    linearGradient marker mask metadata mpath path pattern polygon polyline radialGradient rect \
    set stop style svg switch symbol text textPath title tspan use view";

/// As strangers have them, but small: a fuzzer learns nothing from size.
pub(crate) const LIMITS: RenderLimits = RenderLimits {
    template_bytes: 8 * 1024,
    args_bytes: 8 * 1024,
    output_bytes: 64 * 1024,
    loop_steps: 10_000,
    depth: 128,
    elements: 10_000,
    memory_bytes: 256 * 1024 * 1024,
    compute: Duration::from_millis(200),
    parallel: 1,
    snapshot: SnapshotLimits {
        side: 1024,
        depth: 32,
        memory_bytes: 256 * 1024 * 1024,
        compute: Duration::from_secs(1),
        parallel: 1,
    },
};

/// Takes whatever a template could print.
pub fn picture(printed: &[u8]) {
    if let Ok(clean) = render::picture(printed, &LIMITS) {
        fit_to_be_seen(&clean);
    }
}

/// Insists that a picture runs nothing and loads nothing, to an XML parser and to an HTML
/// parser, and that cleaning it again would change nothing.
///
/// # Panics
/// When it is not so.
pub(crate) fn fit_to_be_seen(clean: &str) {
    xml::judge(clean);
    html::judge(clean);
    match render::picture(clean.as_bytes(), &LIMITS) {
        Ok(again) => assert_eq!(again, clean, "cleaned twice it is something else"),
        Err(error) => panic!("cleaned it is refused: {error}\n{clean}"),
    }
}

/// Whether an element of the SVG namespace may stand in a picture.
pub(crate) fn is_harmless(element: &str) -> bool {
    HARMLESS.split_ascii_whitespace().any(|name| name == element)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(inside: &str) -> String {
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' xmlns:l='http://www.w3.org/1999/xlink' \
             xmlns:h='http://www.w3.org/1999/xhtml'>{inside}</svg>"
        )
    }

    #[test]
    fn a_picture_that_is_fit_passes() {
        for inside in [
            "<a href='https://example.org/'><text>x &lt; y</text></a>",
            "<image href='data:image/png;base64,iVBORw0KGgo='/>",
            "<style>.a{fill:url(#g)}</style><rect class='a' style='filter:url(#f)'/>",
            "<use l:href='#a'/><animate attributeName='fill' to='red'/>",
        ] {
            fit_to_be_seen(&svg(inside));
        }
    }

    /// The judge itself must see what the cleaner should have taken out.
    #[test]
    fn nothing_hostile_passes() {
        let hostile = [
            "<script>1</script>",
            "<h:script>1</h:script>",
            "<foreignObject/>",
            "<g onload='1'/>",
            "<g ONLOAD='1'/>",
            "<a href='javascript:1'/>",
            "<a l:href=' java&#10;script:1'/>",
            "<image href='//evil'/>",
            "<image href='data:image/svg+xml,x'/>",
            "<use href='x#y'/>",
            "<rect fill='url(//evil)'/>",
            "<rect style='fill:u\\72l(//evil)'/>",
            "<style>@import '//evil'</style>",
            "<set attributeName='href' to='javascript:1'/>",
            "<set attributeName='onload' to='1'/>",
            "<?xml-stylesheet href='//evil'?>",
            "<g xml:base='//evil'/>",
            "<!--><img src=x onerror=1>-->",
        ];
        for inside in hostile {
            let picture = svg(inside);
            let judged = std::panic::catch_unwind(|| {
                xml::judge(&picture);
                html::judge(&picture);
            });
            assert!(judged.is_err(), "{inside}");
        }
    }
}
