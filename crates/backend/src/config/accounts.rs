//! Accounts: where they are kept, how long sign-ins last, and how passwords are hashed.

use std::time::Duration;

use common::jwt::LEEWAY;

use super::{
    ConfigError, Raw, Source, bad, count, duration, lifetime, number, parallel, pause, switch,
};
use crate::store::{DatabaseUrl, InvalidDatabaseUrl};

/// What is configured about accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    /// How long an access token is valid.
    pub access: Duration,
    /// How long a sign-in lasts without being used.
    pub idle: Duration,
    /// How long a sign-in lasts in all.
    pub absolute: Duration,
    /// How long a replaced refresh token leads to its successor; 0 for not at all.
    pub grace: Duration,
    /// How many sign-ins of an account there may be at once; the oldest end for a newer one.
    pub most_sign_ins: Option<u32>,
    /// Whether anyone may ask for an account.
    pub registration: bool,
    /// How long a registration waits for its address to be proved.
    pub registration_ttl: Duration,
    /// How long nobody gets the name of an account that was deleted.
    pub user_id_rest: Duration,
    /// How long the audit log is kept.
    pub audit_retention: Duration,
    /// How many API keys an account may have.
    pub most_api_keys: u32,
    /// How passwords are hashed.
    pub passwords: PasswordSettings,
}

/// How much work a password is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordSettings {
    /// Memory of one, in KiB.
    pub memory_kib: u32,
    /// How often all of it is written.
    pub passes: u32,
    /// How many are worked on at a time; all others wait.
    pub parallel: usize,
}

/// The longest time in which a replaced refresh token leads to its successor.
const LONGEST_GRACE: Duration = Duration::from_secs(60);

/// The shortest time in which nobody gets the name of an account that was deleted.
const SHORTEST_REST: Duration = Duration::from_secs(2 * 86_400);

/// Least memory of a password in bytes: less is no work for whoever guesses.
const LEAST_MEMORY: usize = 8 << 20;

/// Most memory of a password in bytes, and most passes: more is an attack on ourselves.
const MOST_MEMORY: usize = 1 << 30;
const MOST_PASSES: u32 = 100;

impl AccountSettings {
    /// Reads the settings, and refuses lifetimes that contradict each other.
    pub(super) fn new(raw: &Raw, key_overlap: Duration) -> Result<Self, ConfigError> {
        let settings = Self {
            access: raw.with("access-ttl", lifetime)?,
            idle: raw.with("refresh-idle", lifetime)?,
            absolute: raw.with("refresh-absolute", lifetime)?,
            grace: raw.with("refresh-grace", grace)?,
            most_sign_ins: raw.with("sign-in-policy", policy)?,
            registration: raw.with("registration", switch)?,
            registration_ttl: raw.with("verify-ttl", lifetime)?,
            user_id_rest: raw.with("user-id-rest", rest)?,
            audit_retention: raw.with("audit-retention", duration)?,
            most_api_keys: raw.with("api-keys-per-user", number)?,
            passwords: PasswordSettings {
                memory_kib: raw.with("password-memory-bytes", memory)?,
                passes: raw.with("password-passes", passes)?,
                parallel: raw.with("password-parallel", parallel)?,
            },
        };
        let refuse = |key: &'static str, fix: &str| {
            let (value, source) = raw.get(key).unwrap_or(("", &Source::Default));
            Err(bad(key, value, source, fix.to_owned()))
        };
        if settings.access + LEEWAY > key_overlap {
            return refuse("access-ttl", "must be 30s shorter than key-overlap, or more");
        }
        if settings.access > settings.idle {
            return refuse("access-ttl", "must not be longer than refresh-idle");
        }
        if settings.idle > settings.absolute {
            return refuse("refresh-idle", "must not be longer than refresh-absolute");
        }
        Ok(settings)
    }
}

/// Where accounts are kept, if someone says so.
pub(super) fn database(raw: &Raw) -> Result<Option<DatabaseUrl>, ConfigError> {
    let url = raw.optional("database-url", |value| {
        value.parse::<DatabaseUrl>().map_err(|error: InvalidDatabaseUrl| error.to_string())
    })?;
    let is_shared = raw.get("redis-url").is_some_and(|(url, _)| !url.is_empty());
    match url {
        Some(url) if is_shared && !url.is_shared() => {
            let (value, source) = raw.get("database-url").unwrap_or(("", &Source::Default));
            let fix = "nodes that share a Redis cannot share a file: must be a postgres:// URL";
            Err(bad("database-url", value, source, fix.to_owned()))
        }
        url => Ok(url),
    }
}

fn grace(value: &str) -> Result<Duration, String> {
    match pause(value)? {
        long if long > LONGEST_GRACE => Err("must not be longer than 60s".to_owned()),
        fine => Ok(fine),
    }
}

/// What is left of an account is deleted within a day, and must not be its successor's.
fn rest(value: &str) -> Result<Duration, String> {
    match duration(value)? {
        short if short < SHORTEST_REST => Err("must be 2d or longer".to_owned()),
        fine => Ok(fine),
    }
}

fn policy(value: &str) -> Result<Option<u32>, String> {
    let fix = || "must be `unlimited`, `max:N` or `single`".to_owned();
    match value.split_once(':') {
        None if value == "unlimited" => Ok(None),
        None if value == "single" => Ok(Some(1)),
        Some(("max", most)) => number(most).map(Some).map_err(|_| fix()),
        _ => Err(fix()),
    }
}

fn memory(value: &str) -> Result<u32, String> {
    match count(value)? {
        little if little < LEAST_MEMORY => Err(format!("must not be below {LEAST_MEMORY}")),
        much if much > MOST_MEMORY => Err(format!("must not be above {MOST_MEMORY}")),
        fine => u32::try_from(fine / 1024).map_err(|_| "is too large".to_owned()),
    }
}

fn passes(value: &str) -> Result<u32, String> {
    match number(value)? {
        many if many > MOST_PASSES => Err(format!("must not be above {MOST_PASSES}")),
        fine => Ok(fine),
    }
}
