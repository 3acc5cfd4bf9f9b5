use super::{engine::Engine, *};
use ::time::OffsetDateTime;
use serde_json::json;

const OPEN: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\">";

/// Small enough to be reached on purpose.
pub(super) const LIMITS: RenderLimits = RenderLimits {
    template_bytes: 1000,
    args_bytes: 1000,
    output_bytes: 2000,
    loop_steps: 1000,
    depth: 128,
    elements: 100_000,
    memory_bytes: 1 << 30,
    compute: std::time::Duration::from_secs(1),
    parallel: 1,
    snapshot: SnapshotLimits {
        side: 512,
        depth: 32,
        memory_bytes: 1 << 30,
        compute: std::time::Duration::from_secs(1),
        parallel: 1,
    },
};

/// When everything here is drawn.
const NOON: OffsetDateTime = time::macros::datetime!(2033-05-18 03:33:20 UTC);

fn engine() -> Engine {
    Engine::new(LIMITS)
}

fn args(value: serde_json::Value) -> Args {
    match value {
        serde_json::Value::Object(args) => args,
        other => panic!("{other} is no object"),
    }
}

fn draw(body: &str, value: serde_json::Value) -> Result<String, RenderError> {
    let template = format!("{OPEN}{body}</svg>");
    engine()
        .draw(&template, &args(value), NOON)
        .map(|drawn| drawn.svg[OPEN.len()..].replace("</svg>", ""))
}

#[test]
fn args_are_escaped_in_text_and_in_attributes() {
    let hostile = json!({"v": "<script>\"'&</script>"});
    let text = draw("<text data-a=\"{{ v }}\">{{ v }}</text>", hostile).unwrap();
    assert!(!text.contains("<script"), "{text}");
    assert_eq!(text.matches("&lt;script&gt;").count(), 2, "{text}");
}

#[test]
fn a_template_cannot_unescape_for_strangers() {
    for body in
        ["{{ v | safe }}", "{{ v | upper | safe }}", "{% filter safe %}{{ v }}{% endfilter %}"]
    {
        assert!(
            matches!(
                draw(body, json!({"v": "<a/>"})),
                Err(RenderError::Render { .. } | RenderError::Template { .. })
            ),
            "{body}"
        );
    }
}

#[test]
fn nothing_of_the_process_can_be_reached() {
    for body in [
        "{{ get_env(name=\"PATH\") }}",
        "{% include \"/etc/hostname\" %}",
        "{% extends \"/etc/hostname\" %}",
        "{% import \"/etc/hostname\" as x %}",
        "{{ load_data(path=\"/etc/hostname\") }}",
    ] {
        assert!(matches!(draw(body, json!({})), Err(RenderError::Template { .. })), "{body}");
    }
}

#[test]
fn a_fault_in_a_template_has_a_place() {
    let Err(RenderError::Template { at: Some(at), message }) = draw("\n  {{ a + }}", json!({}))
    else {
        panic!()
    };
    assert_eq!(at.line, 2);
    assert!(at.column > 3, "{at:?}");
    assert!(!message.contains('\n'), "{message}");
    let Err(RenderError::Render { at: Some(at), .. }) = draw("\n\n{{ missing }}", json!({})) else {
        panic!()
    };
    assert_eq!((at.line, at.column), (3, 4));
}

#[test]
fn limits_are_limits() {
    let flood = "{% for i in range(end=1000) %}<a/>{% endfor %}";
    assert_eq!(draw(flood, json!({})), Err(RenderError::Limit(Limit::OutputBytes(2000))));
}

#[test]
fn a_template_is_compiled_once() {
    let (engine, template) = (engine(), format!("{OPEN}{{{{ v }}}}</svg>"));
    for v in 0..10 {
        let drawn = engine.draw(&template, &args(json!({ "v": v })), NOON).unwrap();
        assert!(drawn.svg.contains(&v.to_string()));
        assert_eq!(drawn.compiled, v == 0);
    }
}

#[test]
fn templates_that_take_turns_are_compiled_once_however_large() {
    for (bytes, templates) in [(100, 200), (64 * 1024, 30), (3 << 20, 2)] {
        let engine = Engine::new(RenderLimits { template_bytes: bytes, ..LIMITS });
        for turn in 0..3 {
            for n in 0..templates {
                let filler = " ".repeat(bytes - 80);
                let template = format!("{OPEN}{{#{n}{filler}#}}</svg>");
                let drawn = engine.draw(&template, &Args::new(), NOON).unwrap();
                assert_eq!(drawn.compiled, turn == 0, "{n} of {templates} with {bytes} bytes");
            }
        }
    }
}

