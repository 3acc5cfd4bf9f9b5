//! Accounts of a cluster: sessions in Redis, accounts in PostgreSQL, and one answer to who may
//! what, whichever node is asked.

use common::{api::ErrorCode, path};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tests::{LABEL, Mailbox, Member, Node, PASSWORD, Postgres, Redis, Setup, easel, wait};

use crate::nodes::over;

/// How a node is to be that shares both.
fn shared(redis: &Redis, database: &str) -> Setup {
    over(&redis.url()).set("database-url", database)
}

/// Someone with an account, whose mail any of these nodes may have sent.
async fn member(nodes: [&Node; 2], user: &str) -> Member {
    let email = format!("{user}@example.com");
    nodes[0].registers(user, &email, PASSWORD).await.is(202);
    let mail = Mailbox::of(&email, &nodes).gets(1).await;
    nodes[1].asks(path::VERIFY_EMAIL, &json!({ "token": mail.token() })).await.is(200);
    nodes[0].signs_in(user).await
}

#[tokio::test]
async fn what_one_node_revokes_the_other_closes() {
    let (redis, postgres) = (Redis::start().await, Postgres::start().await);
    let database = postgres.database();
    let (one, other) =
        (shared(&redis, &database).start().await, shared(&redis, &database).start().await);
    let alice = member([&one, &other], "alice").await;
    let secret = json!({
        "session_id": "diary", "template": LABEL, "args": { "value": "mine" },
        "visibility": "private",
    });
    alice.creates(&secret).await.is(201);
    let there = alice.through(&other);
    let mut watching = there.watches("diary").await;
    watching.sees("mine").await;
    let mut picture = there.looks_at("diary").await;
    picture.sees("mine").await;
    assert!(there.is_signed_in().await);
    let out = json!({ "refresh_token": alice.refresh_token });
    one.asks(path::LOGOUT, &out).await.is(204);
    assert_eq!(watching.sees_end().await, "revoked");
    picture.sees_end().await;
    assert!(!there.is_signed_in().await);
    other.refreshes(&alice.refresh_token).await.refuses(ErrorCode::AuthRefreshInvalid);
}

#[tokio::test]
async fn fifty_renewals_over_two_nodes_have_one_successor() {
    let (redis, postgres) = (Redis::start().await, Postgres::start().await);
    let database = postgres.database();
    let (one, other) =
        (shared(&redis, &database).start().await, shared(&redis, &database).start().await);
    let alice = member([&one, &other], "alice").await;
    let asked = (0..50).map(|n| [&one, &other][n % 2].refreshes(&alice.refresh_token));
    let mut successors = std::collections::BTreeSet::new();
    for answer in join_all(asked).await {
        let answer = answer.is(200).json();
        successors.insert(answer["refresh_token"].as_str().unwrap().to_owned());
    }
    assert_eq!(successors.len(), 1);
    let mut rotated = 0;
    for node in [&one, &other] {
        rotated += node.metric("easel_refreshes_total{outcome=\"Rotated\"}").await;
    }
    assert_eq!(rotated, 1);
}

#[tokio::test]
async fn an_account_that_is_deleted_on_one_node_is_gone_on_all() {
    let (redis, postgres) = (Redis::start().await, Postgres::start().await);
    let database = postgres.database();
    let (one, other) =
        (shared(&redis, &database).start().await, shared(&redis, &database).start().await);
    let alice = member([&one, &other], "alice").await;
    alice.draws("open", LABEL, json!({ "value": "for all" })).await;
    let mut viewer = other.viewer("alice/open").await;
    viewer.sees("for all").await;
    let own = path::user(&"alice".parse().unwrap());
    alice.asks(Method::DELETE, &own, &json!({ "password": PASSWORD })).await.is(204);
    assert_eq!(viewer.sees_end().await, "deleted");
    // Until the other node knows that the token has ended, it finds no account.
    wait::until("the end of the token", async || {
        (alice.through(&other).get(path::ME).await.status == 401).then_some(())
    })
    .await;
    other.registers("alice", "heir@example.com", PASSWORD).await.refuses(ErrorCode::UserExists);
}

