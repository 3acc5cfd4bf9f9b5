//! What the program says while it runs: who asked for what and what was refused, and none of
//! the secrets that went through its hands.

use std::{fs, sync::Arc};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use common::{jwt::SigningKey, path};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Actor, Door, Forger, LABEL, Mailbox, Process, easel};

/// The name that a request is given by its client: it goes into the log.
const SAID_ALOUD: &str = "a-name-for-the-log";

/// What seals the private keys at rest: 32 bytes.
const MASTER_KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

/// The environment of every command and server of a run.
const SEALED: (&str, &str) = ("EASEL_MASTER_KEY", MASTER_KEY);

/// What must not be found, each with what it is.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn password(&mut self, password: &str) {
        self.0.push(("a password".to_owned(), password.to_owned()));
    }

    /// All of a token, and each of its parts: a signature alone is half a token too.
    fn token(&mut self, token: &str) {
        for part in token.split('.').chain([token]).filter(|part| part.len() > 8) {
            self.0.push(("a token".to_owned(), part.to_owned()));
        }
    }

    /// The private members of a key, however bytes may be written.
    fn key(&mut self, jwk: &Value) {
        for name in ["d", "p", "q", "dp", "dq", "qi"] {
            let text = jwk[name].as_str().unwrap();
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
            self.bytes(&format!("{name} of a key"), text, &bytes);
        }
    }

    fn master_key(&mut self) {
        let bytes = BASE64_STANDARD.decode(MASTER_KEY).unwrap();
        self.bytes("the master key", MASTER_KEY, &bytes);
    }

    /// The beginning of `bytes` as they are written, as hexadecimal digits and as a list.
    fn bytes(&mut self, what: &str, written: &str, bytes: &[u8]) {
        let hex: String = bytes.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let list: Vec<String> = bytes.iter().take(12).map(u8::to_string).collect();
        for spelling in
            [written[..16].to_owned(), hex.to_uppercase(), hex, list.join(", "), list.join(",")]
        {
            self.0.push((what.to_owned(), spelling));
        }
    }

    /// Which of them stand in `said`.
    fn found_in(&self, said: &str) -> Vec<&(String, String)> {
        self.0.iter().filter(|(_, secret)| said.contains(secret)).collect()
    }
}

struct Run {
    secrets: Secrets,
    directory: Arc<TempDir>,
    key: SigningKey,
}

impl Run {
    /// A key of our own, imported by hand, so that its private half is known.
    async fn prepare() -> (Self, String) {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let key = tokio::task::spawn_blocking(SigningKey::generate).await.unwrap().unwrap();
        let jwk = Forger::private_jwk(&key);
        let mut run = Self { secrets: Secrets::default(), directory, key };
        run.secrets.key(&jwk);
        run.secrets.master_key();
        fs::write(run.directory.path().join("key.json"), jwk.to_string()).unwrap();
        // One that is broken, and must not be quoted for it.
        let broken = jwk.to_string().replacen("\"qi\"", "\"iq\"", 1);
        fs::write(run.directory.path().join("broken.json"), broken).unwrap();
        let mut said = String::new();
        for args in [
            &["keys", "import", "key.json", "--data-dir", "store"][..],
            &["keys", "import", "broken.json", "--data-dir", "store"],
            &["keys", "create", "--data-dir", "store"],
            &["keys", "list", "--data-dir", "store", "--log=trace"],
            &["check-config", "--data-dir", "store"],
        ] {
            let outcome = easel(run.directory.path(), &[SEALED], args).await;
            said.push_str(&(outcome.stdout + &outcome.stderr));
        }
        (run, said)
    }

    /// Everything that holds a secret, in right and in wrong places.
    async fn happens(&mut self, door: &Door) {
        let owner = door.owner("alice").await;
        let stranger = door.owner("mallory").await;
        self.secrets.token(owner.token());
        self.secrets.token(stranger.token());
        owner.draws("chart", LABEL, json!({ "value": 1 })).await;
        let private = json!({
            "session_id": "diary", "template": LABEL, "args": { "value": "dear-diary-1" },
            "visibility": "private",
        });
        self.secrets.password("dear-diary-1");
        owner.creates(&private).await.is(201);
        drop(owner.watches("diary").await);
        let named = door.request(Method::GET, "/health").header("x-request-id", SAID_ALOUD);
        door.send(named).await.is(200);
        stranger.get(&owner.session("diary")).await.is(403);
        stranger.get("/stream/alice/diary").await.is(403);
        self.tickets_and_cookies(door, &owner).await;
        self.passwords(door).await;
        self.account(door).await;
        self.forged(door).await;
        self.misplaced(door, owner.token()).await;
        owner.send(owner.request(Method::DELETE, &owner.session("chart"))).await.is(204);
        owner.send(owner.request(Method::DELETE, &owner.session("diary"))).await.is(204);
    }

