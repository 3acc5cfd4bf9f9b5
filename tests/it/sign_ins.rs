//! Sign-ins: how they go on, how they end, and what ends with them.

use std::time::Duration;

use common::{api::ErrorCode, path};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{LABEL, Member, Node, PASSWORD, Setup, still_clock, wait};

/// The life of a refresh token after it was replaced, and a moment.
const GRACE: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(1);

fn claims(token: &str) -> Value {
    serde_json::to_value(common::jwt::unverified(token).unwrap()).unwrap()
}

#[tokio::test]
async fn signing_in_yields_a_token_for_a_quarter_of_an_hour_and_the_way_to_the_next() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    let answer = node.logs_in("ALICE@example.com", PASSWORD).await.is(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let signed_in = answer.json();
    assert_eq!(signed_in["token_type"], json!("Bearer"));
    assert_eq!(signed_in["expires_in"], json!(900));
    let claims = claims(signed_in["access_token"].as_str().unwrap());
    assert_eq!(claims["sub"], json!("alice"));
    let living = alice.sign_ins().await;
    assert_eq!(living.len(), 2);
    assert_eq!(living[0]["id"], claims["sid"], "newest first");
    assert_eq!((&living[0]["current"], &living[1]["current"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_successor_is_the_same_for_everyone() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).start().await;
    let alice = node.member("alice").await;
    let asked = (0..50).map(|_| node.refreshes(&alice.refresh_token));
    let mut successors = std::collections::BTreeSet::new();
    for answer in join_all(asked).await {
        let answer = answer.is(200).json();
        successors.insert(answer["refresh_token"].as_str().unwrap().to_owned());
        assert!(
            node.bearer("alice", answer["access_token"].as_str().unwrap())
                .get(path::ME)
                .await
                .status
                == 200
        );
    }
    assert_eq!(successors.len(), 1, "fifty answers, one successor");
    assert_eq!(node.metric("easel_refreshes_total{outcome=\"Rotated\"}").await, 1);
    assert_eq!(node.metric("easel_refreshes_total{outcome=\"Repeated\"}").await, 49);
    // The store adds the time that each has really waited for its turn, so a story cannot name the
    // very moment; the table beside `Link::judge` does.
    clock.advance(GRACE / 2);
    node.refreshes(&alice.refresh_token).await.is(200);
    clock.advance(GRACE / 2 + wait::PATIENCE);
    node.refreshes(&alice.refresh_token).await.refuses(ErrorCode::AuthRefreshReused);
}

#[tokio::test]
async fn a_token_that_two_have_ends_its_sign_in_and_no_other() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).start().await;
    let (mut alice, elsewhere) = (node.member("alice").await, node.signs_in("alice").await);
    let secret = json!({
        "session_id": "diary", "template": LABEL, "args": { "value": "mine" },
        "visibility": "private",
    });
    alice.creates(&secret).await.is(201);
    let stolen = alice.refresh_token.clone();
    alice.renews().await;
    alice.renews().await;
    let mut watching = alice.watches("diary").await;
    watching.sees("mine").await;
    // Even within the grace: only the one before the current has it.
    node.refreshes(&stolen).await.refuses(ErrorCode::AuthRefreshReused);
    assert_eq!(watching.sees_end().await, "revoked");
    assert!(!alice.is_signed_in().await);
    node.refreshes(&alice.refresh_token).await.refuses(ErrorCode::AuthRefreshInvalid);
    node.refreshes(&stolen).await.refuses(ErrorCode::AuthRefreshInvalid);
    assert!(elsewhere.is_signed_in().await);
    node.refreshes(&elsewhere.refresh_token).await.is(200);
    let mailbox = tests::Mailbox::of("alice@example.com", &[&node]);
    assert!(mailbox.gets(2).await.text.contains("two places"));
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused_alike() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    let good = &alice.refresh_token;
    let mangled = format!("{}x", &good[..good.len() - 1]);
    for token in ["", "rt_", "rt_AAAA", &mangled, &good[3..], &format!("{good}="), "ek_x"] {
        node.refreshes(token).await.refuses(ErrorCode::AuthRefreshInvalid);
    }
    node.asks(path::REFRESH, &json!({})).await.refuses(ErrorCode::AuthRefreshInvalid);
    node.refreshes(good).await.is(200);
}

