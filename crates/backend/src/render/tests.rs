use super::{engine::Engine, *};
use serde_json::json;

const OPEN: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\">";

fn engine() -> Engine {
    Engine::new(RenderLimits {
        template_bytes: 1000,
        output_bytes: 2000,
        memory_bytes: 1 << 30,
        compute: Duration::from_secs(1),
        parallel: 1,
    })
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
        .draw(&template, &args(value))
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
        let drawn = engine.draw(&template, &args(json!({ "v": v }))).unwrap();
        assert!(drawn.svg.contains(&v.to_string()));
        assert_eq!(drawn.compiled, v == 0);
    }
}

#[test]
fn an_unknown_name_has_a_place_too() {
    for body in [
        "\n{{ 1 | nope }}",
        "\n{{ nope(a=1) }}",
        "\n{% if 1 is nope %}{% endif %}",
        "\n{{ <Nope /> }}",
    ] {
        let Err(RenderError::Template { at: Some(at), message }) = draw(body, json!({})) else {
            panic!("{body}")
        };
        assert_eq!(at.line, 2, "{body}");
        assert!(message.starts_with("Unknown") && !message.contains('\n'), "{message}");
    }
}
