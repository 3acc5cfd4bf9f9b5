use super::*;
use crate::render::tests::LIMITS;

const OPEN: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" xmlns:h=\"http://www.w3.org/1999/xhtml\">";

fn cleaned(body: &str) -> Result<String, Refusal> {
    let text = format!("{OPEN}{body}</svg>");
    let document = Document::parse(&text).unwrap_or_else(|error| panic!("{body}: {error}"));
    let clean = clean(&text, &document, &LIMITS)?;
    Document::parse(&clean).unwrap_or_else(|error| panic!("{body} became {clean}: {error}"));
    let inside = clean.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix("</svg>"));
    Ok(inside.unwrap_or(&clean).to_owned())
}

fn stays(body: &str) {
    assert_eq!(cleaned(body).as_deref(), Ok(body));
}

fn becomes(body: &str, clean: &str) {
    assert_eq!(cleaned(body).as_deref(), Ok(clean), "{body}");
}

#[test]
fn harmless_pictures_come_through_to_the_letter() {
    for body in [
        "<rect width='5' height='5' fill='url(#g)' transform='rotate(45 2 2)'/>",
        "<defs><linearGradient id='g'><stop offset='0' stop-color='rgb(1,2,3)'/></linearGradient></defs>",
        "<filter id='f'><feGaussianBlur stdDeviation='2'/><feDropShadow dx='1'/></filter>",
        "<clipPath id='c'><circle r='3'/></clipPath><g clip-path=\"url('#c')\" mask='none'/>",
        "<style>@keyframes a{from{opacity:0}to{opacity:1}} .x{animation:a 2s;fill:url(#g);filter:drop-shadow(0 1px 2px rgba(0,0,0,.4))} @media (prefers-color-scheme:dark){.x:not(.y){color:var(--c)}}</style>",
        "<circle r='3'><animate attributeName='r' values='1;2;1' dur='2s' repeatCount='indefinite'/></circle>",
        "<animateTransform attributeName='transform' type='rotate' from='0' to='360' dur='1s'/>",
        "<image href='data:image/png;base64,iVBORw0KGgo=' width='1' height='1'/>",
        "<style>@font-face{font-family:F;src:url(data:font/woff2;base64,d09GMg==) format(\"woff2\")}</style>",
        "<a href='https://example.org/' target='_blank'><text>a &lt; b &amp; c</text></a>",
        "<symbol id='s'><path d='M0 0h1'/></symbol><use href='#s' x='3'/><use xlink:href='#s'/>",
        "<text xml:space='preserve' style='font:600 12px sans-serif'>x<tspan dy='1'>y</tspan></text>",
        "<!-- a plain comment --><title>A title</title><desc>About</desc>",
        "<g data-value='1' aria-label='x' role='img' class='a b'/>",
    ] {
        stays(body);
    }
}

#[test]
fn what_runs_is_cut() {
    for (body, clean) in [
        ("<script>alert(1)</script>", ""),
        ("<script href='https://evil/x.js'/>", ""),
        ("<h:script>alert(1)</h:script>", ""),
        ("<rect onload='alert(1)' width='1'/>", "<rect  width='1'/>"),
        ("<g onclick='a()' ONCLICK='b()'/>", "<g  />"),
        ("<foreignObject><h:body><h:iframe src='javascript:1'/></h:body></foreignObject>", ""),
        ("<h:img src='x' onerror='alert(1)'/>", ""),
        ("<a href='javascript:alert(1)'><text>x</text></a>", "<a ><text>x</text></a>"),
        ("<a href='&#106;ava&#10;script:alert(1)'/>", "<a />"),
        ("<a xlink:href=' data:text/html,x'/>", "<a />"),
        ("<a href='vbscript:x'/>", "<a />"),
        ("<handler type='text/javascript'>x</handler>", ""),
        ("<set attributeName='onload' to='alert(1)'/>", ""),
        ("<a><animate attributeName='href' values='javascript:alert(1)'/></a>", "<a></a>"),
        ("<a><set attributeName='xlink:href' to='javascript:alert(1)'/></a>", "<a></a>"),
        ("<animate attributeName=' href ' to='javascript:x'/>", ""),
        ("<use href='data:image/svg+xml,x#y'/>", "<use />"),
        ("<image href='data:image/svg+xml;base64,x'/>", "<image />"),
    ] {
        becomes(body, clean);
    }
}

