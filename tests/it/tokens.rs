//! Tokens: minted, published, believed, and refused.

use std::{sync::LazyLock, time::Duration};

use backend::{
    clock::{Clock, ManualClock},
    server,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::{
    api::ErrorCode,
    jwt::{Expected, JwkSet, ParsedToken, PublicJwk, SigningKey, VerifyingKey, unverified},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tests::{Answer, Forger, LABEL, Node, Setup, still_clock};

/// Making a key takes a good part of a second, so the stories share two.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());
static OTHER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

async fn mints(node: &Node, body: &Value) -> Answer {
    node.anyone().asks(Method::POST, "/api/auth/token", body).await
}

fn now(clock: &ManualClock) -> i64 {
    clock.now().unix_timestamp()
}

async fn node_with_key() -> (Node, ManualClock) {
    let clock = still_clock();
    (Setup::default().clock(&clock).key(&KEY).start().await, clock)
}

/// Refused like every token that is not believed, without a word about the cause.
async fn is_not_believed(node: &Node, token: &str) {
    let answer = node.bearer("alice", token).get("/api/user/alice/sessions").await;
    let problem = answer.refuses(ErrorCode::AuthTokenInvalid);
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    assert_eq!(problem.detail, "The token is not valid here.", "one answer for every cause");
    let stream = node.bearer("alice", token).stream("chart");
    node.send(stream).await.refuses(ErrorCode::AuthTokenInvalid);
}

#[tokio::test]
async fn whoever_asks_gets_a_token_where_minting_is_open() {
    let (node, clock) = node_with_key().await;
    let answer = mints(&node, &json!({ "user_id": "alice" })).await.is(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 86_400);
    assert_eq!(body.as_object().unwrap().len(), 3);

    let token = body["token"].as_str().unwrap();
    let part = |n: usize| -> Value {
        let part = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap();
        serde_json::from_slice(&part).unwrap()
    };
    let kid = &KEY.public().kid;
    assert_eq!(part(0), json!({ "typ": "at+jwt", "alg": "RS256", "kid": kid }));
    let claims = part(1);
    assert_eq!(claims["sub"], "alice");
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("easel"), &json!("easel")));
    assert_eq!(claims["iat"], now(&clock));
    assert_eq!(claims["exp"], now(&clock) + 86_400);
    assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() >= 16));
    assert!(claims.get("sid").is_none(), "it belongs to no sign-in");

    let other = mints(&node, &json!({ "user_id": "alice" })).await.json();
    let other = unverified(other["token"].as_str().unwrap()).unwrap();
    assert_ne!(claims["jti"], other.jti);
}

/// A page of another site whose name was made to lead to this machine (DNS rebinding).
#[tokio::test]
async fn a_name_that_was_made_to_lead_here_gets_no_token() {
    let asks = async |node: &Node, host: &str| {
        let request = node.request(Method::POST, "/api/auth/token").header("host", host);
        node.send(request.json(&json!({ "user_id": "alice" }))).await
    };
    let node = Setup::default().set("public-url", "https://draw.example").start().await;
    for host in ["evil.example", "evil.example:3000", "localhost.evil.example"] {
        asks(&node, host).await.refuses(ErrorCode::HostNotAllowed);
    }
    for host in ["localhost:3000", "127.0.0.1", "[::1]:3000", "draw.example"] {
        asks(&node, host).await.is(200);
    }
}

#[tokio::test]
async fn a_token_lives_as_long_as_asked_within_bounds() {
    let node = Node::start().await;
    let ask =
        async |ttl: Value| mints(&node, &json!({ "user_id": "alice", "ttl_seconds": ttl })).await;
    assert_eq!(ask(json!(1)).await.is(200).json()["expires_in"], 1);
    assert_eq!(ask(json!(2_592_000)).await.is(200).json()["expires_in"], 2_592_000);
    for ttl in [json!(0), json!(-1), json!(0.5), json!(9e12), json!(2_592_001), json!("60")] {
        ask(ttl).await.refuses_at(ErrorCode::ValidationFailed, "/ttl_seconds");
    }
}

#[tokio::test]
async fn a_request_for_a_token_is_checked_like_any_other() {
    let node = Node::start().await;
    for id in ["", "a b", "a:b", &"x".repeat(65), "alice\n"] {
        mints(&node, &json!({ "user_id": id })).await.refuses_at(ErrorCode::InvalidId, "/user_id");
    }
    let invalid = ErrorCode::ValidationFailed;
    mints(&node, &json!({})).await.refuses_at(invalid, "/user_id");
    mints(&node, &json!({ "user_id": 7 })).await.refuses_at(invalid, "/user_id");
    mints(&node, &json!({ "user_id": "a", "admin": true })).await.refuses_at(invalid, "/admin");
    mints(&node, &json!(["alice", null, null])).await.refuses_at(invalid, "");
}

