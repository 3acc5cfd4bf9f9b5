//! Attacks on whoever looks at a picture, and pictures that only look like one.

/// The names that attacks use; those of HTML are what innerHTML makes of them.
pub(crate) const OPEN: &str = concat!(
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"40\" ",
    "xmlns:xlink=\"http://www.w3.org/1999/xlink\" xmlns:h=\"http://www.w3.org/1999/xhtml\" ",
    "xmlns:ev=\"http://www.w3.org/2001/xml-events\" xmlns:xi=\"http://www.w3.org/2001/XInclude\">"
);

/// How far an attack gets in Chromium when nobody cleans it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Raw {
    /// It runs or loads.
    Works,
    /// Chromium does not fall for it; others might, or did.
    Fails,
    /// It would take the page away, and the other attacks with it.
    Leaves,
}
use Raw::{Fails, Leaves, Works};

/// Attacks: a name, how far it gets, and what stands in the picture. `RUN` is a script that
/// tells on itself, `URL` an address that nobody may ask for.
pub(crate) const ATTACKS: &[(&str, Raw, &str)] = &[
    ("script", Works, "<script>RUN</script>"),
    ("script-cdata", Works, "<script><![CDATA[RUN]]></script>"),
    ("script-typed", Works, "<script type=\"text/ecmascript\">RUN</script>"),
    ("script-href", Works, "<script href=\"URL\"/>"),
    ("script-xlink", Works, "<script xlink:href=\"URL\"/>"),
    ("script-of-html", Works, "<h:script>RUN</h:script>"),
    ("script-renamed", Works, "<s:script xmlns:s=\"http://www.w3.org/2000/svg\">RUN</s:script>"),
    ("script-in-defs", Works, "<defs><g><script>RUN</script></g></defs>"),
    ("script-in-data", Works, "<script href=\"data:text/javascript,RUN\"/>"),
    ("onload", Works, "<g><image href=\"data:image/png;base64,x\" onerror=\"RUN\"/></g>"),
    ("onload-of-svg", Works, "<svg onload=\"RUN\"/>"),
    ("onbegin", Works, "<rect><animate attributeName=\"x\" dur=\"1s\" onbegin=\"RUN\"/></rect>"),
    ("onclick", Works, "<rect width=\"9\" height=\"9\" onclick=\"RUN\"/>"),
    ("onmouseover", Works, "<rect width=\"9\" height=\"9\" onmouseover=\"RUN\"/>"),
    ("onfocus", Works, "<rect width=\"9\" height=\"9\" tabindex=\"0\" onfocus=\"RUN\"/>"),
    ("onclick-in-capitals", Works, "<rect width=\"9\" height=\"9\" ONCLICK=\"RUN\"/>"),
    ("link-javascript", Works, "<a href=\"javascript:RUN\"><rect width=\"9\" height=\"9\"/></a>"),
    (
        "link-javascript-xlink",
        Works,
        "<a xlink:href=\"javascript:RUN\"><rect width=\"9\" height=\"9\"/></a>",
    ),
    (
        "link-javascript-hidden",
        Works,
        "<a href=\"java&#10;scr&#9;ipt:RUN\"><rect width=\"9\" height=\"9\"/></a>",
    ),
    (
        "link-javascript-spaced",
        Works,
        "<a href=\" &#x20;JaVaScRiPt:RUN\"><rect width=\"9\" height=\"9\"/></a>",
    ),
    (
        "link-javascript-entity",
        Works,
        "<a href=\"&#x6A;avascript&#58;RUN\"><rect width=\"9\" height=\"9\"/></a>",
    ),
    (
        "link-javascript-top",
        Fails,
        "<a target=\"_top\" href=\"javascript:RUN\"><rect width=\"9\" height=\"9\"/></a>",
    ),
    (
        "link-data",
        Works,
        "<a href=\"data:text/html,&lt;script>RUN&lt;/script>\"><rect width=\"9\" height=\"9\"/></a>",
    ),
    ("link-vbscript", Fails, "<a href=\"vbscript:RUN\"><rect width=\"9\" height=\"9\"/></a>"),
    (
        "set-href",
        Works,
        "<a href=\"#\"><set attributeName=\"href\" to=\"javascript:RUN\"/><rect width=\"9\" height=\"9\"/></a>",
    ),
    (
        "animate-href",
        Works,
        "<a href=\"#\"><animate attributeName=\"href\" values=\"javascript:RUN\" dur=\"9s\" fill=\"freeze\"/><rect width=\"9\" height=\"9\"/></a>",
    ),
    (
        "animate-xlink",
        Works,
        "<a xlink:href=\"#\"><animate attributeName=\"xlink:href\" from=\"javascript:RUN\" to=\"javascript:RUN\" dur=\"9s\"/><rect width=\"9\" height=\"9\"/></a>",
    ),
    (
        "animate-elsewhere",
        Works,
        "<a id=\"target-of-NAME\" href=\"#\"><rect width=\"9\" height=\"9\"/></a><set href=\"#target-of-NAME\" attributeName=\"href\" to=\"javascript:RUN\"/>",
    ),
    (
        "set-onclick",
        Fails,
        "<rect width=\"9\" height=\"9\"><set attributeName=\"onclick\" to=\"RUN\"/></rect>",
    ),
    (
        "set-onmouseover",
        Fails,
        "<rect width=\"9\" height=\"9\"><set attributeName=\"onmouseover\" to=\"RUN\"/></rect>",
    ),
    (
        "set-style",
        Fails,
        "<rect width=\"9\" height=\"9\"><set attributeName=\"style\" to=\"fill:url(URL#a)\"/></rect>",
    ),
    (
        "set-image",
        Works,
        "<image width=\"9\" height=\"9\"><set attributeName=\"href\" to=\"URL\"/></image>",
    ),
    (
        "set-image-behind-another",
        Works,
        "<image width=\"9\" height=\"9\"><set xml:attributeName=\"fill\" attributeName=\"href\" to=\"URL\"/></image>",
    ),
    (
        "set-href-behind-another",
        Works,
        "<a href=\"#\"><set xml:attributeName=\"fill\" attributeName=\"href\" to=\"javascript:RUN\"/><rect width=\"9\" height=\"9\"/></a>",
    ),
    (
        "set-fill",
        Fails,
        "<rect width=\"9\" height=\"9\"><set attributeName=\"fill\" to=\"url(URL#a)\"/></rect>",
    ),
    (
        "animate-fill",
        Fails,
        "<rect width=\"9\" height=\"9\"><animate attributeName=\"filter\" values=\"none;url(URL#a)\" calcMode=\"discrete\" dur=\".1s\" fill=\"freeze\"/></rect>",
    ),
    (
        "set-cursor",
        Works,
        "<rect width=\"9\" height=\"9\"><set attributeName=\"cursor\" to=\"url(URL),auto\"/></rect>",
    ),
    (
        "foreign-iframe",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:iframe src=\"URL\"/></foreignObject>",
    ),
    (
        "foreign-iframe-js",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:iframe src=\"javascript:RUN\"/></foreignObject>",
    ),
    (
        "foreign-srcdoc",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:iframe srcdoc=\"&lt;script>RUN&lt;/script>\"/></foreignObject>",
    ),
    (
        "foreign-image",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:img src=\"URL\"/></foreignObject>",
    ),
    (
        "foreign-onerror",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:img src=\"x:\" onerror=\"RUN\"/></foreignObject>",
    ),
    (
        "foreign-object",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:object data=\"URL\"/></foreignObject>",
    ),
    (
        "foreign-embed",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:embed src=\"URL\"/></foreignObject>",
    ),
    (
        "foreign-video",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:video src=\"URL\" poster=\"URL\"/></foreignObject>",
    ),
    (
        "foreign-audio",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:audio src=\"URL\" autoplay=\"\"/></foreignObject>",
    ),
    (
        "foreign-link",
        Works,
        "<foreignObject width=\"9\" height=\"9\"><h:link rel=\"stylesheet\" href=\"URL\"/></foreignObject>",
    ),
    (
        "foreign-form",
        Leaves,
        "<foreignObject width=\"9\" height=\"9\"><h:form action=\"URL\"><h:input type=\"submit\"/></h:form></foreignObject>",
    ),
    (
        "foreign-refresh",
        Leaves,
        "<foreignObject width=\"9\" height=\"9\"><h:meta http-equiv=\"refresh\" content=\"0;url=URL\"/></foreignObject>",
    ),
    (
        "foreign-base",
        Leaves,
        "<foreignObject width=\"9\" height=\"9\"><h:base href=\"URL/\"/></foreignObject><image width=\"9\" height=\"9\" href=\"b.png\"/>",
    ),
    (
        "foreign-in-switch",
        Works,
        "<switch><foreignObject width=\"9\" height=\"9\"><h:img src=\"URL\"/></foreignObject></switch>",
    ),
    ("html-image", Works, "<h:img src=\"URL\"/>"),
    ("html-iframe", Works, "<h:iframe src=\"URL\"/>"),
    ("html-video", Works, "<h:video src=\"URL\"/>"),
    ("html-link", Works, "<h:link rel=\"stylesheet\" href=\"URL\"/>"),
    ("html-style", Works, "<h:style>@import 'URL';</h:style>"),
    ("html-object", Fails, "<h:object data=\"URL\"/>"),
    ("html-in-title", Works, "<title><h:img src=\"URL\"/></title>"),
    ("html-in-desc", Works, "<desc><h:style>a</h:style><h:img src=\"x:\" onerror=\"RUN\"/></desc>"),
    ("plain-audio", Fails, "<audio src=\"URL\" autoplay=\"autoplay\"/>"),
    ("plain-video", Fails, "<video xlink:href=\"URL\" src=\"URL\"/>"),
    ("plain-iframe", Fails, "<iframe src=\"URL\"/>"),
    ("plain-link", Fails, "<link rel=\"stylesheet\" href=\"URL\"/>"),
    ("image", Works, "<image width=\"9\" height=\"9\" href=\"URL\"/>"),
    ("image-xlink", Works, "<image width=\"9\" height=\"9\" xlink:href=\"URL\"/>"),
    ("image-of-this-scheme", Works, "<image width=\"9\" height=\"9\" href=\"//HOST/NAME\"/>"),
    (
        "image-svg-data",
        Fails,
        "<image width=\"9\" height=\"9\" href=\"data:image/svg+xml,&lt;svg xmlns='http://www.w3.org/2000/svg' onload='RUN'>&lt;image href='URL'/>&lt;/svg>\"/>",
    ),
    (
        "image-html-data",
        Fails,
        "<image width=\"9\" height=\"9\" href=\"data:text/html,&lt;script>RUN&lt;/script>\"/>",
    ),
    (
        "image-of-filter",
        Works,
        "<filter id=\"f-NAME\"><feImage href=\"URL\"/></filter><rect width=\"9\" height=\"9\" filter=\"url(#f-NAME)\"/>",
    ),
    ("use", Fails, "<use href=\"URL#a\"/>"),
    ("use-xlink", Fails, "<use xlink:href=\"URL#a\"/>"),
    (
        "use-data",
        Fails,
        "<use href=\"data:image/svg+xml,&lt;svg id='x' xmlns='http://www.w3.org/2000/svg' onload='RUN'/>#x\"/>",
    ),
    ("tref", Fails, "<text><tref xlink:href=\"URL#a\"/></text>"),
    (
        "gradient",
        Fails,
        "<linearGradient id=\"g-NAME\" href=\"URL#a\"/><rect width=\"9\" height=\"9\" fill=\"url(#g-NAME)\"/>",
    ),
    (
        "pattern",
        Fails,
        "<pattern id=\"p-NAME\" href=\"URL#a\"/><rect width=\"9\" height=\"9\" fill=\"url(#p-NAME)\"/>",
    ),
    ("text-path", Fails, "<text><textPath href=\"URL#a\">t</textPath></text>"),
    (
        "motion",
        Fails,
        "<rect width=\"9\" height=\"9\"><animateMotion dur=\"1s\"><mpath href=\"URL#a\"/></animateMotion></rect>",
    ),
    ("fill", Works, "<rect width=\"9\" height=\"9\" fill=\"url(URL#a)\"/>"),
    ("filter", Fails, "<rect width=\"9\" height=\"9\" filter=\"url(URL#a)\"/>"),
    ("mask", Works, "<rect width=\"9\" height=\"9\" mask=\"url(URL#a)\"/>"),
    ("mask-image", Works, "<rect width=\"9\" height=\"9\" style=\"mask-image:url(URL)\"/>"),
    ("clip-path", Works, "<rect width=\"9\" height=\"9\" clip-path=\"url('URL#a')\"/>"),
    ("marker", Works, "<path d=\"M0 0h9\" stroke=\"red\" marker-start=\"url(URL#a)\"/>"),
    ("cursor", Works, "<rect width=\"9\" height=\"9\" cursor=\"url(URL),auto\"/>"),
    ("cursor-style", Works, "<rect width=\"9\" height=\"9\" style=\"cursor:url(URL),auto\"/>"),
    ("background", Works, "<svg width=\"9\" height=\"9\" style=\"background:url(URL)\"/>"),
    (
        "image-set",
        Works,
        "<svg width=\"9\" height=\"9\" style=\"background:image-set('URL' 1x)\"/>",
    ),
    (
        "webkit-image-set",
        Works,
        "<svg width=\"9\" height=\"9\" style=\"background:-webkit-image-set('URL' 1x)\"/>",
    ),
    (
        "cross-fade",
        Works,
        "<svg width=\"9\" height=\"9\" style=\"background:-webkit-cross-fade(url(URL),url(URL),50%)\"/>",
    ),
    ("css-escape", Works, "<svg width=\"9\" height=\"9\" style=\"background:\\75\\72\\6c(URL)\"/>"),
    ("css-escape-in-fill", Works, "<rect width=\"9\" height=\"9\" fill=\"u\\72l(URL#a)\"/>"),
    (
        "css-comment",
        Works,
        "<svg width=\"9\" height=\"9\" style=\"background:/**/url(/**/URL)/**/,url(URL)\"/>",
    ),
    (
        "css-variable",
        Works,
        "<g style=\"--x:url(URL)\"><svg width=\"9\" height=\"9\" style=\"background:var(--x)\"/></g>",
    ),
    (
        "style-background",
        Works,
        "<style>.NAME{background:url(URL)}</style><svg class=\"NAME\" width=\"9\" height=\"9\"/>",
    ),
    ("style-import", Works, "<style>@import 'URL';</style>"),
    ("style-import-url", Works, "<style>@import url(URL);</style>"),
    ("style-import-escaped", Works, "<style>@\\69mport 'URL';</style>"),
    ("style-import-cdata", Works, "<style><![CDATA[@import 'URL';]]></style>"),
    ("style-import-split", Works, "<style>@im<!-- -->port 'URL';</style>"),
    (
        "style-import-layered",
        Works,
        "<style>@import 'URL' layer(x) supports(display:block);</style>",
    ),
    (
        "style-font",
        Works,
        "<style>@font-face{font-family:NAME;src:url(URL)}</style><text y=\"9\" font-family=\"NAME\">t</text>",
    ),
    (
        "style-nested",
        Works,
        "<style>@media all{@supports (display:block){.NAME{&amp;{background:url(URL)}}}}</style><svg class=\"NAME\" width=\"9\" height=\"9\"/>",
    ),
    (
        "style-keyframes",
        Works,
        "<style>@keyframes NAME{from,to{background:url(URL)}}.NAME{animation:NAME 9s}</style><svg class=\"NAME\" width=\"9\" height=\"9\"/>",
    ),
    (
        "style-property",
        Works,
        "<style>@property --NAME{syntax:'&lt;image>';inherits:true;initial-value:url(URL)}.NAME{background:var(--NAME)}</style><svg class=\"NAME\" width=\"9\" height=\"9\"/>",
    ),
    (
        "style-content",
        Works,
        "<style>.NAME::before{content:url(URL);display:block}</style><svg class=\"NAME\" width=\"9\" height=\"9\" style=\"list-style:url(URL);display:list-item;background:url(URL)\"/>",
    ),
    ("style-namespace", Fails, "<style>@namespace url(URL);</style>"),
    (
        "style-that-ends",
        Works,
        "<style>&lt;/style>&lt;img src='URL'></style><desc><style><![CDATA[</style><img src=\"x:\" onerror=\"RUN\">]]></style></desc>",
    ),
    ("style-link", Fails, "<style href=\"URL\" xlink:href=\"URL\"/>"),
    (
        "behavior",
        Fails,
        "<rect width=\"9\" height=\"9\" style=\"behavior:url(URL);-moz-binding:url(URL#x)\"/>",
    ),
    (
        "cdata-image",
        Works,
        "<text><![CDATA[<img src=\"URL\">]]></text><desc><h:p><![CDATA[><img src=\"x:\" onerror=\"RUN\">]]></h:p></desc>",
    ),
    ("cdata-in-title", Fails, "<title>a<![CDATA[><img src=\"x:\" onerror=\"RUN\">]]></title>"),
    ("cdata-in-desc", Fails, "<desc>a<![CDATA[><img src=\"URL\">]]></desc>"),
    ("comment-image", Works, "<!--><img src=\"x:\" onerror=\"RUN\">-->"),
    ("comment-bang", Works, "<desc><!-- --!><img src=\"x:\" onerror=\"RUN\"> --></desc>"),
    ("instruction-image", Works, "<?x ><img src=\"x:\" onerror=\"RUN\">?>"),
    ("stylesheet-instruction", Fails, "<?xml-stylesheet href=\"URL\"?>"),
    ("handler", Fails, "<handler type=\"text/javascript\" ev:event=\"load\">RUN</handler>"),
    (
        "listener",
        Fails,
        "<ev:listener event=\"load\" handler=\"#x\"/><handler id=\"x\">RUN</handler>",
    ),
    ("xinclude", Fails, "<xi:include href=\"URL\"/>"),
    (
        "xlink-actuate",
        Fails,
        "<g xlink:type=\"simple\" xlink:show=\"embed\" xlink:actuate=\"onLoad\" xlink:href=\"URL\"/>",
    ),
    ("xml-base", Fails, "<g xml:base=\"URL/\"><use href=\"URL/b.svg#a\"/></g>"),
    (
        "mathml",
        Works,
        "<m:math xmlns:m=\"http://www.w3.org/1998/Math/MathML\"><m:mtext><h:img src=\"URL\"/></m:mtext></m:math>",
    ),
    (
        "font-uri",
        Fails,
        "<font-face font-family=\"q\"><font-face-src><font-face-uri xlink:href=\"URL\"/></font-face-src></font-face>",
    ),
    ("color-profile", Fails, "<color-profile xlink:href=\"URL\" name=\"p\"/>"),
    ("discard", Fails, "<discard href=\"URL\"/>"),
];

