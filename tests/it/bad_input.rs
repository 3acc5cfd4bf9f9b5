//! Bad input: each is a problem with a code and a pointer, changes nothing and is shown to
//! nobody.

use common::api::ErrorCode::{self, InvalidId, InvalidJson, NotSvg, ValidationFailed};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Actor, LABEL, Node, Viewer};

/// A session that someone watches, and every promise that a refusal makes about it.
struct Scene {
    _node: Node,
    owner: Actor,
    viewer: Viewer,
}

impl Scene {
    async fn set() -> Self {
        let node = Node::start().await;
        let owner = node.owner("alice").await;
        owner.draws("chart", LABEL, json!({ "value": "good" })).await;
        let mut viewer = node.viewer("alice/chart").await;
        viewer.sees("good").await;
        Self { _node: node, owner, viewer }
    }

    /// Whatever was refused until now left no trace: the next frame is the next revision.
    async fn stays_untouched(mut self) {
        let session = self.owner.reads("chart").await;
        assert_eq!(session.args["value"], "good");
        assert_eq!(session.template, LABEL);
        let shown = self.viewer.newest().unwrap();
        assert_eq!(session.summary.revision, shown.to_string());
        let next = self.owner.puts("chart", json!({ "value": "better" })).await;
        assert_eq!(next.seq, shown.seq + 1);
        assert_eq!(self.viewer.sees_next().await.revision, next);
        assert_eq!(self.owner.lists().await.sessions.len(), 1, "nothing was created");
    }
}

#[tokio::test]
async fn fields_that_are_unknown_or_of_the_wrong_type() {
    let scene = Scene::set().await;
    let cases = [
        (json!({ "tempalte": "x" }), "/tempalte"),
        (json!({ "template": 7 }), "/template"),
        (json!({ "template": ["<svg/>"] }), "/template"),
        (json!({ "args": [] }), "/args"),
        (json!({ "args": "value=1" }), "/args"),
        (json!({ "args": 7 }), "/args"),
        (json!({ "args": null }), "/args"),
        (json!({ "visibility": "secret" }), "/visibility"),
        (json!({ "visibility": true }), "/visibility"),
        (json!({ "expire": 7 }), "/expire"),
        (json!([{ "args": {} }]), ""),
        (json!("text"), ""),
        (json!(null), ""),
    ];
    for (body, pointer) in cases {
        let put = scene.owner.changes("chart", &body).await;
        put.refuses_at(ValidationFailed, pointer);
        let post = scene.owner.creates(&body).await;
        post.refuses_at(ValidationFailed, pointer);
    }
    let unknown = json!({ "session_id": "x", "template": LABEL, "args": {}, "owner": "bob" });
    scene.owner.creates(&unknown).await.refuses_at(ValidationFailed, "/owner");
    scene
        .owner
        .changes("chart", &json!({ "session_id": "x" }))
        .await
        .refuses_at(ValidationFailed, "/session_id");
    for patch in [json!([]), json!(7), json!("x"), json!(null)] {
        scene.owner.merges("chart", &patch).await.refuses_at(ValidationFailed, "");
    }
    scene.stays_untouched().await;
}

#[tokio::test]
async fn lifetimes_that_no_session_has() {
    let scene = Scene::set().await;
    let wrong = ["0", "-1", "0.5", "9e12", "9000000000000", "\"60\"", "1e400", "true", "[]"];
    for ttl in wrong {
        let body = format!(
            "{{\"template\": {}, \"args\": {{\"value\": 1}}, \"ttl_seconds\": {ttl}}}",
            json!(LABEL)
        );
        for (method, path) in
            [(Method::POST, scene.owner.space()), (Method::PUT, scene.owner.session("chart"))]
        {
            let request = scene.owner.request(method, &path);
            let request = request.header("content-type", "application/json").body(body.clone());
            let answer = scene.owner.send(request).await;
            match ttl {
                // More than any number: whether that is JSON is for a parser to say.
                "1e400" => drop(answer.is(400)),
                _ => drop(answer.refuses_at(ValidationFailed, "/ttl_seconds")),
            }
        }
    }
    scene.stays_untouched().await;
}

#[tokio::test]
async fn ids_that_are_empty_overlong_or_strange() {
    let scene = Scene::set().await;
    let long = "x".repeat(65);
    let strange = ["", &long, "a b", "a/b", "a:b", "a.svg", "ä", "a\n", "a\0", "%41", "../x"];
    for id in strange {
        let body = json!({ "session_id": id, "template": LABEL, "args": { "value": 1 } });
        scene.owner.creates(&body).await.refuses_at(InvalidId, "/session_id");
    }
    let number = json!({ "session_id": 7, "template": LABEL });
    scene.owner.creates(&number).await.refuses_at(ValidationFailed, "/session_id");
    for id in [long.as_str(), "a%20b", "a%2Fb", "a:b", "a.svg", "%C3%A4", "a%0A", "a%00"] {
        let path = format!("/api/user/alice/session/{id}");
        scene.owner.get(&path).await.refuses_at(InvalidId, "session_id");
        let path = format!("/api/user/{id}/session/chart");
        scene.owner.get(&path).await.refuses_at(InvalidId, "user_id");
    }
    scene.stays_untouched().await;
}

