//! Others are told of events, and can tell that it was us.

use std::{fs, path::Path, process::Command, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use backend::{
    clock::{Clock, ManualClock},
    outbox::{Failure, Handler},
    store::{Errand, NewErrand},
    webhook::{Event, WebhookSettings, Webhooks},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tests::{Delivery, Receiver, Setup, still_clock, wait, workspace};

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn settings(url: &str) -> WebhookSettings {
    let setup =
        Setup::default().set("webhook-urls", url).set("webhook-secret", &format!("whsec_{SECRET}"));
    setup.config().webhooks.unwrap()
}

fn event() -> Event {
    Event::AccountRegistered { user: "alice".parse().unwrap() }
}

/// What there is to do once `event` has happened, as it is taken up.
fn errand(settings: &WebhookSettings, clock: &ManualClock) -> Errand {
    let mut errands = event().errands(&settings.urls, clock.now());
    let NewErrand { id, kind, payload, due_at } = errands.pop().unwrap();
    Errand { id, kind, payload, created_at: due_at, attempts: 1, last_error: None }
}

/// Whether a delivery is signed with the secret, as Standard Webhooks has it.
fn is_signed(delivery: &Delivery) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(SECRET).unwrap());
    let (id, time) = (delivery.header("webhook-id"), delivery.header("webhook-timestamp"));
    let signature = delivery.header("webhook-signature").strip_prefix("v1,").unwrap();
    let signature = BASE64_STANDARD.decode(signature).unwrap();
    let content = format!("{id}.{time}.{}", delivery.body);
    hmac::verify(&key, content.as_bytes(), &signature).is_ok()
}

#[tokio::test]
async fn an_event_is_told_with_a_name_a_time_and_a_signature() {
    let (clock, receiver) = (still_clock(), Receiver::start().await);
    let settings = settings(&receiver.url());
    let errand = errand(&settings, &clock);
    let webhooks = Webhooks::new(Some(settings), Arc::new(clock.clone())).unwrap();
    webhooks.run(&errand).await.unwrap();
    clock.advance(Duration::from_secs(60));
    webhooks.run(&errand).await.unwrap();
    let deliveries = receiver.receives(2).await;
    let [first, again] = &deliveries[..] else { panic!("{deliveries:?}") };
    assert_eq!(first.line, "POST /hooks?key=1");
    assert_eq!(first.header("content-type"), "application/json");
    let body: Value = serde_json::from_str(&first.body).unwrap();
    let wanted = json!({
        "id": first.header("webhook-id"), "type": "account.registered",
        "occurred_at": "2033-05-18T03:33:20Z", "data": { "user_id": "alice" },
    });
    assert_eq!(body, wanted);
    assert!(is_signed(first) && is_signed(again));
    let mut tampered = first.clone();
    tampered.body = first.body.replace("alice", "mallory");
    assert!(!is_signed(&tampered));
    // The same event, told again: its name and its words are the same, the time is not.
    assert_eq!(first.header("webhook-id"), again.header("webhook-id"));
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("webhook-timestamp"), "2000000000");
    assert_eq!(again.header("webhook-timestamp"), "2000000060");
}

#[tokio::test]
async fn an_answer_says_whether_it_is_told_again() {
    let (clock, receiver) = (still_clock(), Receiver::start().await);
    let settings = settings(&receiver.url());
    let errand = errand(&settings, &clock);
    let webhooks = Webhooks::new(Some(settings), Arc::new(clock)).unwrap();
    for status in [200, 202, 204] {
        receiver.answers(status);
        assert_eq!(webhooks.run(&errand).await, Ok(()), "{status}");
    }
    for status in [301, 307, 400, 404, 429, 500, 503] {
        receiver.answers(status);
        let told = webhooks.run(&errand).await;
        let Err(Failure::Again(said)) = told else { panic!("{status}: {told:?}") };
        assert!(said.ends_with(&format!("answered {status}")), "{said}");
        assert!(!said.contains("hooks"), "its path may be a secret: {said}");
    }
    receiver.answers(410);
    let told = webhooks.run(&errand).await;
    assert!(matches!(told, Err(Failure::Never(_))), "{told:?}");
    let deliveries = receiver.receives(11).await;
    assert_eq!(deliveries.len(), 11);
    assert!(deliveries.iter().all(|delivery| delivery.line == "POST /hooks?key=1"));
}