#[test]
fn what_loads_is_cut() {
    for (body, clean) in [
        ("<image href='https://evil/x.png'/>", "<image />"),
        ("<image href='//evil/x.png'/>", "<image />"),
        ("<image href='x.png'/>", "<image />"),
        ("<use href='other.svg#a'/>", "<use />"),
        ("<feImage xlink:href='http://evil/'/>", "<feImage />"),
        ("<rect fill='url(https://evil/#g)'/>", "<rect />"),
        ("<rect fill='URL( \"//evil/#g\" )'/>", "<rect />"),
        ("<rect fill='u\\72l(//evil)'/>", "<rect />"),
        ("<rect style='fill:url(//evil)'/>", "<rect />"),
        ("<rect style='background:image-set(\"//evil\" 1x)'/>", "<rect />"),
        ("<rect style='behavior:url(#x)'/>", "<rect />"),
        ("<rect cursor='url(//evil),auto'/>", "<rect />"),
        ("<rect filter='src(\"//evil\")'/>", "<rect />"),
        ("<rect style='--c:\"//evil\";fill:src(var(--c))'/>", "<rect />"),
        ("<rect fill='url(\"\u{a0}#a\")'/>", "<rect />"),
        ("<style>@import '//evil';</style>", ""),
        ("<style>@\\69mport '//evil';</style>", ""),
        ("<style>@import/**/url(//evil);</style>", ""),
        ("<style>a{background:url(//evil)}</style>", ""),
        ("<style>a{background:u/**/rl(//evil)}</style>", ""),
        ("<style>@font-face{src:url(//evil)}</style>", ""),
        ("<style><![CDATA[a{b:url(//evil)}]]></style>", ""),
        ("<style>@namespace url(//evil);</style>", ""),
        (
            "<animate attributeName='fill' values='url(//evil)'/>",
            "<animate attributeName='fill' />",
        ),
        ("<rect xml:base='https://evil/'/>", "<rect />"),
        ("<?xml-stylesheet href='//evil'?>", ""),
        ("<g xmlns:i='urn:i' i:x='1'/>", "<g xmlns:i='urn:i' />"),
        ("<i:g xmlns:i='urn:i'><rect/></i:g>", ""),
        // The name that is meant is the one that stays.
        ("<set xml:attributeName='fill' attributeName='href' to='//evil'/>", ""),
        ("<set xmlns:i='urn:i' i:attributeName='fill' attributeName='style' to='a'/>", ""),
        ("<set xlink:attributeName='fill' to='a'/>", ""),
    ] {
        becomes(body, clean);
    }
}

#[test]
fn what_another_parser_would_read_otherwise_is_cut() {
    for (body, clean) in [
        ("<!--><img src=x onerror=alert(1)>-->", ""),
        (
            "<text><![CDATA[<img src=x onerror=alert(1)>]]></text>",
            "<text>&lt;img src=x onerror=alert(1)&gt;</text>",
        ),
        ("<title><h:style>x</h:style></title>", ""),
        ("<rect style='a:\"\n;fill:url(//evil)\"'/>", "<rect />"),
        ("<rect fill=\"a:'\r\nurl(//evil)'\"/>", "<rect />"),
        (&format!("<rect style{}='a:\"\n;fill:url(//evil)\"'/>", " ".repeat(300)), "<rect />"),
        ("<desc><rect/></desc>", ""),
        ("<style>a&lt;/style&gt;&lt;img&gt;</style>", ""),
        ("<style><g/></style>", ""),
    ] {
        becomes(body, clean);
    }
}