#[tokio::test]
async fn nobody_gets_a_token_where_accounts_are_needed() {
    let node = Setup::default().set("minting", "accounts").start().await;
    for body in [json!({ "user_id": "alice" }), json!({ "user_id": "bob", "password": "x" })] {
        let answer = mints(&node, &body).await;
        answer.refuses(ErrorCode::AuthCredentialsInvalid);
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    let server = node.get("/api/server").await.is(200).json();
    assert_eq!(server["minting"], "accounts");
}

#[tokio::test]
async fn the_public_keys_are_published_and_nothing_else_of_them() {
    let (node, _) = node_with_key().await;
    let answer = node.get("/.well-known/jwks.json").await.is(200);
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    assert_eq!(answer.json().as_object().unwrap().len(), 1);
    assert!(keys.len() >= 2, "the imported key, and the one it replaced");
    for key in &keys {
        let mut members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
        assert_eq!(
            (&key["alg"], &key["kty"], &key["use"]),
            (&json!("RS256"), &json!("RSA"), &json!("sig"))
        );
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        let thumbprint = PublicJwk::rsa(text("n"), text("e")).kid;
        assert_eq!(key["kid"], thumbprint, "the kid is the thumbprint of RFC 7638");
    }
    assert!(keys.iter().any(|key| key["kid"] == KEY.public().kid.as_str()));
    assert_eq!(node.get("/api/auth/jwks").await.is(200).body, answer.body);
}

#[tokio::test]
async fn the_public_keys_may_be_kept_for_a_while() {
    let node = Node::start().await;
    let answer = node.get("/.well-known/jwks.json").await.is(200);
    let caching = answer.header("cache-control");
    assert!(caching.contains("public") && caching.contains("max-age="), "{caching}");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    for path in ["/.well-known/jwks.json", "/api/auth/jwks"] {
        let again = node.request(Method::GET, path).header("if-none-match", answer.header("etag"));
        let again = node.send(again).await.is(304);
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), answer.header("etag"));
    }
}

#[tokio::test]
async fn a_third_party_verifies_a_token_with_the_published_keys() {
    let (node, clock) = node_with_key().await;
    let owner = node.owner("alice").await;
    let keys = node.get("/.well-known/jwks.json").await.json();
    let keys: JwkSet = serde_json::from_value(keys).unwrap();
    let parsed = ParsedToken::parse(owner.token()).unwrap();
    let key = keys.keys.iter().find(|key| key.kid == parsed.kid()).unwrap();
    let expected = Expected { issuer: "easel".to_owned(), audience: "easel".to_owned() };
    let verifier = VerifyingKey::new(key).unwrap();
    let claims = parsed.verify(&verifier, &expected, now(&clock)).unwrap();
    assert_eq!(claims.sub.as_str(), "alice");
}

#[tokio::test]
async fn a_token_is_read_from_its_header_and_from_nowhere_else() {
    let node = Node::start().await;
    let owner = node.owner("alice").await;
    let list = owner.list();
    let ask = |value: String| node.request(Method::GET, &list).header("authorization", value);
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        node.send(ask(format!("{scheme} {}", owner.token()))).await.is(200);
    }
    for query in ["access_token", "token", "bearer", "jwt"] {
        let answer = node.get(&format!("{list}?limit=1&{query}={}", owner.token())).await;
        assert_eq!(answer.status, 401);
        let answer = node.get(&format!("{list}?{query}={}", owner.token())).await;
        answer.refuses(ErrorCode::AuthRequired);
        assert_eq!(answer.header("www-authenticate"), "Bearer", "no error without a token");
    }
    let basic = node.send(ask("Basic YWxpY2U6YWxpY2U=".to_owned())).await;
    basic.refuses(ErrorCode::AuthRequired);
    let twice = ask(format!("Bearer {}", owner.token()));
    let twice = twice.header("authorization", format!("Bearer {}", owner.token()));
    node.send(twice).await.refuses(ErrorCode::AuthTokenInvalid);
}

#[tokio::test]
async fn a_forger_with_our_key_would_be_believed() {
    let (node, clock) = node_with_key().await;
    let token = Forger::imitating(&KEY, now(&clock)).signs(&KEY);
    node.bearer("alice", &token).get("/api/user/alice/sessions").await.is(200);
}

