//! Getting an account, getting back into it, and its end. Nobody learns from any answer who has
//! one.

use std::time::Duration;

use common::{api::ErrorCode, path};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, LABEL, Mailbox, Node, PASSWORD, Setup, still_clock, wait};

const MAIL: &str = "alice@example.com";

#[tokio::test]
async fn an_account_is_there_once_its_mail_was_read() {
    let node = Node::start().await;
    let answer = node.registers("alice", MAIL, PASSWORD).await.is(202).json();
    assert!(answer["detail"].as_str().unwrap().contains("mail"));
    node.logs_in(MAIL, PASSWORD).await.refuses(ErrorCode::AuthCredentialsInvalid);
    let mail = Mailbox::of(MAIL, &[&node]).gets(1).await;
    assert!(mail.link().starts_with(&format!("{}/verify-email#token=", node.base())));
    assert!(mail.html.contains(mail.token()));
    let proved = node.asks(path::VERIFY_EMAIL, &json!({ "token": mail.token() })).await;
    assert_eq!(proved.is(200).json(), json!({ "user_id": "alice" }));
    let again = node.asks(path::VERIFY_EMAIL, &json!({ "token": mail.token() })).await;
    again.refuses(ErrorCode::MailTokenInvalid);
    let alice = node.signs_in("alice").await;
    let me = alice.get(path::ME).await.is(200).json();
    assert_eq!((&me["user_id"], &me["email"]), (&json!("alice"), &json!(MAIL)));
    assert_eq!((&me["roles"], &me["disabled"]), (&json!(["USER"]), &json!(false)));
    alice.draws("chart", LABEL, json!({ "value": "mine" })).await;
}

#[tokio::test]
async fn mail_is_in_the_language_that_was_asked_for() {
    let node = Node::start().await;
    let body = json!({
        "user_id": "minji", "email": "minji@example.com", "password": PASSWORD, "language": "ko",
    });
    let request = node.request(Method::POST, path::REGISTER).header("Idempotency-Key", "k1");
    node.send(request.json(&body)).await.is(202);
    let mail = Mailbox::of("minji@example.com", &[&node]).gets(1).await;
    assert!(mail.text.contains("계정"), "{}", mail.text);
    assert!(mail.html.contains("lang=\"ko\""), "{}", mail.html);
}

#[tokio::test]
async fn a_later_mail_makes_an_earlier_link_void() {
    let node = Node::start().await;
    node.registers("alice", MAIL, PASSWORD).await.is(202);
    let mailbox = Mailbox::of(MAIL, &[&node]);
    let first = mailbox.gets(1).await;
    node.asks(path::VERIFY_EMAIL_RESEND, &json!({ "email": MAIL })).await.is(202);
    let second = mailbox.gets(2).await;
    for (mail, status) in [(first, 400), (second, 200)] {
        node.asks(path::VERIFY_EMAIL, &json!({ "token": mail.token() })).await.is(status);
    }
}

#[tokio::test]
async fn a_link_is_not_good_for_ever() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).start().await;
    node.registers("alice", MAIL, PASSWORD).await.is(202);
    let mail = Mailbox::of(MAIL, &[&node]).gets(1).await;
    clock.advance(Duration::from_secs(86_401));
    let late = node.asks(path::VERIFY_EMAIL, &json!({ "token": mail.token() })).await;
    late.refuses(ErrorCode::MailTokenInvalid);
    // Whoever asked has let it go, so anyone may have the name.
    let other = "another@example.com";
    node.registers("alice", other, PASSWORD).await.is(202);
    Mailbox::of(other, &[&node]).gets(1).await;
}

#[tokio::test]
async fn what_cannot_be_registered_is_told_field_by_field() {
    let node = Node::start().await;
    for (user, email, password, code, pointer) in [
        ("a b", MAIL, PASSWORD, ErrorCode::InvalidId, "/user_id"),
        ("alice", "alice", PASSWORD, ErrorCode::ValidationFailed, "/email"),
        ("alice", MAIL, "short", ErrorCode::PasswordRejected, "/password"),
        ("alice", MAIL, "mickeymouse", ErrorCode::PasswordRejected, "/password"),
        ("alice", MAIL, MAIL, ErrorCode::PasswordRejected, "/password"),
    ] {
        let problem = node.registers(user, email, password).await.refuses(code);
        assert_eq!(problem.errors[0].pointer, pointer, "{user} {email} {password}");
    }
    let body = json!({ "user_id": "alice", "email": MAIL, "password": PASSWORD });
    let without_key = node.asks(path::REGISTER, &body).await;
    without_key.refuses(ErrorCode::IdempotencyKeyRequired);
    node.member("alice").await;
    let taken = node.registers("alice", "other@example.com", PASSWORD).await;
    taken.refuses(ErrorCode::UserExists);
}