#[test]
fn bombs_are_counted_before_they_go_off() {
    let layers: String = (1..20)
        .map(|i| {
            let uses = format!("<use href='#g{}'/>", i - 1).repeat(10);
            format!("<g id='g{i}'>{uses}</g>")
        })
        .collect();
    assert_eq!(cleaned(&format!("<g id='g0'/>{layers}")), Err(Refusal::Elements));
    for other in [
        // Another reference that a careless look takes for the one that counts.
        ("<use href='#g", "<use xlink:href='#none' href='#g"),
        ("<use href='#g", "<use href='x' xlink:href='#g"),
        ("<use href='#g", "<use href='#%67"),
        // Another target that a careless look takes for the one that is meant.
        ("<g id='g", "<g xml:id='n' id='g"),
    ] {
        let layers = layers.replace(other.0, other.1);
        assert_eq!(cleaned(&format!("<g id='g0'/>{layers}")), Err(Refusal::Elements), "{other:?}");
    }
    let hidden: String = (0..20).map(|i| format!("<metadata id='g{i}'/>")).collect();
    assert_eq!(cleaned(&format!("{hidden}<g id='g0'/>{layers}")), Err(Refusal::Elements));
    assert_eq!(cleaned("<g id='a'><use href='#a'/></g>"), Err(Refusal::Elements));
    let patterns: String = (1..20)
        .map(|i| {
            let fills = format!("<rect fill='url(#p{})'/>", i - 1).repeat(10);
            format!("<pattern id='p{i}'>{fills}</pattern>")
        })
        .collect();
    assert_eq!(cleaned(&patterns), Err(Refusal::Elements));
    for other in ["URL(#p", "u\\72l(#p", "&#117;rl(#p"] {
        let patterns = patterns.replace("url(#p", other);
        assert_eq!(cleaned(&patterns), Err(Refusal::Elements), "{other}");
    }
    let heirs: String = (1..20)
        .map(|i| {
            let fills = format!("<rect fill='url(#h{})'/>", i - 1).repeat(10);
            format!("<pattern id='q{i}'>{fills}</pattern><pattern id='h{i}' href='#q{i}'/>")
        })
        .collect();
    assert_eq!(cleaned(&heirs), Err(Refusal::Elements));
    let deep = format!("{}{}", "<g>".repeat(200), "</g>".repeat(200));
    assert_eq!(cleaned(&deep), Err(Refusal::Depth));
    let chain: String =
        (1..20_000).map(|i| format!("<g id='c{i}'><use href='#c{}'/></g>", i - 1)).collect();
    assert_eq!(cleaned(&format!("{chain}<g id='c0'/>")), Err(Refusal::Depth));
    let masks: String =
        (1..200).map(|i| format!("<mask id='m{i}'><g mask='url(#m{})'/></mask>", i - 1)).collect();
    assert_eq!(cleaned(&masks), Err(Refusal::Depth));
    let many: String = "<use href='#s'/>".repeat(1000);
    stays(&format!("<symbol id='s'><path/></symbol>{many}"));
}

#[test]
fn names_that_only_some_parsers_take_are_refused() {
    for body in [
        "<g xmlns:a=''/>",
        "<g xmlns:xmlns='u'/>",
        "<g :x='1'/>",
        "<g xmlns='http://www.w3.org/2000/svg' xmlns='http://www.w3.org/2000/svg'/>",
        "<Ab:g xmlns:Ab='http://www.w3.org/2000/svg'/>",
        "<g nobody:xmlns='http://www.w3.org/2000/svg'/>",
        "<g></:g>",
    ] {
        let text = format!("{OPEN}{body}</svg>");
        // Where the parser refuses it too, all the better.
        if let Ok(document) = Document::parse(&text) {
            assert!(matches!(clean(&text, &document, &LIMITS), Err(Refusal::Name(_))), "{body}");
        }
    }
    becomes("<g data-Ab='1' data-\u{1f3a8}='1'/>", "<g  />");
    stays("<g\n id='b'\n style='fill:url(#a);\nfont:\"A B\"'\n></g\n><path d='M0 0\n h1'/>");
    stays("<text x = '1'\n y\t=\"a>b/='\" >x</text><v:g xmlns:v='http://www.w3.org/2000/svg'/>");
}

#[test]
fn what_comes_together_around_a_cut_ends_nothing() {
    becomes("<text>]]<script/>&gt;]<script/>]></text>", "<text>]]&gt;]]&gt;</text>");
    becomes("<text>]<?a b?>]<script/>&gt;</text>", "<text>]]&gt;</text>");
}

#[test]
fn cdata_is_text_wherever_it_stands_in_one() {
    for (body, clean) in [
        ("<text>a<![CDATA[<d>]]></text>", "<text>a&lt;d&gt;</text>"),
        ("<text><![CDATA[b]]>c</text>", "<text>bc</text>"),
        (
            "<text>a<![CDATA[b]]>&lt;<![CDATA[</text>]]>e</text>",
            "<text>ab&lt;&lt;/text&gt;e</text>",
        ),
        ("<title>a<![CDATA[><img/>]]></title>", "<title>a&gt;&lt;img/&gt;</title>"),
        (
            "<text>a<![CDATA[b]]><tspan>x</tspan>c<![CDATA[d]]></text>",
            "<text>ab<tspan>x</tspan>cd</text>",
        ),
        (
            "<text>a<!-- x -->b<![CDATA[c]]><!-- y --></text>",
            "<text>a<!-- x -->bc<!-- y --></text>",
        ),
    ] {
        becomes(body, clean);
    }
}
