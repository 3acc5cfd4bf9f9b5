//! An owner's sessions: created, read, changed, listed, deleted, and nobody else's.

use common::{Revision, SessionId, api::ErrorCode, api::Visibility};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Actor, COUNTER, LABEL, Node, number, still_clock};

#[tokio::test]
async fn an_owner_draws_and_reads_it_back() {
    let node = Node::start_by(&still_clock()).await;
    let owner = node.owner("alice").await;
    let body = json!({ "session_id": "chart", "template": LABEL, "args": { "value": 1 } });
    let answer = owner.creates(&body).await.is(201);
    assert_eq!(answer.json(), json!({ "user_id": "alice", "session_id": "chart" }));
    assert_eq!(answer.header("location"), "/api/user/alice/session/chart");

    let location = answer.header("location").to_owned();
    let read = owner.get(&location).await.is(200);
    assert_eq!(read.revision(), answer.revision());
    assert_eq!(
        read.json(),
        json!({
            "user_id": "alice",
            "session_id": "chart",
            "created_at": "2033-05-18T03:33:20Z",
            "updated_at": "2033-05-18T03:33:20Z",
            "ttl": 3600,
            "revision": answer.revision().to_string(),
            "visibility": "public",
            "viewers": 0,
            "template": LABEL,
            "args": { "value": 1 },
        })
    );
}

#[tokio::test]
async fn a_session_without_a_name_is_given_one() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let body = json!({ "template": LABEL, "args": { "value": 1 } });
    let one = owner.creates(&body).await.is(201).json();
    let two = owner.creates(&body).await.is(201).json();
    let name = |answer: &Value| answer["session_id"].as_str().unwrap().to_owned();
    assert!(name(&one).parse::<SessionId>().is_ok());
    assert_ne!(name(&one), name(&two));
    owner.reads(&name(&two)).await;
}

#[tokio::test]
async fn a_template_of_the_gallery_is_asked_for_by_name() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.creates(&json!({ "session_id": "b", "template_name": "badge" })).await.is(201);
    let session = owner.reads("b").await;
    assert!(session.template.contains("<svg"));
    assert!(!session.args.is_empty(), "the sample args stand in");

    let body = json!({ "session_id": "c", "template_name": "badge", "args": { "value": "mine" } });
    owner.creates(&body).await.is(201);
    assert_eq!(Value::from(owner.reads("c").await.args), json!({ "value": "mine" }));
}

#[tokio::test]
async fn a_taken_name_is_refused_and_nothing_changes() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let revision = owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    let body = json!({ "session_id": "chart", "template": LABEL, "args": { "value": 2 } });
    owner.creates(&body).await.refuses_at(ErrorCode::SessionExists, "/session_id");
    let session = owner.reads("chart").await;
    assert_eq!(session.summary.revision, revision.to_string());
    assert_eq!(session.args["value"], 1);
}

#[tokio::test]
async fn of_many_who_want_a_name_one_gets_it() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let body = json!({ "session_id": "chart", "template": LABEL, "args": { "value": 1 } });
    let answers = join_all((0..8).map(|_| owner.creates(&body))).await;
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    let taken = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((created, taken), (1, 7));
}

#[tokio::test]
async fn put_replaces_all_args_and_patch_merges_them() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let template = LABEL.replace("value", "a | default(value='none')");
    let first = owner.draws("chart", &template, json!({ "a": 1, "b": { "c": 2, "d": 3 } })).await;

    let patch = json!({ "a": null, "b": { "c": 4, "d": null }, "e": [5] });
    let second = owner.patches("chart", patch).await;
    assert_eq!(second, Revision { seq: first.seq + 1, ..first });
    let args = Value::from(owner.reads("chart").await.args);
    assert_eq!(args, json!({ "b": { "c": 4 }, "e": [5] }));

    let third = owner.puts("chart", json!({ "a": 6 })).await;
    assert_eq!(third.seq, second.seq + 1);
    let session = owner.reads("chart").await;
    assert_eq!(Value::from(session.args), json!({ "a": 6 }));
    assert_eq!(session.template, template);
}

