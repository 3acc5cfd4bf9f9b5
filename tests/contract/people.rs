//! People, and what they sign in with: the words that promises about accounts are told with.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Mutex,
    time::Duration,
};

use backend::store::{
    AccountCreation, AccountStore, Aftermath, Beginning, Chain, Database, Device, ErrandKind,
    NewAccount, NewAuditEntry, NewErrand, NewSignIn, Refresh, RefreshHash, Refreshed,
    RevocationStore, Revoked, SecretText, SignInEnd, SignInStore,
};
use common::{
    UserId,
    api::{AuditAction, AuditResult, Language, Role, Roles, SignInKind},
};
use time::OffsetDateTime;

use crate::{
    databases::last_token_end,
    sessions::{HOUR, noon},
};

pub(crate) const GRACE: Duration = Duration::from_secs(10);
pub(crate) const IDLE: Duration = Duration::from_secs(600);

/// How long a token is valid that goes with a sign-in.
pub(crate) const ACCESS: Duration = Duration::from_secs(300);

pub(crate) fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

pub(crate) fn email(name: &str) -> String {
    format!("{}@example.com", name.to_lowercase())
}

pub(crate) fn password(text: &str) -> SecretText {
    SecretText(format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${text}"))
}

pub(crate) fn account(name: &str, roles: &[Role]) -> NewAccount {
    NewAccount {
        user: user(name),
        email: Some(email(name)),
        password: Some(password("first")),
        roles: Roles::from_iter(roles.iter().copied()),
        language: Language::Ko,
    }
}

/// Nothing is said of it.
pub(crate) fn silent<Outcome>(_: &Outcome) -> Aftermath {
    Aftermath::default()
}

pub(crate) fn entry(action: AuditAction, target: &str) -> NewAuditEntry {
    NewAuditEntry {
        actor: Some("alice".to_owned()),
        action,
        target: Some(target.to_owned()),
        address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        result: AuditResult::Done,
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
        detail: "é ☃".to_owned(),
    }
}

pub(crate) fn errand(id: &str) -> NewErrand {
    NewErrand {
        id: id.to_owned(),
        kind: ErrandKind::Mail,
        payload: "{\"to\":\"alice\"}".to_owned(),
        due_at: noon(),
    }
}

/// Keeps what it hears, and has one entry written of it.
#[derive(Debug)]
pub(crate) struct Scribe<Outcome>(Mutex<Vec<Outcome>>);

impl<Outcome: Clone> Scribe<Outcome> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn hears(&self, outcome: &Outcome) -> Aftermath {
        let mut heard = self.0.lock().unwrap();
        heard.push(outcome.clone());
        Aftermath {
            audit: vec![entry(AuditAction::AccessDenied, "scribe")],
            errands: vec![errand("scribe")],
        }
    }

    pub(crate) fn heard(&self) -> Vec<Outcome> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) async fn created(store: &Database, name: &str, roles: &[Role]) {
    let created = store.create(&account(name, roles), &silent, noon()).await.unwrap();
    assert_eq!(created, AccountCreation::Done, "{name}");
}

pub(crate) async fn version_of(store: &Database, user: &UserId) -> u64 {
    store.account(user).await.unwrap().unwrap().version
}

pub(crate) fn device() -> Device {
    Device {
        label: "laptop".to_owned(),
        user_agent: "Mozilla/5.0".to_owned(),
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    }
}

pub(crate) fn chain(number: u16) -> Chain {
    let mut chain = [7; 16];
    chain[..2].copy_from_slice(&number.to_be_bytes());
    Chain(chain)
}

/// The `token`th of a chain.
pub(crate) fn hash(chain: u16, token: u8) -> RefreshHash {
    let mut hash = [token; 32];
    hash[..2].copy_from_slice(&chain.to_be_bytes());
    RefreshHash(hash)
}

pub(crate) fn name_of(number: u16) -> String {
    format!("sign-in-{number}")
}

/// A sign-in whose first token is the first of its chain.
pub(crate) fn sign_in(name: &str, version: u64, number: u16) -> NewSignIn {
    NewSignIn {
        chain: chain(number),
        id: name_of(number),
        kind: SignInKind::Refresh,
        user: user(name),
        version,
        device: device(),
        hash: hash(number, 1),
        absolute_end: noon() + HOUR,
        idle_end: noon() + IDLE,
        token_end: noon() + ACCESS,
    }
}

/// A token of a chain, to be replaced by another.
pub(crate) fn refresh(number: u16, token: u8, next: u8) -> Refresh {
    Refresh {
        chain: chain(number),
        seq: u64::from(token),
        hash: hash(number, token),
        next: hash(number, next),
        sealed: format!("sealed {next}"),
        grace: GRACE,
        idle: IDLE,
        token_end: noon() + 2 * ACCESS,
    }
}

pub(crate) async fn begun(store: &Database, sign_in: &NewSignIn) {
    let begun = store.begin(sign_in, None, &silent, noon()).await.unwrap();
    assert_eq!(begun, Beginning::Begun(Vec::new()), "{}", sign_in.id);
}

/// Ends one of someone's sign-ins; says whether it lived.
pub(crate) async fn ended(store: &Database, name: &str, number: u16, now: OffsetDateTime) -> bool {
    let (user, id, why) = (user(name), name_of(number), SignInEnd::Revoked);
    store.end(&user, &id, why, &silent, now).await.unwrap()
}

pub(crate) fn is_rotated(refreshed: &Refreshed) -> bool {
    matches!(refreshed, Refreshed::Rotated(_))
}

/// All that is revoked.
pub(crate) async fn revoked(store: &Database) -> HashMap<Revoked, OffsetDateTime> {
    let mut revoked = HashMap::new();
    let mut last = 0;
    loop {
        let page = store.revocations(last, 1000, noon()).await.unwrap();
        let Some(newest) = page.last() else { return revoked };
        last = newest.position;
        revoked.extend(page.into_iter().map(|one| (one.revoked, one.ends_at)));
    }
}

/// When a token without a sign-in may be from that is good for an account that began at a time: a
/// while later, by the clock of whoever made it, and not before it was there.
pub(crate) async fn unbound_until(store: &Database, name: &str, begun: OffsetDateTime) -> Revoked {
    let user = user(name);
    let of_user = revoked(store).await.into_iter().filter_map(|(revoked, ends_at)| match revoked {
        Revoked::Unbound(whose, until) if whose == user => Some((until, ends_at)),
        _ => None,
    });
    let first = of_user.filter(|(until, _)| *until >= begun + Duration::from_secs(2)).min();
    let (until, ends_at) = first.unwrap();
    assert!(until < begun + HOUR, "{until}");
    assert_eq!(ends_at, last_token_end(until));
    Revoked::Unbound(user, until)
}

/// The sign-ins whose tokens are revoked, and when those end.
pub(crate) async fn revoked_sids(store: &Database) -> HashMap<String, OffsetDateTime> {
    let revoked = revoked(store).await.into_iter();
    revoked
        .filter_map(|(revoked, ends_at)| match revoked {
            Revoked::Sid(sid) => Some((sid, ends_at)),
            _ => None,
        })
        .collect()
}