#[tokio::test]
async fn a_receiver_that_is_silent_or_not_there_is_told_again() {
    let (clock, receiver) = (still_clock(), Receiver::start().await);
    let settings = settings(&receiver.url());
    let errand = errand(&settings, &clock);
    let webhooks = Webhooks::new(Some(settings), Arc::new(clock.clone())).unwrap();
    receiver.hangs();
    let told = wait::as_time_passes(&clock, webhooks.run(&errand)).await;
    let Err(Failure::Again(said)) = told else { panic!("{told:?}") };
    assert!(said.ends_with("did not answer within 10s"), "{said}");
    drop(receiver);
    wait::until("a port that nobody listens on", async || {
        let told = wait::as_time_passes(&clock, webhooks.run(&errand)).await;
        let Err(Failure::Again(said)) = told else { panic!("{told:?}") };
        assert!(!said.contains("hooks"), "its path may be a secret: {said}");
        said.contains("refused (os error").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_is_not_configured_any_more_is_given_up() {
    let (clock, receiver) = (still_clock(), Receiver::start().await);
    let errand = errand(&settings(&receiver.url()), &clock);
    let other = settings("http://127.0.0.1:1/elsewhere");
    for settings in [None, Some(other)] {
        let webhooks = Webhooks::new(settings, Arc::new(clock.clone())).unwrap();
        let told = webhooks.run(&errand).await;
        assert!(matches!(told, Err(Failure::Never(_))), "{told:?}");
    }
}

/// What stands in a fenced block of the documentation that begins like this.
fn documented(fence: &str) -> String {
    let text = fs::read_to_string(workspace().join("docs/webhooks.md")).unwrap();
    let (_, rest) = text.split_once(&format!("\n```{fence}")).unwrap();
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// The same delivery as headers and body, for the examples of the documentation.
struct Sent<'a> {
    name: &'a str,
    time: &'a str,
    signature: &'a str,
    body: &'a str,
}

impl Sent<'_> {
    fn python_says(&self, now: i64) -> String {
        let program = format!(
            "{}\nimport sys\nsecret, name, moment, signature, body = sys.argv[1:]\n\
             headers = {{'webhook-id': name, 'webhook-timestamp': moment, \
             'webhook-signature': signature}}\n\
             print(is_genuine(secret, headers, body.encode(), {now}))",
            documented("python\n")
        );
        let Self { name, time, signature, body } = self;
        let secret = format!("whsec_{SECRET}");
        let mut python = Command::new("python3");
        says(python.args(["-c", &program, &secret, name, time, signature, body]))
    }

    fn shell_says(&self, folder: &Path) -> String {
        fs::write(folder.join("body.json"), self.body).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &documented("sh\n")]).current_dir(folder);
        shell.env("SECRET", format!("whsec_{SECRET}"));
        let Self { name, time, signature, .. } = self;
        says(shell.env("ID", name).env("TIMESTAMP", time).env("SIGNATURE", signature))
    }
}

fn says(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_examples_of_the_documentation_tell_what_is_genuine() {
    let (clock, receiver) = (still_clock(), Receiver::start().await);
    let settings = settings(&receiver.url());
    let errand = errand(&settings, &clock);
    let webhooks = Webhooks::new(Some(settings), Arc::new(clock)).unwrap();
    webhooks.run(&errand).await.unwrap();
    let deliveries = receiver.receives(1).await;
    let sent = Sent {
        name: deliveries[0].header("webhook-id"),
        time: deliveries[0].header("webhook-timestamp"),
        signature: deliveries[0].header("webhook-signature"),
        body: &deliveries[0].body,
    };
    let printed = documented("\nPOST");
    let (head, body) = printed.split_once("\n\n").unwrap();
    let header = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap()
    };
    let example = Sent {
        name: header("webhook-id"),
        time: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        body,
    };
    let folder = tempfile::tempdir().unwrap();
    for genuine in [&sent, &example] {
        assert_eq!(genuine.python_says(2_000_000_300), "True");
        assert_eq!(genuine.python_says(2_000_000_301), "False", "too old");
        assert_eq!(genuine.shell_says(folder.path()), "genuine");
        let other = genuine.body.replace("alice", "mallory");
        let forged = Sent { body: &other, ..*genuine };
        assert_eq!(forged.python_says(2_000_000_000), "False");
        assert_eq!(forged.shell_says(folder.path()), "forged");
    }
}