    /// What lets browsers watch, used well and badly.
    async fn tickets_and_cookies(&mut self, door: &Door, owner: &Actor) {
        let diary = "alice/diary.svg";
        for _ in 0..2 {
            let ticket = owner.gets_ticket("diary").await;
            self.secrets.0.push(("a ticket".to_owned(), ticket.clone()));
            door.send(door.with_ticket("alice/chart.svg", &ticket)).await;
            door.send(door.with_ticket(diary, &ticket)).await;
            // It was good once.
            door.send(door.with_ticket(diary, &ticket)).await.is(401);
        }
        let made_up = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
        self.secrets.0.push(("a ticket".to_owned(), made_up.clone()));
        door.send(door.with_ticket(diary, &made_up)).await.is(401);
        let set = owner.asks(Method::POST, path::COOKIE, &json!({})).await.is(200);
        let cookie = set.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        assert!(cookie.contains(owner.token()), "{cookie}");
        for (cookie, status) in [(cookie.clone(), 200), (cookie + "x", 401)] {
            let watch = door.request(Method::GET, &format!("/stream/{diary}"));
            let watch = watch.header("cookie", cookie).header("sec-fetch-site", "same-origin");
            assert_eq!(door.send(watch).await.status, status);
        }
    }

    async fn passwords(&mut self, door: &Door) {
        for (number, body) in [
            r#"{"user_id":"bob","password":"correct-horse-N"}"#,
            r#"{"user_id":"bob","password":["correct-horse-N"]}"#,
            r#"{"user_id":"bob","passwort":"correct-horse-N"}"#,
            r#"{"user_id":"bob","password":"correct-horse-N"#,
            r#"{"user_id":"correct-horse-N !","password":"correct-horse-N"}"#,
            r#"{"password":"correct-horse-N","password":"correct-horse-N"}"#,
            r#""correct-horse-N""#,
        ]
        .iter()
        .enumerate()
        {
            let password = format!("correct-horse-{number}");
            let body = body.replace("correct-horse-N", &password);
            self.secrets.password(&password);
            for kind in ["application/json", "text/plain"] {
                let request = door.request(Method::POST, "/api/auth/token");
                let answer = door.send(request.header("content-type", kind).body(body.clone()));
                let answer = answer.await;
                if answer.status == 200 {
                    self.secrets.token(answer.json()["token"].as_str().unwrap());
                }
            }
        }
    }

    /// Everything secret about an account, used well and badly, and pasted where it does not belong.
    async fn account(&mut self, door: &Door) {
        // Whoever comes a second time is another one.
        let number = self.secrets.0.len();
        let (user, email) = (format!("eve{number}"), format!("eve{number}@example.com"));
        let password = format!("a password of eve {number}");
        self.secrets.password(&password);
        self.secrets.0.push(("an address".to_owned(), email.clone()));
        door.registers(&user, &email, &password).await.is(202);
        let mail = Mailbox::below(&email, self.directory.path().join("store").as_path());
        let proof = mail.gets(1).await.token().to_owned();
        self.secrets.0.push(("the token of a mail".to_owned(), proof.clone()));
        for status in [200, 400] {
            door.asks(path::VERIFY_EMAIL, &json!({ "token": proof })).await.is(status);
        }
        door.logs_in(&email, "not the password of eve").await.is(401);
        let signed_in = door.logs_in(&email, &password).await.is(200).json();
        let access = signed_in["access_token"].as_str().unwrap();
        let refresh = signed_in["refresh_token"].as_str().unwrap();
        self.secrets.token(access);
        self.secrets.0.push(("a refresh token".to_owned(), refresh.to_owned()));
        let next = door.refreshes(refresh).await.is(200).json();
        for name in ["access_token", "refresh_token"] {
            self.secrets.token(next[name].as_str().unwrap());
        }
        let eve = door.bearer(&user, access);
        let keys = path::api_keys(&user.parse().unwrap());
        let body = json!({ "name": "a program", "scopes": ["sessions"] });
        let key = eve.asks(Method::POST, &keys, &body).await.is(201).json();
        let key = key["key"].as_str().unwrap().to_owned();
        self.secrets.0.push(("an API key".to_owned(), key.clone()));
        let program = door.bearer(&user, &key);
        program.get(&program.list()).await.is(200);
        for secret in [key.as_str(), refresh, &proof, &email] {
            for path in [
                format!("{keys}/{secret}"),
                format!("/api/auth/sign-ins/{secret}"),
                format!("/api/users/{secret}"),
                format!("/api/audit?actor={secret}"),
                format!("/verify-email?token={secret}"),
            ] {
                eve.send(eve.request(Method::DELETE, &path)).await;
                eve.get(&path).await;
            }
        }
    }

