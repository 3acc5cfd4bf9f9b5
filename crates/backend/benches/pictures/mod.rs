//! The pictures that are measured.

use std::time::Duration;

use backend::{
    render::{RenderLimits, SnapshotLimits},
    session::gallery,
};
use common::api::Args;
use serde_json::{Value, json};

/// The defaults.
pub(crate) const LIMITS: RenderLimits = RenderLimits {
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

const CHART: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="560" height="160" font-size="9">
  {%- set most = values | sort | last %}
  {%- for v in values %}
  {%- set height = (v / most * 120) | round(precision=1) %}
  <rect x="{{ loop.index0 * 14 }}" y="{{ 130 - height }}" width="12" height="{{ height }}" rx="2" fill="{{ hue }}"/>
  <text x="{{ loop.index0 * 14 + 6 }}" y="145" text-anchor="middle">{{ labels[loop.index0] }}</text>
  {%- endfor %}
</svg>"##;

const STROKES: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 600">
  <rect width="800" height="600" fill="{{ paper }}"/>
  {%- for stroke in strokes %}
  <path d="{{ stroke.d }}" fill="none" stroke="{{ stroke.ink }}" stroke-width="{{ stroke.width }}" stroke-linecap="round"/>
  {%- endfor %}
</svg>"#;

/// What is drawn, from the smallest to the largest: a badge, 40 bars, 150 strokes of a pen.
pub(crate) fn pictures() -> [(&'static str, String, Args); 3] {
    let badge = gallery::get("badge").unwrap();
    let values: Vec<i64> = (0..40).map(|i| 200 + (i * 7919) % 800).collect();
    let labels: Vec<String> = (0..40).map(|i| format!("d{i}")).collect();
    let strokes: Vec<Value> = (0..150).map(stroke).collect();
    let args = |value: Value| value.as_object().unwrap().clone();
    let chart = args(json!({ "values": values, "labels": labels, "hue": "#3f76e0" }));
    let drawing = args(json!({ "paper": "#fdfcf9", "strokes": strokes }));
    [
        ("badge", badge.template.clone(), badge.args.clone()),
        ("40 bars", CHART.to_owned(), chart),
        ("150 paths", STROKES.to_owned(), drawing),
    ]
}

fn stroke(i: usize) -> Value {
    let point = |n: usize| {
        let (x, y) = ((i * 31 + n * 17) % 800, (i * 13 + n * 29) % 600);
        format!(" {x}.{n} {y}.{}", i % 10)
    };
    let points: String = (0..8).map(point).collect();
    let ink = format!("#{:06x}", i * 99_991);
    json!({ "d": format!("M{i} {i} C{points}"), "ink": ink, "width": 1 + i % 4 })
}
