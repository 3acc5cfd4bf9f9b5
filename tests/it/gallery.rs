//! The gallery, and rendering without a session.

use common::api::ErrorCode;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{LABEL, Node};

#[tokio::test]
async fn the_gallery_has_something_for_everyone() {
    let node = Node::start().await;
    let list = node.get("/api/templates").await.is(200).json();
    let templates = list["templates"].as_array().unwrap();
    let names: Vec<_> = templates.iter().map(|t| t["name"].as_str().unwrap()).collect();
    for name in ["badge", "progress", "gauge", "bar-chart", "scoreboard", "status-board"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for template in templates {
        let name = template["name"].as_str().unwrap();
        for member in ["title", "description", "template"] {
            assert!(template[member].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        }
        assert!(template["args"].as_object().is_some_and(|args| !args.is_empty()), "{name}");
        assert_eq!(node.get(&format!("/api/templates/{name}")).await.is(200).json(), *template);
    }
    node.get("/api/templates/nothing").await.refuses(ErrorCode::TemplateNotFound);
    node.get("/api/templates/..%2Fhtml%2Fwatch").await.refuses(ErrorCode::TemplateNotFound);
}

#[tokio::test]
async fn every_template_becomes_a_live_picture_and_a_bitmap() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let list = node.get("/api/templates").await.json();
    for template in list["templates"].as_array().unwrap() {
        let name = template["name"].as_str().unwrap();
        owner.creates(&json!({ "session_id": name, "template_name": name })).await.is(201);
        let frame = node.viewer(&format!("alice/{name}")).await.sees_next().await;
        assert!(frame.svg.starts_with("<svg"), "{name}");
        let png = node.get(&format!("/stream/alice/{name}.png")).await.is(200);
        assert!(png.body.starts_with(b"\x89PNG"), "{name}");
    }
}

#[tokio::test]
async fn a_template_is_tried_out_without_a_session() {
    let node = Node::start().await;
    let render = async |body: Value| node.anyone().asks(Method::POST, "/api/render", &body).await;
    let svg = render(json!({ "template": LABEL, "args": { "value": "<b>" } })).await.is(200);
    assert_eq!(svg.header("content-type"), "image/svg+xml; charset=utf-8");
    assert!(svg.header("content-security-policy").ends_with("sandbox"));
    assert_eq!(svg.text(), LABEL.replace("{{ value }}", "&lt;b&gt;"));

    render(json!({ "template": LABEL })).await.refuses(ErrorCode::RenderFailed);
    render(json!({ "template": "{{" })).await.refuses(ErrorCode::TemplateInvalid);
    render(json!({ "template": "x" })).await.refuses(ErrorCode::NotSvg);
    render(json!({ "args": {} })).await.refuses_at(ErrorCode::ValidationFailed, "/template");
    let args = render(json!({ "template": LABEL, "args": [] })).await;
    args.refuses_at(ErrorCode::ValidationFailed, "/args");
}

#[tokio::test]
async fn nothing_of_the_machine_can_be_reached() {
    let node = Node::start().await;
    for body in [
        "{{ get_env(name=\"PATH\") }}",
        "{% include \"/etc/hostname\" %}",
        "{% extends \"/etc/hostname\" %}",
        "{% import \"/etc/hostname\" as x %}",
        "{{ load_data(path=\"/etc/hostname\") }}",
    ] {
        let template = LABEL.replace("{{ value }}", body);
        let body = json!({ "template": template, "args": {} });
        let answer = node.anyone().asks(Method::POST, "/api/render", &body).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
    }
}