    async fn forged(&mut self, door: &Door) {
        let now = common::jwt::unverified(door.owner("carol").await.token()).unwrap().iat;
        let forger = || Forger::imitating(&self.key, now);
        let other = tokio::task::spawn_blocking(SigningKey::generate).await.unwrap().unwrap();
        let tokens = [
            forger().signs(&other),
            forger().signs_nothing(),
            forger().authenticates(self.key.public().n.as_bytes()),
            forger().claim("exp", json!(now - 10)).signs(&self.key),
            forger().claim("aud", json!("someone-else")).signs(&self.key),
            forger().claim("sub", json!("a:b")).signs(&self.key),
            forger().header("kid", json!("no-such-key")).signs(&self.key),
            forger().header("crit", json!(["exp"])).signs(&self.key),
            forger().without("jti").signs(&self.key),
            forger().signs(&self.key) + "=",
        ];
        for token in tokens {
            self.secrets.token(&token);
            let forged = door.bearer("alice", &token);
            forged.get(&forged.session("chart")).await.is(401);
            forged.get("/stream/alice/diary").await.is(401);
        }
    }

    /// Secrets where they do not belong.
    async fn misplaced(&mut self, door: &Door, token: &str) {
        let basic = "YWxpY2U6b3Blbi1zZXNhbWU";
        self.secrets.password(basic);
        for authorization in [
            format!("Basic {basic}"),
            format!("Bearer {token} {token}"),
            format!("Bearer {token}, Bearer {token}"),
            format!("Bearer\t{token}"),
            format!("Token {token}"),
            token.to_owned(),
        ] {
            let request = door.request(Method::GET, "/api/user/alice/session/chart");
            let refused = door.send(request.header("authorization", authorization)).await;
            assert_eq!(refused.status, 401);
        }
        for path in [
            format!("/stream/alice/chart.svg?token={token}&ticket={token}"),
            format!("/api/user/alice/sessions?access_token={token}"),
            format!("/api/auth/token/{token}"),
            format!("/stream/{token}"),
            format!("/stream/alice/{token}?as={token}"),
            format!("/api/user/{token}/session/{token}"),
            format!("/api/templates/{token}"),
            format!("/{token}"),
        ] {
            door.get(&path).await;
        }
        for header in ["cookie", "x-request-id", "traceparent", "last-event-id", "if-match", "x-a"]
        {
            let request = door.request(Method::GET, "/stream/alice/chart.svg");
            door.send(request.header(header, token)).await;
        }
        let template = format!("{{{{ nothing }}}}{token}");
        let body = json!({ "template": template, "args": { "token": token } });
        door.send(door.request(Method::POST, "/api/render").json(&body)).await.is(422);
    }
}

/// Runs all of it against a real server that says as much as it can: all that was said.
async fn whole_run(format: &str) -> (Secrets, String) {
    let (mut run, mut said) = Run::prepare().await;
    let flags = ["--log", "trace", "--log-format", format];
    let server = Process::start_with(&run.directory, &[SEALED], &flags).await;
    run.happens(&server).await;
    run.happens(&server.over_http2()).await;
    let token = server.owner("dave").await.token().to_owned();
    run.secrets.token(&token);
    let environment = [("EASEL_TOKEN", token.as_str()), ("EASEL_SERVER", server.base())];
    for args in [
        &["push", "dave/none", "value=1"][..],
        &["push", "alice/none", "value=1"],
        &["watch", "dave/none"],
    ] {
        let outcome = easel(run.directory.path(), &environment, args).await;
        said.push_str(&(outcome.stdout + &outcome.stderr));
    }
    server.running().signal("TERM");
    let (code, log) = server.has_ended().await;
    assert_eq!(code, 0, "{log}");
    (run.secrets, said + &log)
}

#[tokio::test]
async fn no_line_holds_a_secret() {
    for format in ["text", "json"] {
        let (secrets, said) = whole_run(format).await;
        assert!(secrets.0.len() > 100, "the search is for something");
        let found = secrets.found_in(&said);
        assert!(found.is_empty(), "{format}: {found:#?}");
        // And it would be found: this came in as a secret does, and is what we do say.
        let mut said_aloud = Secrets::default();
        said_aloud.password(SAID_ALOUD);
        assert_eq!(said_aloud.found_in(&said).len(), 1, "{format}");
        // What is known to be said is there, so these are the lines of that run.
        for (words, at_least) in [
            ("a token was refused", 20),
            ("someone was refused", 4),
            ("a ticket was refused", 3),
            ("answered", 80),
            ("stopped", 1),
        ] {
            let count = said.matches(words).count();
            assert!(count >= at_least, "{format}: {words} {count} times");
        }
    }
}
