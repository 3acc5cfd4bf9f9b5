//! Templates of strangers: a limit is answered by its name and its setting, and others do not
//! notice.

use common::api::ErrorCode;
use serde_json::{Value, json};
use tests::{Door, LABEL, Node, Setup, still_clock};

const OPEN: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\">";

async fn tries(node: &Door, body: &str, args: Value) -> tests::Answer {
    let template = format!("{OPEN}{body}</svg>");
    let request = node.request(reqwest::Method::POST, "/api/render");
    node.send(request.json(&json!({ "template": template, "args": args }))).await
}

#[tokio::test]
async fn every_limit_is_a_setting_and_is_named_when_it_is_reached() {
    let node = Setup::default()
        .set("max-template-bytes", "400")
        .set("max-args-bytes", "100")
        .set("max-output-bytes", "600")
        .set("max-loop-steps", "20")
        .set("max-depth", "5")
        .set("max-elements", "15")
        .set("render-compute", "20ms")
        .start()
        .await;
    let nothing = json!({});
    for (body, args, words) in [
        ("a".repeat(400), &nothing, "400 bytes (setting max-template-bytes)"),
        (String::new(), &json!({ "a": "b".repeat(100) }), "100 bytes of JSON (setting max-args-bytes)"),
        ("{% for i in range(end=9) %}{{ 1000000000 * 1000000000 }}<!-- a long comment that goes on and on and on and on -->{% endfor %}".to_owned(), &nothing, "600 bytes (setting max-output-bytes)"),
        ("{% for i in range(end=7) %}{% for j in range(end=2) %}{% endfor %}{% endfor %}".to_owned(), &nothing, "20 loop steps (setting max-loop-steps)"),
        ("<g><g><g><g><g/></g></g></g></g>".to_owned(), &nothing, "more than 5 deep in each other (setting max-depth)"),
        ("<g/>".repeat(15), &nothing, "15 elements (setting max-elements)"),
        (
            format!("{{% set s = 'aaaaaaaaaa' %}}{}", "{% set s = s | replace(from='a', to=s) %}".repeat(6)),
            &nothing,
            "(setting render-",
        ),
    ] {
        let problem = tries(&node, &body, args.clone()).await.refuses(ErrorCode::RenderLimit);
        assert!(problem.detail.contains(words), "{words}: {}", problem.detail);
        assert!(problem.errors[0].detail.contains(words), "{problem:?}");
        let about = if words.contains("args") { "/args" } else { "/template" };
        assert_eq!(problem.errors[0].pointer, about);
    }
    tries(&node, "<g/>", nothing).await.is(200);
}

#[tokio::test]
async fn args_that_grow_by_patches_reach_the_limit_too() {
    let node = Setup::default().set("max-args-bytes", "100").start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": "a".repeat(60) })).await;
    let answer = owner.merges("chart", &json!({ "more": "b".repeat(60) })).await;
    answer.refuses_at(ErrorCode::RenderLimit, "/args");
    let args = owner.reads("chart").await.args;
    assert_eq!(args.len(), 1, "nothing changed: {args:?}");
    owner.patches("chart", json!({ "value": "b".repeat(60) })).await;
}

#[tokio::test]
async fn viewers_keep_their_picture_when_a_change_is_a_bomb() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let template = format!(
        "{OPEN}<text>{{{{ n }}}}{{% for i in range(end=n) %}}{{% for j in range(end=n) %}}\
         {{% endfor %}}{{% endfor %}}</text></svg>"
    );
    owner.draws("chart", &template, json!({ "n": 1 })).await;
    let mut viewer = node.viewer("alice/chart").await;
    viewer.sees("<text>1<").await;
    let answer = owner.changes("chart", &json!({ "args": { "n": 50_000 } })).await;
    answer.refuses_at(ErrorCode::RenderLimit, "/template");
    owner.puts("chart", json!({ "n": 2 })).await;
    let frame = viewer.sees_next().await;
    assert!(frame.svg.contains("<text>2<"), "the bomb was shown to nobody: {}", frame.svg);
}

#[tokio::test]
async fn the_time_in_a_picture_is_that_of_the_server() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    let template = format!("{OPEN}<text>{{{{ now() }}}} {{{{ v }}}}</text></svg>");
    owner.draws("clock", &template, json!({ "v": 1 })).await;
    let mut viewer = node.viewer("alice/clock").await;
    viewer.sees("2033-05-18T03:33:20Z 1").await;
    clock.advance(std::time::Duration::from_secs(100));
    owner.puts("clock", json!({ "v": 2 })).await;
    viewer.sees("2033-05-18T03:35:00Z 2").await;
}

#[tokio::test]
async fn what_is_not_on_the_list_is_refused_with_its_place() {
    let node = Node::start().await;
    for name in ["get_env(name='PATH')", "get_random(start=0, end=9)", "__easel_turn()"] {
        let answer = tries(&node, &format!("\n{{{{ {name} }}}}"), json!({})).await;
        let problem = answer.refuses_at(ErrorCode::TemplateInvalid, "/template");
        assert!(problem.detail.contains("is not available here"), "{}", problem.detail);
        assert_eq!((problem.errors[0].line, problem.errors[0].column), (Some(2), Some(4)));
    }
}