#[tokio::test]
async fn patch_takes_both_media_types() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    for media_type in ["application/merge-patch+json", "application/json; charset=utf-8"] {
        let request = owner.request(Method::PATCH, &owner.session("chart"));
        let request = request.header("content-type", media_type).body("{\"value\": 2}");
        owner.send(request).await.is(204);
    }
}

#[tokio::test]
async fn what_a_change_does_not_name_stays() {
    let clock = still_clock();
    let node = Node::start_by(&clock).await;
    let owner = node.owner("alice").await;
    let body = json!({
        "session_id": "chart", "template": LABEL, "args": { "value": 1 },
        "ttl_seconds": 100, "visibility": "private",
    });
    owner.creates(&body).await.is(201);
    let other = LABEL.replace("<text", "<text x=\"5\"");
    owner.changes("chart", &json!({ "template": other })).await.is(204);
    let session = owner.reads("chart").await;
    assert_eq!(session.template, other);
    assert_eq!(session.args["value"], 1);
    assert_eq!(session.summary.visibility, Visibility::Private);
    assert_eq!(session.summary.ttl, 100);
}

#[tokio::test]
async fn a_deleted_session_is_gone_and_its_name_free() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let old = owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    owner.deletes("chart").await;
    owner.get(&owner.session("chart")).await.refuses(ErrorCode::SessionNotFound);
    let again = owner.request(Method::DELETE, &owner.session("chart"));
    owner.send(again).await.refuses(ErrorCode::SessionNotFound);
    let update = owner.changes("chart", &json!({ "args": { "value": 2 } })).await;
    update.refuses(ErrorCode::SessionNotFound);
    assert!(owner.lists().await.sessions.is_empty());

    let new = owner.draws("chart", LABEL, json!({ "value": 3 })).await;
    assert!(new.epoch > old.epoch && new.seq == 1, "{new} after {old}");
}

#[tokio::test]
async fn a_list_has_the_newest_first_and_pages_that_do_not_shift() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    for n in 0..5 {
        owner.draws(&format!("s{n}"), COUNTER, json!({ "n": n })).await;
    }
    node.owner("bob").await.draws("other", LABEL, json!({ "value": 1 })).await;
    let page = async |query: &str| -> (Vec<String>, Option<String>) {
        let list = owner.get(&format!("{}?{query}", owner.list())).await.is(200).json();
        let names = list["sessions"].as_array().unwrap().iter();
        let names = names.map(|session| session["session_id"].as_str().unwrap().to_owned());
        (names.collect(), list["next_cursor"].as_str().map(str::to_owned))
    };
    let (names, cursor) = page("limit=2").await;
    assert_eq!(names, ["s4", "s3"]);
    // Someone comes to the front of the queue; those who wait do not move.
    owner.draws("new", LABEL, json!({ "value": 1 })).await;
    let (names, cursor) = page(&format!("limit=2&cursor={}", cursor.unwrap())).await;
    assert_eq!(names, ["s2", "s1"]);
    let (names, cursor) = page(&format!("limit=2&cursor={}", cursor.unwrap())).await;
    assert_eq!((names, cursor), (vec!["s0".to_owned()], None));
    assert_eq!(page("").await.0, ["new", "s4", "s3", "s2", "s1", "s0"]);
}

#[tokio::test]
async fn a_list_says_what_is_going_on() {
    let node = Node::start_by(&still_clock()).await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    let revision = owner.puts("chart", json!({ "value": 2 })).await;
    let mut viewers = [node.viewer("alice/chart").await, node.viewer("alice/chart").await];
    for viewer in &mut viewers {
        viewer.sees_next().await;
    }
    let list = owner.get(&owner.list()).await.is(200).json();
    let session = json!({
        "session_id": "chart",
        "created_at": "2033-05-18T03:33:20Z",
        "updated_at": "2033-05-18T03:33:20Z",
        "ttl": 3600,
        "revision": revision.to_string(),
        "visibility": "public",
        "viewers": 2,
    });
    assert_eq!(list, json!({ "sessions": [session], "next_cursor": null }));
}