#[test]
fn a_name_that_is_not_listed_has_a_place_and_a_reason() {
    for (body, words) in [
        ("\n{{ 1 | nope }}", "the filter `nope` is not available here; there are: abs, "),
        ("\n{{ nope(a=1) }}", "the function `nope` is not available here; there are: now, "),
        ("\n{% if 1 is nope %}{% endif %}", "the test `nope` is not available here"),
        ("\n{{ <Nope /> }}", "Unknown"),
        ("\n{{ 1 | safe }}", "the filter `safe` is not available here: what a template prints"),
        ("\n{{ __easel_turn() }}", "the function `__easel_turn` is not available here"),
        ("\n{{ super() }}", "the function `super` is not available here"),
    ] {
        let Err(RenderError::Template { at: Some(at), message }) = draw(body, json!({})) else {
            panic!("{body}")
        };
        assert_eq!(at.line, 2, "{body}");
        assert!(message.starts_with(words) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn steps_are_counted_wherever_something_is_repeated() {
    let few = "{% for i in range(end=30) %}{% for j in range(end=32) %}{% endfor %}{% endfor %}";
    assert_eq!(draw(few, json!({})).as_deref(), Ok(""));
    let most = Err(RenderError::Limit(Limit::LoopSteps(LIMITS.loop_steps)));
    for body in [
        few.replace("32", "33"),
        "{% for i in range(end=1001) %}{% endfor %}".to_owned(),
        "{{ range(end=1001) | length }}".to_owned(),
        "{{ range(end=-1001, step_by=-1) | length }}".to_owned(),
        "{{ [[1 for i in l] for j in l] | length }}".to_owned(),
        "{{ [1 for i in l if false] | length }}{{ [1 for i in l] | length }}".to_owned(),
        "{% component C(n) %}{% if n > 0 %}{{ <C n={n - 1} /> }}{{ <C n={n - 1} /> }}{% endif %}\
         {% endcomponent C %}{{ <C n={12} /> }}"
            .to_owned(),
        "{% component C() %}{% endcomponent C %}{% for i in l %}{{ <C /> }}{% endfor %}".to_owned(),
    ] {
        let args = json!({ "l": vec![0; 501] });
        assert_eq!(draw(&body, args), most, "{body}");
    }
    // Each drawing begins anew.
    let engine = engine();
    let template = format!("{OPEN}{few}</svg>");
    for _ in 0..3 {
        assert!(engine.draw(&template, &Args::new(), NOON).is_ok());
    }
}

#[test]
fn a_template_is_told_the_time_and_asks_no_clock() {
    for (call, wanted) in [
        ("now()", "2033-05-18T03:33:20Z"),
        ("now(timestamp=true) - 1", "1999999999"),
        ("now(format='%H:%M')", "03:33"),
        ("now(format='%e %B %Y')", "18 May 2033"),
    ] {
        assert_eq!(draw(&format!("{{{{ {call} }}}}"), json!({})).as_deref(), Ok(wanted), "{call}");
    }
    let fault = draw("{{ now(format='%Q') }}", json!({}));
    let Err(RenderError::Render { message, at: Some(at) }) = fault else { panic!("{fault:?}") };
    assert!(message.contains("strftime"), "{message}");
    assert_eq!(at.line, 1);
}

#[test]
fn a_fault_after_a_loop_is_where_the_caller_sees_it() {
    let body = "{% for i in [1 for a in [1]] -%} {{ missing }}{% endfor %}";
    let Err(RenderError::Render { at: Some(at), .. }) = draw(body, json!({})) else { panic!() };
    assert_eq!((at.line, at.column), (1, OPEN.len() + body.find("missing").unwrap() + 1));
}

#[test]
fn groups_come_in_the_order_of_what_is_grouped() {
    let body =
        "{% for k, rows in l | group_by(attribute='k') %}{{ k }}{{ rows | length }} {% endfor %}";
    let rows: Vec<_> = "zyxwvutsrqponmlkjihgfedcbaz".chars().map(|k| json!({ "k": k })).collect();
    let drawn = draw(body, json!({ "l": rows })).unwrap();
    assert!(drawn.starts_with("z2 y1 x1 w1 ") && drawn.ends_with(" b1 a1 "), "{drawn}");
}