#[tokio::test]
async fn a_token_does_not_choose_how_it_is_verified() {
    let (node, clock) = node_with_key().await;
    let forger = || Forger::imitating(&KEY, now(&clock));
    for none in ["none", "None", "NONE", "nOnE"] {
        is_not_believed(&node, &forger().header("alg", json!(none)).signs_nothing()).await;
        is_not_believed(&node, &forger().header("alg", json!(none)).signs(&KEY)).await;
    }
    // The classic: the public key, which everyone has, as the secret of a MAC.
    let hs256 = || forger().header("alg", json!("HS256"));
    let jwks = node.get("/.well-known/jwks.json").await;
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(&KEY.public().n).unwrap();
    for secret in [KEY.public().n.as_bytes(), &modulus, &jwks.body, b""] {
        is_not_believed(&node, &hs256().authenticates(secret)).await;
        is_not_believed(&node, &forger().authenticates(secret)).await;
    }
    for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", ""] {
        is_not_believed(&node, &forger().header("alg", json!(alg)).signs(&KEY)).await;
    }
    for kind in [json!("JWT"), json!("jwt"), json!(null), json!("dpop+jwt")] {
        is_not_believed(&node, &forger().header("typ", kind).signs(&KEY)).await;
    }
    is_not_believed(&node, &forger().header("crit", json!(["exp"])).signs(&KEY)).await;
    let own_key = serde_json::to_value(OTHER.public()).unwrap();
    is_not_believed(&node, &forger().header("jwk", own_key).signs(&OTHER)).await;
}

#[tokio::test]
async fn a_token_of_another_key_is_not_believed() {
    let (node, clock) = node_with_key().await;
    let forger = || Forger::imitating(&KEY, now(&clock));
    is_not_believed(&node, &forger().signs(&OTHER)).await;
    is_not_believed(&node, &Forger::imitating(&OTHER, now(&clock)).signs(&OTHER)).await;
    for kid in [json!("unknown"), json!(""), json!(null), json!(7), json!("../../etc/passwd")] {
        is_not_believed(&node, &forger().header("kid", kid).signs(&KEY)).await;
    }
    let foreign = Node::start().await;
    is_not_believed(&node, foreign.owner("alice").await.token()).await;
}

#[tokio::test]
async fn a_token_that_is_not_meant_for_us_is_not_believed() {
    let (node, clock) = node_with_key().await;
    let other = Setup::default().clock(&clock).key(&KEY);
    let issuer = other.clone().set("token-issuer", "another").start().await;
    is_not_believed(&node, issuer.owner("alice").await.token()).await;
    let audience = Setup::default().clock(&clock).key(&KEY).set("token-audience", "another");
    is_not_believed(&node, audience.start().await.owner("alice").await.token()).await;
}

#[tokio::test]
async fn every_claim_is_needed_and_has_its_type() {
    let (node, clock) = node_with_key().await;
    let forger = || Forger::imitating(&KEY, now(&clock));
    for name in ["sub", "iss", "aud", "iat", "exp", "jti"] {
        is_not_believed(&node, &forger().without(name).signs(&KEY)).await;
    }
    for (name, value) in [
        ("sub", json!("a/b")),
        ("sub", json!(["alice"])),
        ("iss", json!(["easel"])),
        ("aud", json!([])),
        ("aud", json!(["another"])),
        ("exp", json!("9999999999")),
        ("exp", json!(null)),
        ("exp", json!(9.9e99)),
        ("iat", json!(now(&clock) + 31)),
        ("nbf", json!(now(&clock) + 31)),
        ("nbf", json!("0")),
    ] {
        is_not_believed(&node, &forger().claim(name, value).signs(&KEY)).await;
    }
    let valid = forger().claim("aud", json!(["another", "easel"])).signs(&KEY);
    node.bearer("alice", &valid).get("/api/user/alice/sessions").await.is(200);
}

#[tokio::test]
async fn spellings_that_are_not_canonical_are_refused() {
    let (node, _) = node_with_key().await;
    let token = node.owner("alice").await.token().to_owned();
    let (message, _) = token.rsplit_once('.').unwrap();
    let oversized = format!("{token}{}", "A".repeat(64 * 1024 / 4));
    let changed: String = token.chars().rev().collect();
    for bad in [
        format!("{token}="),
        format!("{token}."),
        format!("{token}.{token}"),
        format!("{message}."),
        message.to_owned(),
        "..".to_owned(),
        "x".to_owned(),
        oversized,
        changed,
        token.replace('.', ".."),
    ] {
        is_not_believed(&node, &bad).await;
    }
}

#[tokio::test]
async fn a_token_that_has_only_expired_says_so() {
    let (node, clock) = node_with_key().await;
    let body = json!({ "user_id": "alice", "ttl_seconds": 60 });
    let token = mints(&node, &body).await.json()["token"].as_str().unwrap().to_owned();
    let owner = node.bearer("alice", &token);
    owner.draws("chart", LABEL, json!({ "value": 1 })).await;
    clock.advance(Duration::from_secs(59));
    owner.reads("chart").await;
    clock.advance(Duration::from_secs(31));
    let answer = owner.get(&owner.session("chart")).await;
    answer.refuses(ErrorCode::AuthTokenExpired);
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    // A bad token is refused even where none is needed.
    node.send(owner.stream("chart")).await.refuses(ErrorCode::AuthTokenExpired);
    node.viewer("alice/chart").await.sees_next().await;
    // Expired and forged is forged.
    let forged = Forger::imitating(&KEY, now(&clock) - 1000).signs(&OTHER);
    is_not_believed(&node, &forged).await;
}

