//! Templates that mean harm, against real render workers: each is answered, none ends the
//! server, none disturbs its neighbours, and nothing of it stays.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use backend::{
    clock::SystemClock,
    lifecycle::Lifecycle,
    metrics::Metrics,
    render::{Limit, RenderError, RenderLimits, Renderer, Size, SnapshotLimits, WorkerProgram},
    session::gallery,
};
use common::api::Args;
use serde_json::json;

const OPEN: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\">";

const LIMITS: RenderLimits = RenderLimits {
    template_bytes: 65_536,
    args_bytes: 262_144,
    output_bytes: 524_288,
    loop_steps: 100_000,
    depth: 128,
    elements: 100_000,
    memory_bytes: 256 * 1024 * 1024,
    compute: Duration::from_millis(200),
    parallel: 2,
    snapshot: SnapshotLimits {
        side: 4096,
        depth: 64,
        memory_bytes: 384 * 1024 * 1024,
        compute: Duration::from_secs(1),
        parallel: 1,
    },
};

/// Time enough for whatever is not about time, however slow the machine.
const PATIENT: RenderLimits = RenderLimits {
    compute: Duration::from_secs(20),
    snapshot: SnapshotLimits { compute: Duration::from_secs(20), ..LIMITS.snapshot },
    ..LIMITS
};

struct Stage {
    renderer: Arc<Renderer>,
    lifecycle: Lifecycle,
}

/// Where no answer depends on how fast the machine is.
fn stage() -> Stage {
    stage_with(PATIENT, Arc::default())
}

/// Where a template that spins is stopped soon.
fn hasty_stage() -> Stage {
    stage_with(LIMITS, Arc::default())
}

fn stage_with(limits: RenderLimits, metrics: Arc<Metrics>) -> Stage {
    let program = WorkerProgram(PathBuf::from(env!("CARGO_BIN_EXE_easel")));
    let lifecycle = Lifecycle::default();
    let renderer = Renderer::new(limits, &program, &lifecycle, Arc::new(SystemClock), metrics);
    Stage { renderer, lifecycle }
}

fn svg(body: &str) -> String {
    format!("{OPEN}{body}</svg>")
}

fn loops(depth: usize, each: usize, body: &str) -> String {
    let open: String =
        (0..depth).map(|i| format!("{{% for i{i} in range(end={each}) %}}")).collect();
    format!("{open}{body}{}", "{% endfor %}".repeat(depth))
}

fn nested(open: &str, inside: &str, close: &str, times: usize) -> String {
    format!("{}{inside}{}", open.repeat(times), close.repeat(times))
}

impl Stage {
    async fn draws(&self, body: &str) -> Result<Arc<str>, RenderError> {
        self.renderer.render(&svg(body), &Args::new()).await
    }

    async fn is_well(&self) {
        let drawn = self.draws("<rect width=\"{{ 1 + 1 }}\" height=\"2\"/>").await;
        assert!(drawn.unwrap().contains("width=\"2\""));
    }
}

/// What an attack may be answered with: the settings of limits, or these.
const TEMPLATE: &str = "TEMPLATE_INVALID";
const RENDER: &str = "RENDER_FAILED";
const NOT_SVG: &str = "NOT_SVG";
const DRAWN: &str = "drawn";

fn answer(result: &Result<Arc<str>, RenderError>) -> &'static str {
    match result {
        Ok(_) => DRAWN,
        Err(RenderError::Limit(limit)) => limit.setting(),
        Err(RenderError::Template { .. } | RenderError::Unmetered { .. }) => TEMPLATE,
        Err(RenderError::Render { .. }) => RENDER,
        Err(RenderError::NotSvg(_)) => NOT_SVG,
        Err(RenderError::Worker) => "no worker",
    }
}

const STEPS: &[&str] = &["max-loop-steps"];
const COMPUTE: &[&str] = &["render-compute"];
/// Whichever comes first on this machine.
const EITHER: &[&str] = &["render-compute", "render-memory-bytes"];