#[tokio::test]
async fn a_sign_in_ends_when_it_is_not_used_and_in_any_case_in_the_end() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).start().await;
    let day = Duration::from_secs(86_400);
    let idle = node.member("alice").await;
    clock.advance(7 * day);
    node.refreshes(&idle.refresh_token).await.refuses(ErrorCode::AuthRefreshExpired);
    let mut busy = node.signs_in("alice").await;
    for _ in 0..5 {
        clock.advance(6 * day - MOMENT);
        busy.renews().await;
    }
    clock.advance(MOMENT * 5);
    node.refreshes(&busy.refresh_token).await.refuses(ErrorCode::AuthRefreshExpired);
}

#[tokio::test]
async fn signing_out_ends_tokens_and_streams_at_once() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    let secret = json!({
        "session_id": "diary", "template": LABEL, "args": { "value": "mine" },
        "visibility": "private",
    });
    alice.creates(&secret).await.is(201);
    let ticket = alice.gets_ticket("diary").await;
    let mut watching = alice.watches("diary").await;
    watching.sees("mine").await;
    let body = json!({ "refresh_token": alice.refresh_token });
    node.asks(path::LOGOUT, &body).await.is(204);
    assert_eq!(watching.sees_end().await, "revoked");
    assert!(!alice.is_signed_in().await);
    node.refreshes(&alice.refresh_token).await.refuses(ErrorCode::AuthRefreshInvalid);
    let by_ticket = node.send(node.with_ticket("alice/diary.svg", &ticket)).await;
    by_ticket.refuses(ErrorCode::AuthTicketInvalid);
    node.asks(path::LOGOUT, &body).await.is(204);
}

#[tokio::test]
async fn people_see_their_sign_ins_and_end_them() {
    let node = Node::start().await;
    let (alice, phone) = (node.member("alice").await, node.signs_in("alice").await);
    let (tablet, bob) = (node.signs_in("alice").await, node.member("bob").await);
    let id_of = |member: &Member| claims(member.token())["sid"].as_str().unwrap().to_owned();
    let end = async |who: &Member, id: &str| {
        who.send(who.request(Method::DELETE, &path::sign_in(id))).await
    };
    end(&bob, &id_of(&phone)).await.refuses(ErrorCode::SignInNotFound);
    assert!(phone.is_signed_in().await);
    end(&alice, &id_of(&phone)).await.is(204);
    end(&alice, &id_of(&phone)).await.refuses(ErrorCode::SignInNotFound);
    assert!(!phone.is_signed_in().await);
    alice.send(alice.request(Method::DELETE, path::SIGN_INS)).await.is(204);
    assert!(!tablet.is_signed_in().await);
    assert!(alice.is_signed_in().await && bob.is_signed_in().await);
    assert_eq!(alice.sign_ins().await.len(), 1);
}

#[tokio::test]
async fn a_minted_token_is_a_sign_in_that_can_be_ended() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    let request = json!({ "user_id": "alice", "password": PASSWORD, "ttl_seconds": 86_400 });
    let minted = node.asks(path::TOKEN, &request).await.is(200).json();
    let program = node.bearer("alice", minted["token"].as_str().unwrap());
    program.get(path::ME).await.is(200);
    let living = alice.sign_ins().await;
    let of_program = living.iter().find(|sign_in| sign_in["kind"] == "token").unwrap();
    let id = of_program["id"].as_str().unwrap();
    alice.send(alice.request(Method::DELETE, &path::sign_in(id))).await.is(204);
    program.get(path::ME).await.refuses(ErrorCode::AuthTokenInvalid);
}

#[tokio::test]
async fn a_newer_sign_in_takes_the_place_of_the_oldest() {
    let node = Setup::default().set("sign-in-policy", "max:2").start().await;
    let first = node.member("alice").await;
    let second = node.signs_in("alice").await;
    assert!(first.is_signed_in().await);
    let third = node.signs_in("alice").await;
    assert!(!first.is_signed_in().await);
    assert!(second.is_signed_in().await && third.is_signed_in().await);
    // A token that a program minted is not in anyone's place.
    let request = json!({ "user_id": "alice", "password": PASSWORD });
    node.asks(path::TOKEN, &request).await.is(200);
    assert!(second.is_signed_in().await && third.is_signed_in().await);
}