#[tokio::test]
async fn bodies_that_are_no_json() {
    let scene = Scene::set().await;
    let broken = ["", "{", "{}{}", "{\"args\":}", "args=1", "{'args': {}}", "\u{0}"];
    for text in broken {
        for method in [Method::PUT, Method::PATCH] {
            let request = scene.owner.request(method, &scene.owner.session("chart"));
            let request = request.header("content-type", "application/json");
            let answer = scene.owner.send(request.body(text.to_owned())).await;
            answer.refuses(InvalidJson);
        }
    }
    let twice = r#"{"args": {"value": 1}, "args": {"value": 2}}"#;
    let request = scene.owner.request(Method::PUT, &scene.owner.session("chart"));
    let request = request.header("content-type", "application/json").body(twice);
    scene.owner.send(request).await.refuses_at(ValidationFailed, "/args");
    let request = scene.owner.request(Method::PUT, &scene.owner.session("chart"));
    let request = request.header("content-type", "application/json").body(vec![b'{', 0xff, b'}']);
    scene.owner.send(request).await.refuses(InvalidJson);
    scene.stays_untouched().await;
}

#[tokio::test]
async fn bodies_that_are_nested_without_end() {
    let scene = Scene::set().await;
    let object = format!("{}1{}", "{\"args\":".repeat(50_000), "}".repeat(50_000));
    let list = format!("{{\"args\":{{\"value\":{}{}}}}}", "[".repeat(50_000), "]".repeat(50_000));
    for text in [object, list] {
        for method in [Method::PUT, Method::PATCH] {
            let request = scene.owner.request(method, &scene.owner.session("chart"));
            let request = request.header("content-type", "application/json");
            let answer = scene.owner.send(request.body(text.clone())).await.is(400);
            assert!(answer.body.len() < 4096, "an answer is not as long as the question");
        }
    }
    scene.stays_untouched().await;
}

#[tokio::test]
async fn bodies_of_the_wrong_kind_or_size() {
    let scene = Scene::set().await;
    let body = r#"{"args": {"value": 1}}"#;
    let kinds = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json; charset=latin1",
        "json",
        "",
    ];
    for kind in kinds {
        let request = scene.owner.request(Method::PUT, &scene.owner.session("chart"));
        let request = request.header("content-type", kind).body(body);
        let answer = scene.owner.send(request).await;
        answer.refuses_at(ErrorCode::UnsupportedMediaType, "Content-Type");
    }
    let request = scene.owner.request(Method::PUT, &scene.owner.session("chart")).body(body);
    scene.owner.send(request).await.refuses(ErrorCode::UnsupportedMediaType);

    let large = json!({ "args": { "value": "x".repeat(3 * 1024 * 1024) } });
    scene.owner.changes("chart", &large).await.refuses(ErrorCode::BodyTooLarge);
    scene.owner.merges("chart", &large).await.refuses(ErrorCode::BodyTooLarge);
    scene.owner.creates(&large).await.refuses(ErrorCode::BodyTooLarge);
    scene.stays_untouched().await;
}

#[tokio::test]
async fn every_route_that_takes_a_body_is_as_strict() {
    let scene = Scene::set().await;
    let routes = [
        (Method::POST, "/api/auth/token".to_owned()),
        (Method::POST, "/api/render".to_owned()),
        (Method::POST, "/api/session".to_owned()),
        (Method::POST, scene.owner.space()),
        (Method::PUT, scene.owner.session("chart")),
        (Method::PATCH, scene.owner.session("chart")),
    ];
    for (method, path) in routes {
        let send = async |kind: &str, body: String| {
            let request = scene.owner.request(method.clone(), &path);
            scene.owner.send(request.header("content-type", kind).body(body)).await
        };
        let json = "application/json";
        send(json, "x".repeat(3 << 20)).await.refuses(ErrorCode::BodyTooLarge);
        send("text/plain", "{}".to_owned()).await.refuses(ErrorCode::UnsupportedMediaType);
        send(json, "{\"".to_owned()).await.refuses(InvalidJson);
        send(json, "[]".to_owned()).await.refuses_at(ValidationFailed, "");
        if method != Method::PATCH {
            let unknown = "{\"no-such-field\": 1}".to_owned();
            send(json, unknown).await.refuses_at(ValidationFailed, "/no-such-field");
        }
    }
    scene.stays_untouched().await;
}

#[tokio::test]
async fn a_stranger_with_a_large_body_is_a_stranger() {
    let scene = Scene::set().await;
    let large = json!({ "args": { "value": "x".repeat(3 * 1024 * 1024) } });
    let nobody = scene._node.anyone();
    let path = scene.owner.session("chart");
    nobody.asks(Method::PUT, &path, &large).await.refuses(ErrorCode::AuthRequired);
    scene.stays_untouched().await;
}