/// Attacks on the engine: a name, the template, and what it may be answered with.
fn attacks() -> Vec<(&'static str, String, &'static [&'static str])> {
    let long = "a".repeat(1000);
    let literal = format!("[{}1]", "1,".repeat(2000));
    let twice = "{% set_global s = s ~ s %}";
    vec![
        ("a huge range", loops(1, 100_000_000, ""), STEPS),
        ("a range beyond all numbers", "{{ range(start=-9223372036854775807, end=9223372036854775807) }}".to_owned(), STEPS),
        ("a huge range for nothing", format!("{{% if range(end=99999) {} %}}{{% endif %}}", "~ range(end=99999)".repeat(200)), EITHER),
        ("nested ranges without output", loops(4, 1000, ""), STEPS),
        ("wide ranges in one another", loops(2, 99_999, ""), STEPS),
        ("loops over a literal", format!("{}{}", format!("{{% for a in {literal} %}}").repeat(3), "{% endfor %}".repeat(3)), STEPS),
        ("loops over a string", format!("{{% set s = '{long}' %}}{}{}", "{% for c in s %}".repeat(3), "{% endfor %}".repeat(3)), STEPS),
        ("lists of lists of nothing", "{% set l = range(end=50000) %}{{ [[1 for a in l if false] for b in l] | length }}".to_owned(), STEPS),
        ("a loop that goes on", format!("{}{{% continue %}}{}", "{% for i in range(end=90000) %}".repeat(2), "{% endfor %}".repeat(2)), STEPS),
        ("components that fan out", "{% component F(n) %}{% if n > 0 %}{% for i in range(end=10) %}{{ <F n={n - 1} /> }}{% endfor %}{% endif %}{% endcomponent F %}{{ <F n={18} /> }}".to_owned(), STEPS),
        ("components that double", "{% component F(n) %}{% if n > 0 %}{{ <F n={n - 1} /> }}{{ <F n={n - 1} /> }}{% endif %}{% endcomponent F %}{{ <F n={19} /> }}".to_owned(), &["max-loop-steps", "render-compute"]),
        ("components without an end", "{% component F(n) %}{{ <F n={n} /> }}{% endcomponent F %}{{ <F n={1} /> }}".to_owned(), &[RENDER]),
        ("components with bodies without an end", "{% component F() %}{% <F> %}{{ body }}{% </F> %}{% endcomponent F %}{% <F> %}a{% </F> %}".to_owned(), &[RENDER]),
        ("doubling by set", format!("{{% set s = 'aaaaaaaaaaaaaaaa' %}}{{% for i in range(end=60) %}}{twice}{{% endfor %}}{{{{ s }}}}"), EITHER),
        ("doubling by set without a loop", format!("{{% set s = 'aaaaaaaaaaaaaaaa' %}}{}", twice.repeat(60)), EITHER),
        ("doubling of a list", "{% set l = [1] %}{% for i in range(end=60) %}{% set_global l = [...l, ...l] %}{% endfor %}".to_owned(), EITHER),
        ("doubling by a block", format!("{{% set s %}}aaaaaaaaaaaaaaaa{{% endset %}}{}", "{% set_global s %}{{ s }}{{ s }}{% endset %}".repeat(60)), EITHER),
        ("doubling by replace", format!("{{% set s = '{long}' %}}{{% set t = s | replace(from='a', to=s) %}}{{% set u = t | replace(from='a', to=t) %}}{{{{ u | length }}}}"), EITHER),
        ("doubling by join", "{% set l = range(end=99999) %}{% set s = l | join(sep=l | join) %}{{ s }}".to_owned(), EITHER),
        ("doubling by indent", format!("{{% set s = '{}' %}}{}", "\\n".repeat(900), "{% set s = s | indent(width=1000, blank=true) | replace(from=' ', to='\\n') %}".repeat(6)), EITHER),
        ("a giant indent", "{{ 'a\\nb' | indent(width=1000000000) }}".to_owned(), &[DRAWN]),
        ("a quadratic filter", "{{ range(end=99999) | unique | length }}".to_owned(), COMPUTE),
        ("a quadratic search", format!("{{% set s = '{}' %}}{{{{ {} }}}}", "a".repeat(30_000), "s is containing(pat=s ~ 'b') or ".repeat(60) + "true"), &[DRAWN]),
        ("sorting again and again", format!("{{{{ range(end=99999){} | length }}}}", " | reverse | sort".repeat(120)), EITHER),
        ("a regular expression", "{{ 'aaaaaaaaaaaaaaaaaaaa!' | regex_replace(pattern='(a+)+$', rep='') }}{% if 'a' is matching(pat='(a+)+$') %}{% endif %}".to_owned(), &[TEMPLATE]),
        ("a power of a power", "{{ 9 ** 9 ** 9 ** 9 }}".to_owned(), &[RENDER, DRAWN]),
        ("a flood of output", loops(2, 300, &"<a/>".repeat(10)), &["max-output-bytes"]),
        ("a flood that is captured", format!("{{% set x %}}{}{{% endset %}}", loops(1, 99_999, &long.repeat(5))), EITHER),
        ("a flood of captures", format!("{}{}", "{% filter upper %}".repeat(39), "{% endfilter %}".repeat(39)), &[DRAWN]),
        ("a flood in a component", format!("{{% component F() %}}{}{{% endcomponent F %}}{{% set x = <F /> %}}", loops(1, 99_998, &long.repeat(5))), EITHER),
        ("deep parentheses", format!("{{{{ {} }}}}", nested("(", "1", ")", 30_000)), &[TEMPLATE]),
        ("deep lists", format!("{{{{ {} }}}}", nested("[", "1", "]", 30_000)), &[TEMPLATE]),
        ("deep maps", format!("{{{{ {} }}}}", nested("{'a':", "1", "}", 10_000)), &[TEMPLATE]),
        ("deep subscripts", format!("{{{{ {} }}}}", nested("a[", "1", "]", 20_000)), &[TEMPLATE]),
        ("deep negations", format!("{{{{ {} }}}}", nested("not ", "1", "", 15_000)), &[TEMPLATE]),
        ("long sums", format!("{{{{ 1{} }}}}", "+1".repeat(30_000)), &[TEMPLATE]),
        ("deep blocks", nested("{% if true %}", "", "{% endif %}", 2_500), &[TEMPLATE]),
        ("deep named blocks", (0..2_000).map(|i| format!("{{% block b{i} %}}")).collect::<String>() + &"{% endblock %}".repeat(2_000), &[TEMPLATE]),
        ("deep loops", loops(1_000, 1, ""), &[TEMPLATE]),
        ("a chain of branches", format!("{{% if false %}}{}{{% endif %}}&", "{% elif false %}".repeat(4_000)), &[NOT_SVG, TEMPLATE, "render-compute", "render-memory-bytes"]),
        ("a chain of ternaries", format!("{{{{ {}1 }}}}", "1 if false else ".repeat(4_000)), &[TEMPLATE]),
        ("a giant literal", format!("{{% set l = [{}1] %}}", "1,".repeat(32_000)), &[DRAWN]),
        ("a giant string", format!("{{% set s = '{}' %}}", "a".repeat(65_000)), &[DRAWN]),
        ("itself", "{% include \"template\" %}".to_owned(), &[TEMPLATE]),
        ("itself as a parent", "{% extends \"template\" %}".to_owned(), &[TEMPLATE]),
        ("super", "{% block a %}{{ super() }}{% endblock %}".to_owned(), &[TEMPLATE]),
        ("all that there is, in itself", "{% set a = __tera_context %}{% for i in range(end=60) %}{% set_global a = __tera_context ~ a %}{% endfor %}".to_owned(), &["render-compute", "render-memory-bytes", DRAWN, RENDER]),
        ("a stray call of what counts", "{{ __easel_turn() }}".to_owned(), &[TEMPLATE]),
        ("entities", "&a;".to_owned(), &[NOT_SVG]),
        ("elements in elements", nested("<g>", "", "</g>", 9_000), &["max-depth"]),
        ("elements upon elements", "<g/>".repeat(12_000), &[DRAWN]),
        ("uses of uses", layers("<g id='b0'/>", |i| format!("<g id='b{i}'>{}</g>", format!("<use href='#b{}'/>", i - 1).repeat(10))), &["max-elements"]),
        ("a use of itself", "<g id='a'><use href='#a'/></g>".to_owned(), &["max-elements"]),
        ("patterns of patterns", layers("", |i| format!("<pattern id='b{i}'>{}</pattern>", format!("<rect fill='url(#b{})'/>", i - 1).repeat(10))), &["max-elements"]),
        ("a chain of masks", (1..500).map(|i| format!("<mask id='m{i}'><g mask='url(#m{})'/></mask>", i - 1)).collect(), &["max-depth"]),
        ("a chain of uses", (1..1_500).map(|i| format!("<g id='c{i}'><use href='#c{}'/></g>", i - 1)).collect(), &["max-depth"]),
    ]
}

fn layers(first: &str, layer: impl Fn(usize) -> String) -> String {
    first.to_owned() + &(1..12).map(layer).collect::<String>()
}

#[tokio::test]
async fn every_attack_is_answered_and_leaves_nothing_behind() {
    let (patient, hasty) = (stage(), hasty_stage());
    let mut surprises = Vec::new();
    for (name, body, answers) in attacks() {
        let spins = answers.contains(&Limit::Compute(LIMITS.compute).setting());
        let stage = if spins { &hasty } else { &patient };
        let result = stage.draws(&body).await;
        if !answers.contains(&answer(&result)) {
            let shown: String = format!("{result:?}").chars().take(300).collect();
            surprises.push(format!("{name}: not {answers:?} but {shown}"));
        }
        stage.is_well().await;
    }
    patient.lifecycle.stop().await;
    hasty.lifecycle.stop().await;
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[tokio::test]
async fn a_bomb_of_entities_is_refused_before_it_is_read() {
    let stage = stage();
    let entities: String = (1..20)
        .map(|i| format!("<!ENTITY e{i} \"{}\">", format!("&e{};", i - 1).repeat(10)))
        .collect();
    let bomb = format!("<!DOCTYPE svg [<!ENTITY e0 \"ha\">{entities}]>{}", svg("&e19;"));
    let result = stage.renderer.render(&bomb, &Args::new()).await;
    let Err(RenderError::NotSvg(fault)) = result else { panic!("{result:?}") };
    assert!(fault.to_string().contains("<!DOCTYPE"), "{fault}");
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn giant_args_are_refused_and_large_ones_do_no_harm() {
    let stage = hasty_stage();
    let args = |value| json!({ "v": value }).as_object().cloned().unwrap();
    let giant = args(json!("a".repeat(LIMITS.args_bytes)));
    let result = stage.renderer.render(&svg("{{ v }}"), &giant).await;
    assert_eq!(result, Err(RenderError::Limit(Limit::ArgsBytes(LIMITS.args_bytes))));
    let bombs = [
        (json!("a".repeat(200_000)), "{{ v | replace(from='a', to=v) | length }}"),
        (json!(vec!["a"; 60_000]), "{% for a in v %}{% for b in v %}{% endfor %}{% endfor %}"),
        (json!(vec![json!({ "k": 1 }); 20_000]), "{{ v | unique | sort(attribute='k') | length }}"),
        (nested_lists(100), "{{ v }}"),
    ];
    for (value, body) in bombs {
        let result = stage.renderer.render(&svg(body), &args(value)).await;
        assert!(!matches!(result, Err(RenderError::Worker)), "{body}: {result:?}");
        stage.is_well().await;
    }
    stage.lifecycle.stop().await;
}

fn nested_lists(depth: usize) -> serde_json::Value {
    (0..depth).fold(json!(1), |inside, _| json!([inside]))
}

#[tokio::test]
async fn bitmaps_that_are_bombs_are_refused() {
    let stage = hasty_stage();
    let huge = "x='-9999%' y='-9999%' width='99999%' height='99999%'";
    let wide = "width='4000' height='4000'";
    let picture =
        |body: &str| format!("<svg xmlns='http://www.w3.org/2000/svg' {wide}>{body}</svg>");
    let groups = |open: &str, times| nested(open, &format!("<rect {wide}/>"), "</g>", times);
    for (name, body, answers) in [
        (
            "turbulence",
            format!(
                "<filter id='f' {huge}><feTurbulence numOctaves='99' baseFrequency='.9'/></filter><rect {wide} filter='url(#f)'/>"
            ),
            &["snapshot-compute", "snapshot-memory-bytes", RENDER][..],
        ),
        (
            "a wide blur",
            format!(
                "<filter id='f' {huge}>{}</filter><rect {wide} filter='url(#f)'/>",
                "<feGaussianBlur stdDeviation='500'/>".repeat(50)
            ),
            &["snapshot-compute", "snapshot-memory-bytes"],
        ),
        (
            "morphology",
            format!(
                "<filter id='f'><feMorphology operator='dilate' radius='900'/></filter><rect {wide} filter='url(#f)'/>"
            ),
            &["snapshot-compute", "snapshot-memory-bytes"],
        ),
        ("layers", groups("<g opacity='.5'>", 60), &["snapshot-compute", "snapshot-memory-bytes"]),
        (
            "masks in masks",
            (1..20)
                .map(|i| {
                    format!(
                        "<mask id='m{i}' {wide}><rect {wide} fill='#fff' mask='url(#m{})'/></mask>",
                        i - 1
                    )
                })
                .collect::<String>()
                + &format!("<rect {wide} mask='url(#m19)'/>"),
            &["snapshot-compute", "snapshot-memory-bytes"],
        ),
        ("a deep picture", groups("<g>", 100), &["snapshot-max-depth"]),
        (
            "a raster image that unpacks",
            format!("<image {wide} href='data:image/png;base64,{}'/>", raster_bomb()),
            &["snapshot-compute", "snapshot-memory-bytes", DRAWN],
        ),
    ] {
        let result = stage.renderer.snapshot(&picture(&body), Size::Scale(1.0)).await;
        let got = answer(&result.map(|_| Arc::from("")));
        assert!(answers.contains(&got), "{name}: {got}");
        let small = stage.renderer.snapshot(&svg("<rect/>"), Size::Scale(1.0)).await;
        assert!(small.is_ok(), "after {name}: {small:?}");
    }
    stage.lifecycle.stop().await;
}

/// The beginning of a PNG that says to be 60,000 pixels wide and high.
fn raster_bomb() -> &'static str {
    "iVBORw0KGgoAAAANSUhEUgAA6mAAAOpgCAYAAAD9YN7vAAAACklEQVR4nGMAAQAABQABDQottAAAAABJRU5ErkJggg=="
}

#[tokio::test]
async fn a_limit_is_named() {
    let stage = stage();
    let cases = [
        (loops(4, 1000, ""), Limit::LoopSteps(LIMITS.loop_steps)),
        (loops(2, 200, &"<a/>".repeat(10)), Limit::OutputBytes(LIMITS.output_bytes)),
        (" ".repeat(70_000), Limit::TemplateBytes(LIMITS.template_bytes)),
        (nested("<g>", "", "</g>", 200), Limit::Depth(LIMITS.depth)),
    ];
    for (body, limit) in cases {
        assert_eq!(stage.draws(&body).await, Err(RenderError::Limit(limit)));
        assert!(limit.to_string().contains(limit.setting()), "{limit}");
    }
    stage.lifecycle.stop().await;
    let stage = hasty_stage();
    let limit = Limit::Compute(LIMITS.compute);
    let spun = stage.draws("{{ range(end=99999) | unique | length }}").await;
    assert_eq!(spun, Err(RenderError::Limit(limit)));
    assert!(limit.to_string().contains(limit.setting()), "{limit}");
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn the_memory_of_a_worker_ends_where_it_is_said_to() {
    let stage = stage();
    let doubling = "{% set s = 'aaaaaaaaaaaaaaaa' %}{% for i in range(end=60) %}\
                    {% set_global s = s ~ s %}{% endfor %}";
    let limit = Limit::Memory(LIMITS.memory_bytes);
    assert_eq!(stage.draws(doubling).await, Err(RenderError::Limit(limit)));
    stage.is_well().await;
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn neighbours_go_on_while_one_template_spins() {
    let stage = hasty_stage();
    let (spinning, honest) = ("{{ range(end=99999) | unique | length }}", async {
        for _ in 0..50 {
            stage.is_well().await;
        }
    });
    let (spun, ()) = tokio::join!(stage.draws(spinning), honest);
    assert!(matches!(spun, Err(RenderError::Limit(Limit::Compute(_)))));
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_worker_to_others() {
    let stage = hasty_stage();
    for _ in 0..8 {
        let spinning = "{{ range(end=99999) | unique | length }}";
        drop(futures_util::poll!(Box::pin(stage.draws(spinning))));
    }
    stage.is_well().await;
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn the_gallery_is_drawn_as_svg_and_as_png() {
    let stage = stage();
    for template in gallery::all() {
        let name = &template.name;
        let drawn = stage.renderer.render(&template.template, &template.args).await;
        let svg = drawn.unwrap_or_else(|error| panic!("{name}: {error}"));
        let png = stage.renderer.snapshot(&svg, Size::Scale(2.0)).await;
        let png = png.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(png.starts_with(b"\x89PNG"));
    }
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn a_template_is_compiled_once_a_worker() {
    let metrics = Arc::new(Metrics::default());
    let stage = stage_with(RenderLimits { parallel: 1, ..PATIENT }, metrics.clone());
    for v in 0..10 {
        let args = json!({ "v": v }).as_object().cloned().unwrap();
        stage.renderer.render(&svg("{{ v }}"), &args).await.unwrap();
    }
    let page = metrics.to_text().unwrap();
    assert!(page.contains("easel_compilations_total 1\n"), "{page}");
    assert!(page.contains("easel_renders_total 10\n"), "{page}");
    stage.lifecycle.stop().await;
}
