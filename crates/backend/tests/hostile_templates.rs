//! Templates that mean harm, against real render workers: each is answered, none ends the
//! server, none disturbs its neighbours, and nothing of it stays.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use backend::{
    lifecycle::Lifecycle,
    metrics::Metrics,
    render::{Limit, RenderError, RenderLimits, Renderer, WorkerProgram},
    session::gallery,
};
use common::api::Args;
use serde_json::json;

const OPEN: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"20\">";

const LIMITS: RenderLimits = RenderLimits {
    template_bytes: 65_536,
    output_bytes: 524_288,
    memory_bytes: 256 * 1024 * 1024,
    compute: Duration::from_millis(200),
    parallel: 2,
};

struct Stage {
    renderer: Arc<Renderer>,
    lifecycle: Lifecycle,
}

fn stage() -> Stage {
    let program = WorkerProgram(PathBuf::from(env!("CARGO_BIN_EXE_easel")));
    let lifecycle = Lifecycle::default();
    let renderer = Renderer::new(LIMITS, &program, &lifecycle, Arc::new(Metrics::default()));
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

fn attacks() -> Vec<(&'static str, String)> {
    let long = "a".repeat(1000);
    vec![
        ("a huge range", loops(1, 100_000_000, "")),
        ("nested ranges without output", loops(4, 1000, "")),
        ("loops over a literal", format!("{{% for a in [{}1] %}}", "1,".repeat(2000)).repeat(3) + &"{% endfor %}".repeat(3)),
        ("doubling by set", "{% set s = 'aaaaaaaaaaaaaaaa' %}{% for i in range(end=60) %}{% set_global s = s ~ s %}{% endfor %}{{ s }}".to_owned()),
        ("doubling by replace", format!("{{% set s = '{long}' %}}{{% set t = s | replace(from='a', to=s) %}}{{% set u = t | replace(from='a', to=t) %}}{{{{ u | length }}}}")),
        ("a flood of output", loops(3, 10_000, "<a/>")),
        ("a flood that is captured", format!("{{% set x %}}{}{{% endset %}}", loops(3, 10_000, &long))),
        ("components that fan out", "{% component F(n) %}{% if n > 0 %}{% for i in range(end=10) %}{{ <F n={n - 1} /> }}{% endfor %}{% endif %}{% endcomponent F %}{{ <F n={18} /> }}".to_owned()),
        ("components without an end", "{% component F(n) %}{{ <F n={n} /> }}{% endcomponent F %}{{ <F n={1} /> }}".to_owned()),
        ("deep parentheses", format!("{{{{ {} }}}}", nested("(", "1", ")", 30_000))),
        ("deep lists", format!("{{{{ {} }}}}", nested("[", "1", "]", 30_000))),
        ("deep negations", format!("{{{{ {} }}}}", nested("not ", "1", "", 15_000))),
        ("deep blocks", nested("{% if true %}", "", "{% endif %}", 2_500)),
        (
            "a chain of branches",
            format!("{{% if false %}}{}{{% endif %}}&", "{% elif false %}".repeat(4_000)),
        ),
        ("a giant indent", "{{ 'a\\nb' | indent(width=1000000000) }}".to_owned()),
        ("elements in elements", nested("<g>", "", "</g>", 9_000)),
        ("entities", "&a;".to_owned()),
    ]
}

#[tokio::test]
async fn every_attack_is_answered_and_leaves_nothing_behind() {
    let stage = stage();
    for (name, body) in attacks() {
        let result = stage.draws(&body).await;
        // A wide indent is capped by the engine, and deep elements are merely ugly.
        if !["a giant indent", "elements in elements"].contains(&name) {
            assert!(result.is_err(), "{name} was drawn");
        }
        assert!(!matches!(result, Err(RenderError::Worker)), "{name}: {result:?}");
        stage.is_well().await;
    }
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn a_limit_is_named() {
    let stage = stage();
    let cases = [
        (loops(4, 1000, ""), Limit::Compute(LIMITS.compute)),
        (loops(3, 1000, "<a/>"), Limit::OutputBytes(LIMITS.output_bytes)),
        (attacks().remove(4).1, Limit::Memory(LIMITS.memory_bytes)),
        (" ".repeat(70_000), Limit::TemplateBytes(LIMITS.template_bytes)),
    ];
    for (body, limit) in cases {
        assert_eq!(stage.draws(&body).await, Err(RenderError::Limit(limit)));
    }
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn neighbours_go_on_while_one_template_spins() {
    let stage = stage();
    let (spinning, honest) = (loops(4, 1000, ""), async {
        for _ in 0..50 {
            stage.is_well().await;
        }
    });
    let (spun, ()) = tokio::join!(stage.draws(&spinning), honest);
    assert!(matches!(spun, Err(RenderError::Limit(Limit::Compute(_)))));
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_worker_to_others() {
    let stage = stage();
    for _ in 0..8 {
        let spinning = loops(4, 1000, "");
        drop(futures_util::poll!(Box::pin(stage.draws(&spinning))));
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
        let png = stage.renderer.snapshot(&svg).await;
        let png = png.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(png.starts_with(b"\x89PNG"));
    }
    stage.lifecycle.stop().await;
}

#[tokio::test]
async fn a_template_is_compiled_once_a_worker() {
    let program = WorkerProgram(PathBuf::from(env!("CARGO_BIN_EXE_easel")));
    let (lifecycle, metrics) = (Lifecycle::default(), Arc::new(Metrics::default()));
    let limits = RenderLimits { parallel: 1, ..LIMITS };
    let renderer = Renderer::new(limits, &program, &lifecycle, metrics.clone());
    for v in 0..10 {
        let args = json!({ "v": v }).as_object().cloned().unwrap();
        renderer.render(&svg("{{ v }}"), &args).await.unwrap();
    }
    let page = metrics.to_text().unwrap();
    assert!(page.contains("easel_compilations_total 1\n"), "{page}");
    assert!(page.contains("easel_renders_total 10\n"), "{page}");
    lifecycle.stop().await;
}