#[tokio::test]
async fn a_key_that_came_meanwhile_is_found_and_strangers_keys_do_not_wear_the_store_out() {
    let clock = still_clock();
    let setup = Setup::default().clock(&clock);
    let config = setup.config();
    let node = setup.start().await;
    // Another process changes the ring behind the node's back.
    let store = server::Stores::open(&config).await.unwrap();
    let time: Arc<dyn Clock> = Arc::new(clock.clone());
    let elsewhere = server::open_tokens(&config, &store, time).await.unwrap();
    let list = "/api/user/alice/sessions";

    elsewhere.keyring().import(&KEY).await.unwrap();
    let token = elsewhere.issue("alice".parse().unwrap(), None).unwrap().token;
    node.bearer("alice", &token).get(list).await.is(200);

    // It has looked just now, so it does not look again, whoever asks.
    elsewhere.keyring().import(&OTHER).await.unwrap();
    let token = elsewhere.issue("alice".parse().unwrap(), None).unwrap().token;
    is_not_believed(&node, &token).await;
    clock.advance(Duration::from_secs(10));
    node.bearer("alice", &token).get(list).await.is(200);
}

#[tokio::test]
async fn a_token_brings_no_key_and_no_rules_of_its_own() {
    let (node, clock) = node_with_key().await;
    let forger = || Forger::imitating(&KEY, now(&clock));
    let trap = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = json!(format!("http://{}/jwks.json", trap.local_addr().unwrap()));
    let own_key = serde_json::to_value(OTHER.public()).unwrap();
    let own_name = json!(OTHER.public().kid);
    for (name, value) in [("jku", &url), ("x5u", &url), ("jwk", &own_key)] {
        let bringing = || forger().header(name, value.clone());
        is_not_believed(&node, &bringing().signs(&OTHER)).await;
        is_not_believed(&node, &bringing().header("kid", own_name.clone()).signs(&OTHER)).await;
        // Under a signature of ours, what we do not read does no harm.
        let harmless = node.bearer("alice", &bringing().signs(&KEY));
        harmless.get("/api/user/alice/sessions").await.is(200);
    }
    let nobody_fetched = futures_util::poll!(Box::pin(trap.accept())).is_pending();
    assert!(nobody_fetched, "a token makes the server fetch a URL");
    // RFC 7797 would have the payload read in another way.
    for b64 in [json!(false), json!(true), json!(null)] {
        is_not_believed(&node, &forger().header("b64", b64).signs(&KEY)).await;
    }
}

#[tokio::test]
async fn json_that_can_be_read_in_two_ways_is_not_believed() {
    let (node, clock) = node_with_key().await;
    let forger = Forger::imitating(&KEY, now(&clock));
    let (header, claims) = (forger.header.to_string(), forger.claims.to_string());
    let sign = |header: &str, claims: &str| Forger::signs_text(&KEY, header, claims);
    let believed = node.bearer("alice", &sign(&header, &claims));
    believed.get("/api/user/alice/sessions").await.is(200);
    let more = |object: &str, member: &str| object.replacen('{', &format!("{{{member},"), 1);
    let deep = format!(r#""x":{}{}"#, "[".repeat(1000), "]".repeat(1000));
    for (header, claims) in [
        (more(&header, r#""alg":"none""#), claims.clone()),
        (more(&header, r#""kid":"other""#), claims.clone()),
        (header.clone(), more(&claims, r#""sub":"mallory""#)),
        (header.clone(), more(&claims, r#""exp":9999999999"#)),
        (header.clone(), more(&claims, r#""\u0073ub":"mallory""#)),
        (header.clone(), more(&claims, &deep)),
        (more(&header, &deep), claims.clone()),
        (header.clone(), format!("{claims}{claims}")),
        (header.clone(), format!("\u{feff}{claims}")),
        (header.clone(), format!("[{claims}]")),
        (header.clone(), claims.replace(":", ": 0")),
        (header.clone(), String::new()),
    ] {
        is_not_believed(&node, &sign(&header, &claims)).await;
    }
    for time in ["2000000060.0", "2.00000006e9", "1e400", "9223372036854775808", "-1e3"] {
        let exp =
            claims.replace(&format!("\"exp\":{}", now(&clock) + 60), &format!("\"exp\":{time}"));
        assert_ne!(exp, claims);
        is_not_believed(&node, &sign(&header, &exp)).await;
    }
}
