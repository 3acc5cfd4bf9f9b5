//! What roles allow: a row for every route, a column for everyone who may come.

use common::{api::ErrorCode, path};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Actor, Member, Node, PASSWORD, wait};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// Who comes: nobody, the account's own user, another, and those with a role.
const WHO: [&str; 6] = ["nobody", "own", "user", "operator", "auditor", "admin"];

/// What each of them gets, in that order.
type Row = (Method, &'static str, Value, [u16; 6]);

fn table() -> Vec<Row> {
    use Method as M;
    let none = || Value::Null;
    vec![
        (M::GET, "/api/auth/me", none(), [401, 200, 200, 200, 200, 200]),
        (M::GET, "/api/auth/sign-ins", none(), [401, 200, 200, 200, 200, 200]),
        (M::DELETE, "/api/auth/sign-ins/nothing", none(), [401, 404, 404, 404, 404, 404]),
        (M::GET, "/api/users", none(), [401, 403, 403, 200, 200, 200]),
        (M::GET, "/api/users/own", none(), [401, 200, 403, 200, 200, 200]),
        (M::GET, "/api/users/nothing", none(), [401, 403, 403, 404, 404, 404]),
        (M::PATCH, "/api/users/own", json!({}), [401, 200, 403, 200, 403, 200]),
        (M::PATCH, "/api/users/own", json!({ "language": "ko" }), [401, 200, 403, 403, 403, 200]),
        (M::PATCH, "/api/users/own", json!({ "disabled": false }), [401, 403, 403, 200, 403, 200]),
        (M::PATCH, "/api/users/boss", json!({ "disabled": false }), [401, 403, 403, 403, 403, 200]),
        (
            M::PUT,
            "/api/users/own/roles",
            json!({ "roles": ["USER"] }),
            [401, 403, 403, 403, 403, 200],
        ),
        (
            M::PUT,
            "/api/users/admin/roles",
            json!({ "roles": ["ADMIN"] }),
            [401, 403, 403, 403, 403, 200],
        ),
        (M::DELETE, "/api/users/nothing", none(), [401, 403, 403, 403, 403, 404]),
        (M::GET, "/api/audit", none(), [401, 403, 403, 403, 200, 200]),
        (M::GET, "/api/audit?format=ndjson", none(), [401, 403, 403, 403, 200, 200]),
        (M::GET, "/api/user/own/keys", none(), [401, 200, 403, 403, 403, 403]),
        (
            M::POST,
            "/api/user/own/keys",
            json!({ "name": "x", "scopes": ["sessions"] }),
            [401, 201, 403, 403, 403, 403],
        ),
        (M::DELETE, "/api/auth/sign-ins", none(), [401, 204, 204, 204, 204, 204]),
        (M::DELETE, "/api/user/own/keys/nothing", none(), [401, 404, 403, 403, 403, 403]),
        (M::GET, "/api/user/own/sessions", none(), [401, 200, 403, 403, 403, 403]),
        (M::GET, "/api/user/own/session/nothing", none(), [401, 404, 403, 403, 403, 403]),
        (M::DELETE, "/api/user/own/session/nothing", none(), [401, 404, 403, 403, 403, 403]),
        (M::POST, "/api/user/own/session/nothing/ticket", none(), [401, 404, 403, 403, 403, 403]),
    ]
}

#[tokio::test]
async fn every_role_gets_what_the_table_says_and_nothing_else() {
    let node = Node::start().await;
    let mut who = vec![node.anyone()];
    for (user, role) in [
        ("own", "USER"),
        ("user", "USER"),
        ("operator", "OPERATOR"),
        ("auditor", "AUDITOR"),
        ("admin", "ADMIN"),
    ] {
        who.push(node.made(user, role).await);
    }
    node.made("boss", "ADMIN").await;
    for (method, route, body, statuses) in table() {
        for ((name, actor), status) in WHO.iter().zip(&who).zip(statuses) {
            let mut request = actor.request(method.clone(), route);
            if !body.is_null() {
                request = request.json(&body);
            }
            let answer = actor.send(request).await;
            assert_eq!(answer.status, status, "{name}: {method} {route} {body}: {}", answer.text());
            match status {
                401 => drop(answer.refuses(ErrorCode::AuthRequired)),
                403 => drop(answer.refuses(ErrorCode::Forbidden)),
                _ => {}
            }
        }
    }
}

/// The table has every route that asks for more than a token; whoever adds one adds a row.
#[tokio::test]
async fn the_table_has_every_route_with_a_right() {
    let node = Node::start().await;
    let document = node.get(path::OPENAPI).await.is(200).json();
    let mut missing = Vec::new();
    for (route, item) in document["paths"].as_object().unwrap() {
        let concerned =
            ["/api/users", "/api/audit", "/api/user/", "/api/auth/me", "/api/auth/sign-ins"];
        if !concerned.iter().any(|start| route.starts_with(start)) {
            continue;
        }
        for method in item.as_object().unwrap().keys() {
            let is_it = |row: &Row| {
                let fits =
                    |(wanted, given): (&str, &str)| wanted == given || wanted.starts_with('{');
                let given = row.1.split('?').next().unwrap();
                row.0.as_str().eq_ignore_ascii_case(method)
                    && route.split('/').count() == given.split('/').count()
                    && route.split('/').zip(given.split('/')).all(fits)
            };
            // Those that the owner of a drawing has are told in other stories.
            let is_elsewhere =
                route.contains("/session") && matches!(method.as_str(), "post" | "put" | "patch");
            if !table().iter().any(is_it) && !is_elsewhere {
                missing.push(format!("{method} {route}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_at_once() {
    let node = Node::start().await;
    let (admin, auditor) =
        (node.made("admin", "ADMIN").await, node.made("auditor", "AUDITOR").await);
    auditor.get(path::AUDIT).await.is(200);
    let roles = path::user_roles(&"auditor".parse().unwrap());
    let changed = admin.asks(Method::PUT, &roles, &json!({ "roles": ["USER"] })).await.is(200);
    assert_eq!(changed.json()["roles"], json!(["USER"]));
    auditor.get(path::AUDIT).await.refuses(ErrorCode::AuthTokenInvalid);
    let user = node.member("user").await;
    user.get(path::AUDIT).await.refuses(ErrorCode::Forbidden);
}

/// A request whose body is not there yet: whoever sends it was found to be allowed to.
struct Begun {
    connection: BufReader<TcpStream>,
    body: String,
}

impl Begun {
    async fn by(node: &Node, actor: &Actor, method: &str, route: &str, body: &Value) -> Self {
        let server = node.base().strip_prefix("http://").unwrap();
        let mut connection = BufReader::new(TcpStream::connect(server).await.unwrap());
        let (body, token) = (body.to_string(), actor.token());
        let head = format!(
            "{method} {route} HTTP/1.1\r\nhost: {server}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\
             connection: close\r\n\r\n",
            body.len()
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        // The server says so when it wants the body, and comes to that last.
        let mut line = String::new();
        wait::soon("a word", connection.read_line(&mut line)).await.unwrap();
        assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
        Self { connection, body }
    }

    async fn goes_on(mut self) -> String {
        self.connection.write_all(self.body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        wait::soon("an answer", self.connection.read_to_string(&mut answer)).await.unwrap();
        answer.trim_start().to_owned()
    }
}

#[tokio::test]
async fn a_right_that_is_taken_while_a_request_is_under_way_is_gone() {
    let node = Node::start().await;
    for (user, role) in [("boss", "ADMIN"), ("alice", "USER")] {
        node.made(user, role).await;
    }
    let boss = node.made("chief", "ADMIN").await;
    let alice: Value = boss.get("/api/users/alice").await.is(200).json();
    for (user, role, method, route, body) in [
        ("a1", "ADMIN", "PUT", "/api/users/a1/roles", json!({ "roles": ["USER", "ADMIN"] })),
        ("a2", "ADMIN", "PUT", "/api/users/alice/roles", json!({ "roles": ["ADMIN"] })),
        ("a3", "ADMIN", "PATCH", "/api/users/alice", json!({ "language": "ko" })),
        ("a4", "OPERATOR", "PATCH", "/api/users/alice", json!({ "disabled": true })),
        ("a5", "ADMIN", "DELETE", "/api/users/alice", json!({ "password": "x" })),
        ("a6", "USER", "POST", "/api/user/a6/keys", json!({ "name": "x", "scopes": ["sessions"] })),
    ] {
        let actor = node.made(user, role).await;
        let begun = Begun::by(&node, &actor, method, route, &body).await;
        let disable = json!({ "disabled": true });
        boss.asks(Method::PATCH, &format!("/api/users/{user}"), &disable).await.is(200);
        let answer = begun.goes_on().await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{user}: {answer}");
        assert!(answer.contains(ErrorCode::AuthTokenInvalid.as_str()), "{user}: {answer}");
        let after: Value = boss.get("/api/users/alice").await.is(200).json();
        assert_eq!(after, alice, "{user}");
    }
    // Nothing of it is wrong but the time.
    let actor = node.made("a7", "ADMIN").await;
    let body = json!({ "language": "ko" });
    let answer = Begun::by(&node, &actor, "PATCH", "/api/users/alice", &body).await.goes_on().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let node = Node::start().await;
    let admin = node.made("admin", "ADMIN").await;
    let own = path::user(&"admin".parse().unwrap());
    let roles = path::user_roles(&"admin".parse().unwrap());
    let depose = async || admin.asks(Method::PUT, &roles, &json!({ "roles": ["USER"] })).await;
    depose().await.refuses(ErrorCode::LastAdmin);
    let disable = json!({ "disabled": true });
    admin.asks(Method::PATCH, &own, &disable).await.refuses(ErrorCode::LastAdmin);
    let (boss, delete) = (admin.clone(), json!({ "password": "not the password" }));
    boss.asks(Method::DELETE, &own, &delete).await.refuses(ErrorCode::AuthCredentialsInvalid);
    node.made("boss", "ADMIN").await;
    depose().await.is(200);
}

#[tokio::test]
async fn a_disabled_account_is_out_until_it_is_enabled() {
    let node = Node::start().await;
    let admin = node.made("admin", "ADMIN").await;
    let alice: Member = node.member("alice").await;
    let (_, key) = alice.makes_key(&["sessions"]).await;
    let by_key = node.bearer("alice", &key);
    by_key.get(&by_key.list()).await.is(200);
    let user = path::user(&"alice".parse().unwrap());
    let set = async |disabled: bool| {
        admin.asks(Method::PATCH, &user, &json!({ "disabled": disabled })).await.is(200).json()
    };
    assert_eq!(set(true).await["disabled"], json!(true));
    assert!(!alice.is_signed_in().await);
    node.refreshes(&alice.refresh_token).await.refuses(ErrorCode::AuthRefreshInvalid);
    node.logs_in("alice@example.com", PASSWORD).await.refuses(ErrorCode::AuthCredentialsInvalid);
    by_key.get(&by_key.list()).await.refuses(ErrorCode::AuthTokenInvalid);
    assert_eq!(set(false).await["disabled"], json!(false));
    node.logs_in("alice@example.com", PASSWORD).await.is(200);
    assert!(!alice.is_signed_in().await, "what has ended stays so");
}

#[tokio::test]
async fn accounts_are_listed_page_by_page_and_changed_as_they_were_seen() {
    let node = Node::start().await;
    let admin = node.made("admin", "ADMIN").await;
    for user in ["bob", "carol", "dave"] {
        node.made(user, "USER").await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/api/users?limit=2{cursor}")).await.is(200).json();
        let users = page["users"].as_array().unwrap();
        seen.extend(users.iter().map(|user| user["user_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["admin", "bob", "carol", "dave"]);
    admin.get("/api/users?cursor=a%20b").await.refuses(ErrorCode::InvalidCursor);
    admin.get("/api/users?limit=0").await.refuses(ErrorCode::ValidationFailed);
    let etag = admin.get("/api/users/bob").await.is(200).header("etag").to_owned();
    let disable =
        || admin.request(Method::PATCH, "/api/users/bob").json(&json!({ "disabled": true }));
    let stale = disable().header("If-Match", "\"999\"");
    admin.send(stale).await.refuses(ErrorCode::PreconditionFailed);
    let changed = admin.send(disable().header("If-Match", &etag)).await.is(200);
    assert_ne!(changed.header("etag"), etag);
}