/// What the whole picture is, where it is not the body that attacks.
pub(crate) const WHOLE: &[(&str, Raw, &str)] = &[
    ("root-onload", Works, "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"RUN\"/>"),
    (
        "root-instruction",
        Works,
        "<?xml-stylesheet type=\"text/css\" href=\"URL\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    ),
    (
        "root-xslt",
        Fails,
        "<?xml-stylesheet type=\"text/xsl\" href=\"data:text/xml,x\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    ),
    (
        "entity",
        Works,
        "<!DOCTYPE svg [<!ENTITY x \"&lt;script>RUN&lt;/script>\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&x;<rect onclick=\"RUN\"/></svg>",
    ),
    (
        "external-entity",
        Fails,
        "<!DOCTYPE svg SYSTEM \"URL\"><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    ),
    (
        "html-root",
        Works,
        "<html xmlns=\"http://www.w3.org/1999/xhtml\"><body><img src=\"URL\"/></body></html>",
    ),
    (
        "prefixed-root",
        Works,
        "<s:svg xmlns:s=\"http://www.w3.org/2000/svg\" xmlns=\"http://www.w3.org/1999/xhtml\"><img src=\"URL\"/></s:svg>",
    ),
];

/// Pictures that harm nobody: what they hold comes through to the letter.
pub(crate) const HARMLESS: &[&str] = &[
    "<defs><linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"red\"/><stop offset=\"1\" stop-color=\"blue\"/></linearGradient><radialGradient id=\"r\" href=\"#g\"/></defs><rect width=\"40\" height=\"20\" fill=\"url(#g)\"/><circle r=\"5\" fill=\"url(#r)\"/>",
    "<filter id=\"f\" x=\"-20%\" y=\"-20%\" width=\"140%\" height=\"140%\"><feGaussianBlur in=\"SourceAlpha\" stdDeviation=\"2\" result=\"b\"/><feOffset in=\"b\" dx=\"1\" dy=\"1\"/><feMerge><feMergeNode/><feMergeNode in=\"SourceGraphic\"/></feMerge></filter><rect width=\"20\" height=\"20\" filter=\"url(#f)\"/>",
    "<clipPath id=\"c\"><circle cx=\"20\" cy=\"20\" r=\"15\"/></clipPath><mask id=\"m\"><rect width=\"40\" height=\"40\" fill=\"#fff\"/></mask><rect width=\"40\" height=\"40\" clip-path=\"url(#c)\" mask=\"url('#m')\"/>",
    "<marker id=\"a\" markerWidth=\"4\" markerHeight=\"4\" refX=\"2\" refY=\"2\" orient=\"auto\"><path d=\"M0 0l4 2-4 2z\"/></marker><path d=\"M5 5h30\" stroke=\"#000\" marker-end=\"url(#a)\"/><pattern id=\"p\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\"><circle r=\"1\"/></pattern><rect width=\"9\" height=\"9\" style=\"fill:url(#p);stroke:var(--x,red)\"/>",
    "<symbol id=\"s\" viewBox=\"0 0 1 1\"><path d=\"M0 0h1v1z\"/></symbol><use href=\"#s\" width=\"9\" height=\"9\"/><use xlink:href=\"#s\" x=\"9\" width=\"9\" height=\"9\"/>",
    "<circle r=\"5\"><animate attributeName=\"r\" values=\"5;9;5\" dur=\"2s\" repeatCount=\"indefinite\"/><animateTransform attributeName=\"transform\" type=\"rotate\" from=\"0\" to=\"360\" dur=\"9s\"/><animateMotion dur=\"3s\" path=\"M0 0h9\"/><set attributeName=\"fill\" to=\"url(#g)\" begin=\"1s\"/></circle>",
    "<style>@keyframes beat{from{transform:scale(1)}50%{opacity:.5;transform:scale(1.2)}to{transform:none}} .h{animation:beat 1s ease-in-out infinite;transform-box:fill-box;filter:drop-shadow(0 1px 2px rgb(0 0 0 / 40%))} @media (prefers-reduced-motion:reduce){.h{animation:none}} .h:not(.i)>tspan{fill:hsl(20deg 50% 50%)}</style><text class=\"h\" y=\"20\">♥<tspan>x</tspan></text>",
    "<image width=\"9\" height=\"9\" href=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==\"/>",
    "<style>@font-face{font-family:\"Own\";src:url(data:font/woff2;base64,d09GMgABAAAAAA==) format(\"woff2\")} text{font-family:Own,sans-serif}</style><text y=\"20\">own letters</text>",
    "<a href=\"https://example.org/?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener\"><text y=\"20\">a link</text></a>",
    "<title>A title</title><desc>What it shows</desc><!-- a comment --><g role=\"img\" aria-label=\"x\" data-value=\"1\" class=\"a b\" lang=\"en\"><text xml:space=\"preserve\" y=\"9\">a &lt; b &amp; c</text></g>",
];