#[tokio::test]
async fn args_are_text_and_never_markup() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let hostile = "</text><script>alert(1)</script>\"'&";
    owner.draws("chart", LABEL, json!({ "value": hostile })).await;
    let frame = node.viewer("alice/chart").await.sees_next().await;
    assert!(!frame.svg.contains("<script"), "{}", frame.svg);
    assert!(frame.svg.contains("&lt;script&gt;"), "{}", frame.svg);
    let unescaped = LABEL.replace("value", "value | safe");
    let body = json!({ "template": unescaped, "args": { "value": hostile } });
    assert_eq!(owner.creates(&body).await.status, 422);
}

#[tokio::test]
async fn first_who_are_you_then_is_it_yours_then_is_it_there() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    let (stranger, nobody) = (node.owner("mallory").await, node.anyone());
    let change = json!({ "args": { "value": 2 } });
    let attempts = |session: &'static str| {
        let session = owner.session(session);
        [
            (Method::GET, session.clone()),
            (Method::PUT, session.clone()),
            (Method::PATCH, session.clone()),
            (Method::DELETE, session),
        ]
    };
    let spaces = [(Method::POST, owner.space()), (Method::GET, owner.list())];
    let attempts = attempts("chart").into_iter().chain(attempts("missing")).chain(spaces);
    for (method, path) in attempts {
        let try_it = async |who: &Actor| who.asks(method.clone(), &path, &change).await;
        let refused = try_it(&nobody).await;
        refused.refuses(ErrorCode::AuthRequired);
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        try_it(&stranger).await.refuses(ErrorCode::Forbidden);
        if path.ends_with("missing") {
            try_it(&owner).await.refuses(ErrorCode::SessionNotFound);
        }
    }
    assert_eq!(owner.reads("chart").await.args["value"], 1);
}

#[tokio::test]
async fn a_stranger_does_not_learn_what_exists() {
    let node = Node::start().await;
    node.owner("alice").await.draws("chart", LABEL, json!({ "value": 1 })).await;
    let stranger = node.owner("mallory").await;
    let ask = async |path: &str| {
        let answer = stranger.get(path).await;
        let mut problem = answer.refuses(ErrorCode::Forbidden);
        (problem.instance, problem.trace_id) = Default::default();
        let mut headers = answer.headers;
        headers.remove("x-request-id");
        headers.remove("traceparent");
        headers.remove("date");
        headers.remove("content-length");
        // What is left of the stranger's own share.
        headers.remove("ratelimit");
        (problem, headers)
    };
    let there = ask("/api/user/alice/session/chart").await;
    assert_eq!(there, ask("/api/user/alice/session/chars").await);
    assert_eq!(there, ask("/api/user/nobody/session/chart").await);
}

#[tokio::test]
async fn writers_at_the_same_time_agree_on_one_order() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let first = owner.draws("chart", COUNTER, json!({ "n": 0 })).await;
    let mut viewer = node.viewer("alice/chart").await;
    viewer.sees_next().await;
    let writes = (1..=12).map(|n| {
        let owner = owner.clone();
        async move { (owner.puts("chart", json!({ "n": n })).await, n) }
    });
    let mut written = join_all(writes).await;
    written.sort_unstable();
    let seqs: Vec<_> = written.iter().map(|(revision, _)| revision.seq).collect();
    assert_eq!(seqs, (first.seq + 1..=first.seq + 12).collect::<Vec<_>>());

    let &(last, n) = written.last().unwrap();
    let session = owner.reads("chart").await;
    assert_eq!(session.summary.revision, last.to_string());
    assert_eq!(session.args["n"], n);
    loop {
        let frame = viewer.sees_next().await;
        let (_, drawn) = written.iter().find(|(revision, _)| *revision == frame.revision).unwrap();
        assert_eq!(number(&frame.svg), *drawn);
        if frame.revision == last {
            break;
        }
    }
}

#[tokio::test]
async fn patches_at_the_same_time_all_count() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    owner.draws("chart", LABEL, json!({ "value": 0 })).await;
    let patches = (0..12).map(|n| owner.patches("chart", json!({ format!("k{n}"): n })));
    join_all(patches).await;
    assert_eq!(owner.reads("chart").await.args.len(), 13);
}
