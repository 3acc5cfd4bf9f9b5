use super::*;
use serde_json::json;

const OPEN: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\">";

fn renderer() -> Arc<Renderer> {
    let limits = RenderLimits { template_bytes: 1000, output_bytes: 2000, parallel: 2 };
    Renderer::new(limits, Arc::default())
}

fn args(value: serde_json::Value) -> Args {
    match value {
        serde_json::Value::Object(args) => args,
        other => panic!("{other} is no object"),
    }
}

fn draw(body: &str, value: serde_json::Value) -> Result<String, RenderError> {
    let template = format!("{OPEN}{body}</svg>");
    renderer()
        .render_here(&template, &args(value))
        .map(|svg| svg[OPEN.len()..].replace("</svg>", ""))
}

#[test]
fn args_are_escaped_in_text_and_in_attributes() {
    let hostile = json!({"v": "<script>\"'&</script>"});
    let text = draw("<text a=\"{{ v }}\">{{ v }}</text>", hostile).unwrap();
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
    let long = format!("<!--{}-->", "x".repeat(1000));
    assert_eq!(draw(&long, json!({})), Err(RenderError::Limit(Limit::TemplateBytes(1000))));
    let flood = "{% for i in range(end=1000) %}<a/>{% endfor %}";
    assert_eq!(draw(flood, json!({})), Err(RenderError::Limit(Limit::OutputBytes(2000))));
}

#[tokio::test]
async fn a_template_is_compiled_once() {
    let metrics = Arc::new(Metrics::default());
    let limits = RenderLimits { template_bytes: 1000, output_bytes: 2000, parallel: 2 };
    let renderer = Renderer::new(limits, metrics.clone());
    let template: Arc<str> = format!("{OPEN}{{{{ v }}}}</svg>").into();
    for v in 0..10 {
        let svg = renderer.render(template.clone(), args(json!({ "v": v })).into()).await.unwrap();
        assert!(svg.contains(&v.to_string()));
    }
    let page = metrics.to_text().unwrap();
    assert!(page.contains("easel_compilations_total 1\n"), "{page}");
    assert!(page.contains("easel_renders_total 10\n"), "{page}");
}