/// All of an answer that a stranger could compare.
fn seen(answer: &Answer) -> (u16, Value, Vec<(String, String)>) {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(body) = body.as_object_mut() {
        body.remove("trace_id");
    }
    let own = ["x-request-id", "traceparent", "date"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    // What is left of a share is what the address has taken; which shares there are must be equal.
    let text = |value: &reqwest::header::HeaderValue| {
        let text = value.to_str().unwrap();
        let shares = text.split(", ").map(|share| share.split(";r=").next().unwrap());
        shares.collect::<Vec<_>>().join(", ")
    };
    (answer.status, body, headers.map(|(name, value)| (name.to_string(), text(value))).collect())
}

/// How many passwords have been hashed: what takes the time that one could measure.
async fn work(node: &Node) -> u64 {
    node.metric("easel_password_hashes_total").await
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let node = Node::start().await;
    node.member("alice").await;
    let (known, unknown) = (MAIL, "nobody@example.com");
    let mut seen_of = [Vec::new(), Vec::new()];
    for (n, email) in [known, unknown].into_iter().enumerate() {
        let before = work(&node).await;
        let user = format!("someone-{n}");
        seen_of[n].push(seen(&node.registers(&user, email, PASSWORD).await.is(202)));
        assert_eq!(work(&node).await - before, 1, "to register {email}");
        for path in [path::PASSWORD_RESET_REQUEST, path::VERIFY_EMAIL_RESEND] {
            seen_of[n].push(seen(&node.asks(path, &json!({ "email": email })).await.is(202)));
        }
        let before = work(&node).await;
        let refused = node.logs_in(email, "not the password").await;
        refused.refuses(ErrorCode::AuthCredentialsInvalid);
        seen_of[n].push(seen(&refused));
        assert_eq!(work(&node).await - before, 1, "to sign in as {email}");
    }
    let [of_known, of_unknown] = seen_of;
    assert_eq!(of_known, of_unknown);
    // By name, and where tokens are minted, too.
    let mut refusals = Vec::new();
    for user in ["alice", "nobody", "someone-0", "someone-1"] {
        let login = json!({ "user_id": user, "password": "not the password" });
        refusals.push(seen(&node.asks(path::LOGIN, &login).await.is(401)));
    }
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
    // What becomes of a name does not tell either: both are kept for whoever asked.
    for user in ["someone-0", "someone-1"] {
        let taken = node.registers(user, "third@example.com", PASSWORD).await;
        taken.refuses(ErrorCode::UserExists);
    }
    // Whoever has the account is told that someone tried, and gets no link to another one.
    let mailbox = Mailbox::of(known, &[&node]);
    mailbox.gets(3).await;
    let to_owner = mailbox.mails();
    let notice = to_owner.iter().find(|mail| !mail.text.contains("#token=")).unwrap();
    assert!(notice.text.contains("already"), "{}", notice.text);
}

#[tokio::test]
async fn where_accounts_mint_a_wrong_password_and_an_unknown_user_are_alike() {
    let node = Setup::default().set("minting", "accounts").start().await;
    node.member("alice").await;
    let ask = async |user: &str, password: &str| {
        node.asks(path::TOKEN, &json!({ "user_id": user, "password": password })).await
    };
    let before = work(&node).await;
    let wrong = seen(&ask("alice", "not the password").await.is(401));
    let unknown = seen(&ask("nobody", "not the password").await.is(401));
    assert_eq!(wrong, unknown);
    assert_eq!(work(&node).await - before, 2);
    let minted = ask("alice", PASSWORD).await.is(200).json();
    let alice = node.bearer("alice", minted["token"].as_str().unwrap());
    alice.draws("chart", LABEL, json!({ "value": "by a program" })).await;
    let without = node.asks(path::TOKEN, &json!({ "user_id": "alice" })).await;
    without.refuses(ErrorCode::AuthCredentialsInvalid);
}

#[tokio::test]
async fn where_minting_is_open_an_account_still_needs_its_password() {
    let node = Node::start().await;
    let before = node.owner("alice").await;
    before.draws("chart", LABEL, json!({ "value": "from before" })).await;
    let alice = node.member("alice").await;
    let bare = node.asks(path::TOKEN, &json!({ "user_id": "alice" })).await;
    bare.refuses(ErrorCode::AuthCredentialsInvalid);
    before.get(&before.list()).await.refuses(ErrorCode::AuthTokenInvalid);
    assert_eq!(alice.lists().await.sessions.len(), 1, "what was drawn is the account's");
    node.owner("bob").await.draws("chart", LABEL, json!({ "value": "anyone's" })).await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_mail_and_every_sign_in_ends() {
    let node = Node::start().await;
    let alice = node.member("alice").await;
    node.asks(path::PASSWORD_RESET_REQUEST, &json!({ "email": MAIL })).await.is(202);
    let mailbox = Mailbox::of(MAIL, &[&node]);
    let mail = mailbox.gets(2).await;
    assert!(mail.link().starts_with(&format!("{}/reset-password#token=", node.base())));
    let confirm = async |password: &str| {
        let body = json!({ "token": mail.token(), "password": password });
        node.asks(path::PASSWORD_RESET_CONFIRM, &body).await
    };
    confirm("mickeymouse").await.refuses(ErrorCode::PasswordRejected);
    confirm("another four words").await.is(204);
    confirm("yet another password").await.refuses(ErrorCode::MailTokenInvalid);
    assert!(!alice.is_signed_in().await);
    node.refreshes(&alice.refresh_token).await.refuses(ErrorCode::AuthRefreshInvalid);
    node.logs_in(MAIL, PASSWORD).await.refuses(ErrorCode::AuthCredentialsInvalid);
    node.logs_in(MAIL, "another four words").await.is(200);
    mailbox.gets(3).await;
}

#[tokio::test]
async fn a_changed_password_keeps_the_sign_in_that_changed_it_and_no_other() {
    let node = Node::start().await;
    let (alice, elsewhere) = (node.member("alice").await, node.signs_in("alice").await);
    let change = async |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        alice.asks(Method::POST, path::PASSWORD_CHANGE, &body).await
    };
    change("not the password", "another four words")
        .await
        .refuses(ErrorCode::AuthCredentialsInvalid);
    let weak = change(PASSWORD, "short").await.refuses(ErrorCode::PasswordRejected);
    assert_eq!(weak.errors[0].pointer, "/new_password");
    assert!(elsewhere.is_signed_in().await, "nothing has changed yet");
    change(PASSWORD, "another four words").await.is(204);
    assert!(alice.is_signed_in().await);
    node.refreshes(&alice.refresh_token).await.is(200);
    assert!(!elsewhere.is_signed_in().await);
    node.refreshes(&elsewhere.refresh_token).await.refuses(ErrorCode::AuthRefreshInvalid);
    node.logs_in(MAIL, "another four words").await.is(200);
}

#[tokio::test]
async fn with_an_account_all_that_was_its_ends() {
    let clock = still_clock();
    let node = Setup::default().clock(&clock).start().await;
    let alice = node.member("alice").await;
    let (_, key) = alice.makes_key(&["sessions"]).await;
    alice.draws("open", LABEL, json!({ "value": "for all" })).await;
    let secret = json!({
        "session_id": "diary", "template": LABEL, "args": { "value": "mine" },
        "visibility": "private",
    });
    alice.creates(&secret).await.is(201);
    let mut viewers = [node.viewer("alice/open").await, alice.watches("diary").await];
    for (viewer, text) in viewers.iter_mut().zip(["for all", "mine"]) {
        viewer.sees(text).await;
    }
    let own = path::user(&"alice".parse().unwrap());
    let delete = async |password: &str| {
        alice.asks(Method::DELETE, &own, &json!({ "password": password })).await
    };
    delete("not the password").await.refuses(ErrorCode::AuthCredentialsInvalid);
    delete(PASSWORD).await.is(204);
    for viewer in &mut viewers {
        let reason = viewer.sees_end().await;
        assert!(["deleted", "revoked"].contains(&reason.as_str()), "{reason}");
    }
    assert!(!alice.is_signed_in().await);
    node.refreshes(&alice.refresh_token).await.refuses(ErrorCode::AuthRefreshInvalid);
    let by_key = node.bearer("alice", &key);
    by_key.get(&by_key.list()).await.refuses(ErrorCode::AuthTokenInvalid);
    wait::until("the end of the picture", async || {
        (node.get("/stream/alice/open.svg").await.status == 404).then_some(())
    })
    .await;
    node.logs_in(MAIL, PASSWORD).await.refuses(ErrorCode::AuthCredentialsInvalid);
    // Nobody gets the name for ninety days.
    let heir = async |email: &str| node.registers("alice", email, PASSWORD).await;
    heir("heir@example.com").await.refuses(ErrorCode::UserExists);
    clock.advance(Duration::from_secs(90 * 86_400 + 1));
    heir("late.heir@example.com").await.is(202);
}

#[tokio::test]
async fn where_only_operators_make_accounts_nobody_registers() {
    let node = Setup::default().set("registration", "off").start().await;
    node.registers("alice", MAIL, PASSWORD).await.refuses(ErrorCode::Forbidden);
    assert_eq!(node.get(path::SERVER).await.is(200).json()["registration"], json!(false));
}