#[tokio::test]
async fn templates_that_do_not_compile_say_where() {
    let scene = Scene::set().await;
    let template = "<svg xmlns=\"http://www.w3.org/2000/svg\">\n  {{ value + }}\n</svg>";
    for (method, path) in
        [(Method::POST, scene.owner.space()), (Method::PUT, scene.owner.session("chart"))]
    {
        let body = json!({ "template": template, "args": { "value": 1 } });
        let answer = scene.owner.asks(method, &path, &body).await;
        let problem = answer.refuses_at(ErrorCode::TemplateInvalid, "/template");
        assert_eq!(problem.errors[0].line, Some(2));
        assert!(problem.errors[0].column.is_some_and(|column| column > 3), "{problem:?}");
        assert!(problem.detail.contains("line 2"), "{problem:?}");
    }
    scene.stays_untouched().await;
}

#[tokio::test]
async fn templates_that_do_not_render_say_where() {
    let scene = Scene::set().await;
    let answer = scene.owner.changes("chart", &json!({ "args": { "other": 1 } })).await;
    let problem = answer.refuses_at(ErrorCode::RenderFailed, "/template");
    assert_eq!(problem.errors[0].line, Some(1));
    let column = LABEL.find("value").unwrap() as u64 + 1;
    assert_eq!(problem.errors[0].column, Some(column));
    let answer = scene.owner.merges("chart", &json!({ "value": null })).await;
    answer.refuses_at(ErrorCode::RenderFailed, "/template");
    scene.stays_untouched().await;
}

#[tokio::test]
async fn results_that_are_no_pictures() {
    let scene = Scene::set().await;
    for inside in ["<a></b>", "R&D", "&nbsp;", "<u:a/>", "<a x='1' x='2'/>", "\u{1}", "\u{ffff}"] {
        let template = format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{inside}</svg>");
        let answer = scene.owner.changes("chart", &json!({ "template": template })).await;
        answer.refuses_at(NotSvg, "/template");
    }
    let doctype = format!("<!DOCTYPE svg [<!ENTITY a 'b'>]>{LABEL}");
    for template in ["<html/>", "<svg/>", "hello", "", " \n", &doctype, &LABEL.repeat(2)] {
        let answer = scene.owner.changes("chart", &json!({ "template": template })).await;
        answer.refuses_at(NotSvg, "/template");
    }
    scene.stays_untouched().await;
}

#[tokio::test]
async fn args_with_characters_that_no_picture_may_contain() {
    let scene = Scene::set().await;
    for character in ["\u{0}", "\u{1}", "\u{8}", "\u{b}", "\u{1b}", "\u{fffe}", "\u{ffff}"] {
        let args = json!({ "value": format!("a{character}b") });
        let put = scene.owner.changes("chart", &json!({ "args": args })).await;
        put.refuses(NotSvg);
        scene.owner.merges("chart", &args).await.refuses(NotSvg);
    }
    scene.stays_untouched().await;
}

#[tokio::test]
async fn pictures_that_pass_a_limit() {
    let scene = Scene::set().await;
    let long = format!("{LABEL}<!--{}-->", "x".repeat(100_000));
    let flood =
        LABEL.replace("{{ value }}", "{% for i in range(end=99999) %}{{ i }}, {% endfor %}");
    for template in [long, flood] {
        let answer = scene.owner.changes("chart", &json!({ "template": template })).await;
        answer.refuses_at(ErrorCode::RenderLimit, "/template");
    }
    scene.stays_untouched().await;
}

#[tokio::test]
async fn creations_that_do_not_say_what_to_draw() {
    let scene = Scene::set().await;
    let create = async |body: Value| scene.owner.creates(&body).await;
    create(json!({})).await.refuses_at(ValidationFailed, "/template");
    let both = json!({ "template": LABEL, "template_name": "badge" });
    create(both).await.refuses_at(ValidationFailed, "/template_name");
    let unknown = json!({ "template_name": "nothing" });
    create(unknown).await.refuses_at(ValidationFailed, "/template_name");
    scene.stays_untouched().await;
}

#[tokio::test]
async fn queries_that_make_no_sense() {
    let scene = Scene::set().await;
    let list =
        async |query: &str| scene.owner.get(&format!("{}?{query}", scene.owner.list())).await;
    for limit in ["0", "101", "-1", "ten", "1.5", "", "99999999999"] {
        list(&format!("limit={limit}")).await.refuses_at(ValidationFailed, "limit");
    }
    for cursor in ["", "x", "7:chart", "Nzo", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6YQ", "%00"] {
        list(&format!("cursor={cursor}")).await.refuses_at(ErrorCode::InvalidCursor, "cursor");
    }
    list("page=2").await.refuses(ValidationFailed);
    let stream = scene._node.get("/stream/alice/chart?as=gif").await;
    stream.refuses_at(ValidationFailed, "as");
    scene.stays_untouched().await;
}