#[tokio::test]
async fn nodes_that_share_a_redis_and_no_database_keep_no_accounts() {
    let redis = Redis::start().await;
    let node = over(&redis.url()).start().await;
    for (method, route) in [
        (Method::POST, path::LOGIN),
        (Method::POST, path::REFRESH),
        (Method::GET, path::ME),
        (Method::GET, path::USERS),
        (Method::GET, path::AUDIT),
        (Method::GET, "/api/user/alice/keys"),
    ] {
        node.send(node.request(method, route)).await.refuses(ErrorCode::AccountsOff);
    }
    let info = node.get(path::SERVER).await.is(200).json();
    assert_eq!((&info["accounts"], &info["registration"]), (&json!(false), &json!(false)));
    node.owner("alice").await.draws("chart", LABEL, json!({ "value": "as before" })).await;
}

#[tokio::test]
async fn a_database_that_cannot_be_used_stops_the_start_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let start = async |url: &str, more: &[&str]| {
        let args =
            [&["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"], more].concat();
        easel(directory.path(), &[("EASEL_DATABASE_URL", url)], &args).await
    };
    let gone = start("postgres://easel:s3cret@127.0.0.1:1/easel", &[]).await;
    let said = gone.fails(1);
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.contains("postgres://easel:***@127.0.0.1:1/easel"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    let redis = Redis::start().await;
    let file = start("sqlite://accounts.db", &["--redis-url", &redis.url()]).await;
    assert!(file.fails(2).contains("database-url"));
    let postgres = Postgres::start().await;
    let database = postgres.database();
    let migrate = async || {
        let done =
            easel(directory.path(), &[("EASEL_DATABASE_URL", &database)], &["migrate"]).await;
        done.succeeds().to_owned()
    };
    assert!(migrate().await.contains("1 migration"));
    assert!(migrate().await.contains("up to date"));
    let pool = sqlx::PgPool::connect(&database).await.unwrap();
    let later = "INSERT INTO account_migrations SELECT 99, description, installed_on, success, \
                 checksum, execution_time FROM account_migrations WHERE version = 1";
    sqlx::query(later).execute(&pool).await.unwrap();
    pool.close().await;
    let newer = start(&database, &[]).await;
    assert!(newer.fails(1).contains("a newer program has written"), "{}", newer.fails(1));
}

#[tokio::test]
async fn nobody_tries_passwords_while_nobody_can_count_them() {
    let (redis, postgres) = (Redis::start().await, Postgres::start().await);
    let node = shared(&redis, &postgres.database()).start().await;
    let alice = member([&node, &node], "alice").await;
    redis.pause();
    let refused = node.logs_in(&alice.email, PASSWORD).await;
    refused.refuses(ErrorCode::StoreUnavailable);
    assert!(!refused.header("retry-after").is_empty());
    redis.resume();
    wait::until("a sign-in", async || {
        (node.logs_in(&alice.email, PASSWORD).await.status == 200).then_some(())
    })
    .await;
}

/// No text of PostgreSQL has it, and asking for it would be a fault of the store.
#[tokio::test]
async fn a_name_with_a_nul_is_nobodys() {
    let (redis, postgres) = (Redis::start().await, Postgres::start().await);
    let node = shared(&redis, &postgres.database()).start().await;
    let alice = member([&node, &node], "alice").await;
    for (path, code) in [
        ("/api/auth/sign-ins/%00", ErrorCode::SignInNotFound),
        ("/api/user/alice/keys/%00", ErrorCode::ApiKeyNotFound),
    ] {
        alice.send(alice.request(Method::DELETE, path)).await.refuses(code);
    }
    node.logs_in("nul\0@example.com", PASSWORD).await.refuses(ErrorCode::AuthCredentialsInvalid);
}
