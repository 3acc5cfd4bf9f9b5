//! People with accounts.

use std::ops::Deref;

use common::path;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{Actor, Answer, Door, Mailbox, Node, easel};

/// A password that anyone may have.
pub const PASSWORD: &str = "four words in a row";

/// Someone with an account, who has signed in: an owner of their own sessions.
#[derive(Debug, Clone)]
pub struct Member {
    actor: Actor,
    door: Door,
    /// The account's name.
    pub user: String,
    /// Its address.
    pub email: String,
    /// The refresh token that is good now.
    pub refresh_token: String,
}

impl Deref for Member {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.actor
    }
}

impl Door {
    /// Sends JSON without a token.
    pub async fn asks(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Asks for an account, as a page does that may ask twice.
    pub async fn registers(&self, user: &str, email: &str, password: &str) -> Answer {
        let body = json!({ "user_id": user, "email": email, "password": password });
        let key: String =
            [user, email, password].concat().bytes().map(|b| format!("{b:x}")).collect();
        let key = &key[..key.len().min(255)];
        let request = self.request(Method::POST, path::REGISTER).header("Idempotency-Key", key);
        self.send(request.json(&body)).await
    }

    /// Tries to sign in.
    pub async fn logs_in(&self, email: &str, password: &str) -> Answer {
        self.asks(path::LOGIN, &json!({ "email": email, "password": password })).await
    }

    /// Tries to use a refresh token.
    pub async fn refreshes(&self, token: &str) -> Answer {
        self.asks(path::REFRESH, &json!({ "refresh_token": token })).await
    }

    /// Signs in with the usual password.
    pub async fn signs_in(&self, user: &str) -> Member {
        let email = format!("{user}@example.com");
        let answer = self.logs_in(&email, PASSWORD).await.is(200).json();
        Member::new(self, user, &email, &answer)
    }
}

impl Node {
    /// Someone new, who has registered, read the mail, and signed in.
    pub async fn member(&self, user: &str) -> Member {
        let email = format!("{user}@example.com");
        self.registers(user, &email, PASSWORD).await.is(202);
        let mail = Mailbox::of(&email, &[self]).gets(1).await;
        self.asks(path::VERIFY_EMAIL, &json!({ "token": mail.token() })).await.is(200);
        self.signs_in(user).await
    }

    /// Someone with a role, whom an operator has made at the command line.
    ///
    /// # Panics
    /// When they cannot sign in with the password that was printed.
    pub async fn made(&self, user: &str, role: &str) -> Actor {
        let data = self.data().to_str().expect("a plain path").to_owned();
        let args = ["account", "create", user, "--role", role, "--data-dir", &data];
        let outcome = easel(self.data(), &[], &args).await;
        let (_, password) = outcome.succeeds().trim_end().rsplit_once(' ').expect("a password");
        let login = json!({ "user_id": user, "password": password });
        let answer = self.asks(path::LOGIN, &login).await.is(200).json();
        self.bearer(user, answer["access_token"].as_str().expect("an access token"))
    }
}

impl Member {
    fn new(door: &Door, user: &str, email: &str, signed_in: &Value) -> Self {
        let token = signed_in["access_token"].as_str().expect("an access token");
        let refresh_token = signed_in["refresh_token"].as_str().unwrap_or_default().to_owned();
        Self {
            actor: door.bearer(user, token),
            door: door.clone(),
            user: user.to_owned(),
            email: email.to_owned(),
            refresh_token,
        }
    }

    /// The same person at another node.
    pub fn through(&self, door: &Door) -> Self {
        Self { actor: self.actor.at(door), door: door.clone(), ..self.clone() }
    }

    /// Goes on with the next tokens.
    ///
    /// # Panics
    /// When there are none.
    pub async fn renews(&mut self) {
        let answer = self.door.refreshes(&self.refresh_token).await.is(200).json();
        *self = Self::new(&self.door, &self.user, &self.email, &answer);
    }

    /// Whether the access token is good.
    pub async fn is_signed_in(&self) -> bool {
        match self.get(path::SIGN_INS).await.status {
            200 => true,
            401 => false,
            other => panic!("neither signed in nor out: {other}"),
        }
    }

    /// The sign-ins that live.
    ///
    /// # Panics
    /// When there is no list.
    pub async fn sign_ins(&self) -> Vec<Value> {
        let list = self.get(path::SIGN_INS).await.is(200).json();
        list["sign_ins"].as_array().expect("a list").clone()
    }

    /// Makes an API key with these scopes: its name, and the key.
    ///
    /// # Panics
    /// When there is none.
    pub async fn makes_key(&self, scopes: &[&str]) -> (String, String) {
        let answer = self.asks_for_key(scopes).await.is(201).json();
        let text = |member: &str| answer[member].as_str().expect("a text").to_owned();
        (text("id"), text("key"))
    }

    /// Tries to make an API key with these scopes.
    ///
    /// # Panics
    /// When the account's name is no user id.
    pub async fn asks_for_key(&self, scopes: &[&str]) -> Answer {
        let body = json!({ "name": "a program", "scopes": scopes });
        let keys = path::api_keys(&self.user.parse().expect("a user id"));
        self.asks(Method::POST, &keys, &body).await
    }
}