#[tokio::test]
async fn a_page_has_its_refresh_token_in_a_cookie_that_no_script_reads() {
    let node = Node::start().await;
    node.member("alice").await;
    let body = json!({ "user_id": "alice", "password": PASSWORD, "refresh_cookie": true });
    let answer = node.asks(path::LOGIN, &body).await.is(200);
    assert_eq!(answer.json().get("refresh_token"), None);
    let set = answer.header("set-cookie").to_owned();
    let (pair, attributes) = set.split_once(';').unwrap();
    assert!(pair.starts_with("__Host-easel-refresh=rt_"), "{pair}");
    for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age=604800"] {
        assert!(attributes.contains(attribute), "{attributes}");
    }
    let renew = |origin: Option<&str>| {
        let request = node.request(Method::POST, path::REFRESH).header("Cookie", pair);
        match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        }
    };
    let strange = node.send(renew(Some("https://evil.example"))).await;
    strange.refuses(ErrorCode::OriginNotAllowed);
    let renewed = node.send(renew(Some(node.base()))).await.is(200);
    assert!(renewed.header("set-cookie").starts_with("__Host-easel-refresh=rt_"));
    assert_eq!(renewed.json().get("refresh_token"), None);
    // Two that differ: it is not clear who asks.
    let other = node.signs_in("alice").await.refresh_token;
    let both = renew(None).json(&json!({ "refresh_token": other }));
    let problem = node.send(both).await.refuses(ErrorCode::ValidationFailed);
    assert_eq!(problem.errors[0].pointer, "/refresh_token");
    let (now, _) = renewed.header("set-cookie").split_once(';').unwrap();
    let out = node.request(Method::POST, path::LOGOUT).header("Cookie", now);
    let out = node.send(out).await.is(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    let over = node.request(Method::POST, path::REFRESH).header("Cookie", now);
    node.send(over).await.refuses(ErrorCode::AuthRefreshInvalid);
}

#[tokio::test]
async fn whoever_guesses_is_stopped_and_does_not_stop_others() {
    let node = Setup::default().set("logins-per-account", "3/1h").start().await;
    let alice = node.member("alice").await;
    node.member("bob").await;
    // Signing in took one.
    for _ in 0..2 {
        let guess = node.logs_in("alice@example.com", "not the password").await;
        guess.refuses(ErrorCode::AuthCredentialsInvalid);
    }
    for email in ["alice@example.com", "Alice@Example.com"] {
        let refused = node.logs_in(email, PASSWORD).await;
        refused.refuses(ErrorCode::RateLimited);
        assert!(!refused.header("retry-after").is_empty());
    }
    assert!(alice.is_signed_in().await);
    node.logs_in("bob@example.com", PASSWORD).await.is(200);
}

/// Passwords are worked on one after the other, and those who would wait too long are told so.
#[tokio::test]
async fn a_crowd_that_signs_in_at_once_is_told_to_come_back() {
    let node = Setup::default()
        .set("logins-per-account", "off")
        .set("logins-per-address", "off")
        .set("password-parallel", "1")
        // They come faster than they are worked on, on any machine.
        .set("password-passes", "3")
        .start()
        .await;
    node.member("alice").await;
    let owner = node.owner("bob").await;
    owner.draws("chart", LABEL, json!({ "value": "before" })).await;
    let mut viewer = node.viewer("bob/chart").await;
    viewer.sees("before").await;
    let crowd = join_all((0..200).map(|_| node.logs_in("alice@example.com", PASSWORD)));
    let drawing = async {
        owner.puts("chart", json!({ "value": "meanwhile" })).await;
        viewer.sees("meanwhile").await;
    };
    let (answers, ()) = tokio::join!(crowd, drawing);
    let (let_in, sent_away): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    assert!(let_in.len() > 100, "{} were let in", let_in.len());
    assert!(!sent_away.is_empty());
    for answer in sent_away {
        answer.refuses(ErrorCode::Busy);
        assert!(!answer.header("retry-after").is_empty());
    }
    node.logs_in("alice@example.com", PASSWORD).await.is(200);
}
