//! Passwords: what they may be, and how they are kept. Argon2id takes memory and time on purpose,
//! so it is done off the async workers, for few at a time.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, LazyLock},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{config::PasswordSettings, metrics::Metrics, store::SecretText};

/// Shortest and longest, in characters: NIST SP 800-63B-4 §3.1.1.2 asks for 15 where there is
/// nothing else and for 64 at least to be taken.
pub const MIN_CHARACTERS: usize = 10;
/// See [`MIN_CHARACTERS`].
pub const MAX_CHARACTERS: usize = 256;

/// Fewest different characters: `abababababab` is no password.
const MIN_DISTINCT: usize = 4;

/// What is tried first by everyone who guesses: those of the lists of leaked passwords that are
/// long enough to be taken otherwise, in lower case, one a line, sorted by their bytes.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password as it was sent. It is wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// As it was sent; nothing is left out or changed.
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short.
    #[error("must have at least {MIN_CHARACTERS} characters")]
    TooShort,
    /// Too long.
    #[error("must have at most {MAX_CHARACTERS} characters")]
    TooLong,
    /// Among those that everyone tries first.
    #[error(
        "is one of those that are guessed first; take several words that do not belong together"
    )]
    Common,
    /// It is the account's name or address.
    #[error("must not be the user id or the e-mail address")]
    Personal,
}

impl Password {
    /// Whether it can be an account's.
    ///
    /// # Errors
    /// See [`WeakPassword`].
    pub fn check(&self, personal: &[&str]) -> Result<(), WeakPassword> {
        let characters = self.0.chars().count();
        if characters < MIN_CHARACTERS {
            return Err(WeakPassword::TooShort);
        }
        if characters > MAX_CHARACTERS {
            return Err(WeakPassword::TooLong);
        }
        let lower = self.0.to_lowercase();
        if personal.iter().any(|word| lower == word.to_lowercase()) {
            return Err(WeakPassword::Personal);
        }
        // What is put around a word makes it no harder to guess.
        let bare = lower.trim_matches(|c: char| !c.is_alphabetic());
        let is_repeated = lower.chars().collect::<BTreeSet<_>>().len() < MIN_DISTINCT;
        match is_repeated || [lower.as_str(), bare].into_iter().any(is_common) {
            true => Err(WeakPassword::Common),
            false => Ok(()),
        }
    }
}

fn is_common(password: &str) -> bool {
    static SORTED: LazyLock<Vec<&str>> = LazyLock::new(|| COMMON.lines().collect());
    SORTED.binary_search(&password).is_ok()
}

/// Bytes of a hash.
const OUTPUT: usize = 32;

/// How a password stands to a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It is another one.
    No,
    /// It is the one.
    Yes,
    /// It is the one, and the hash was made with less work than is asked for today.
    Outdated,
}

/// Why a password was not hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashingFailed {
    /// Too many wait for it.
    #[error("too many passwords wait to be hashed")]
    Crowded,
    /// A defect, or a server that stops.
    #[error("a password could not be hashed")]
    Defect,
}

/// How many may wait: more would wait longer than anyone does, with all that they have sent in
/// memory.
const WAITING: usize = 100;

/// Hashes and compares passwords, so many at a time.
#[derive(Debug, Clone)]
pub struct Passwords {
    params: Params,
    seats: Arc<Semaphore>,
    /// Who is worked on, and who waits for that.
    room: Arc<Semaphore>,
    /// What is compared where there is no account: with the work of any other.
    nobody: SecretText,
    metrics: Arc<Metrics>,
}

impl Passwords {
    /// Takes the work of one password.
    ///
    /// # Errors
    /// When the library takes no such settings.
    pub fn new(settings: PasswordSettings, metrics: Arc<Metrics>) -> Result<Self, HashingFailed> {
        let params = Params::new(settings.memory_kib, settings.passes, 1, Some(OUTPUT));
        let params = params.map_err(|_| HashingFailed::Defect)?;
        let nobody = hash(&params, &Password(String::new()))?;
        Ok(Self {
            params,
            seats: Arc::new(Semaphore::new(settings.parallel)),
            room: Arc::new(Semaphore::new(settings.parallel + WAITING)),
            nobody,
            metrics,
        })
    }

    /// The hash to keep: a PHC string, salted on its own.
    ///
    /// # Errors
    /// [`HashingFailed`].
    pub async fn hash(&self, password: Password) -> Result<SecretText, HashingFailed> {
        let params = self.params.clone();
        self.work(move || hash(&params, &password)).await
    }

    /// Compares a password with a hash, or with nobody's: the work is the same.
    ///
    /// # Errors
    /// [`HashingFailed`].
    pub async fn compare(
        &self,
        password: Password,
        kept: Option<SecretText>,
    ) -> Result<Match, HashingFailed> {
        let params = self.params.clone();
        let is_nobody = kept.is_none();
        let kept = kept.unwrap_or_else(|| self.nobody.clone());
        self.work(move || {
            let parsed = PasswordHash::new(&kept.0).map_err(|_| HashingFailed::Defect)?;
            let argon2 = engine(&params);
            let is_it = argon2.verify_password(password.0.as_bytes(), &parsed).is_ok();
            let made_with = Params::try_from(&parsed).map_err(|_| HashingFailed::Defect)?;
            Ok(match is_it && !is_nobody {
                false => Match::No,
                true if made_with == params => Match::Yes,
                true => Match::Outdated,
            })
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashingFailed> + Send + 'static,
    ) -> Result<T, HashingFailed> {
        let place = self.room.clone().try_acquire_owned().map_err(|_| HashingFailed::Crowded)?;
        let seat = self.seats.clone().acquire_owned().await.map_err(|_| HashingFailed::Defect)?;
        self.metrics.password_hashed();
        tokio::task::spawn_blocking(move || {
            let _held = (place, seat);
            work()
        })
        .await
        .map_err(|_| HashingFailed::Defect)?
    }
}

fn engine(params: &Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
}

fn hash(params: &Params, password: &Password) -> Result<SecretText, HashingFailed> {
    let hash = engine(params).hash_password(password.0.as_bytes());
    hash.map(|hash| SecretText(hash.to_string())).map_err(|_| HashingFailed::Defect)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least that can be asked for: tests are not about work.
    const LITTLE: PasswordSettings = PasswordSettings { memory_kib: 8, passes: 1, parallel: 1 };

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[test]
    fn the_bundled_list_is_as_it_is_searched() {
        let lines: Vec<_> = COMMON.lines().collect();
        assert!(lines.len() > 2000, "{}", lines.len());
        assert!(lines.is_sorted());
        for line in lines {
            assert!(line.chars().count() >= MIN_CHARACTERS, "{line} is too short anyway");
            assert_eq!(line, line.to_lowercase());
        }
    }

    #[test]
    fn what_everyone_guesses_first_is_no_password() {
        let check = |text: &str| password(text).check(&["alice-in-chains", "alice@example.com"]);
        for text in
            ["four words in a row", "correct horse battery", "비밀번호는아주길게쓴다", "x7!Qp2#mZ9"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        assert_eq!(check("short"), Err(WeakPassword::TooShort));
        assert_eq!(check("아홉글자입니다요"), Err(WeakPassword::TooShort));
        assert_eq!(check(&"long ".repeat(60)), Err(WeakPassword::TooLong));
        for text in [
            "1q2w3e4r5t",
            "MickeyMouse",
            "babygirl10",
            "123mickeymouse!!!",
            "aaaaaaaaaaaa",
            "abababababab",
        ] {
            assert_eq!(check(text), Err(WeakPassword::Common), "{text}");
        }
        for text in ["alice@example.com", "Alice-In-Chains"] {
            assert_eq!(check(text), Err(WeakPassword::Personal), "{text}");
        }
    }

    #[tokio::test]
    async fn a_hash_is_of_one_password_and_salted_on_its_own() {
        let passwords = Passwords::new(LITTLE, Arc::default()).unwrap();
        let one = passwords.hash(password("correct horse")).await.unwrap();
        let other = passwords.hash(password("correct horse")).await.unwrap();
        assert_ne!(one, other);
        assert!(one.0.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{}", one.0);
        let compare = async |text: &str, kept: Option<&SecretText>| {
            passwords.compare(password(text), kept.cloned()).await.unwrap()
        };
        assert_eq!(compare("correct horse", Some(&one)).await, Match::Yes);
        assert_eq!(compare("correct horse", Some(&other)).await, Match::Yes);
        assert_eq!(compare("Correct horse", Some(&one)).await, Match::No);
        for text in ["", "correct horse"] {
            assert_eq!(compare(text, None).await, Match::No, "nobody has this password");
        }
    }

    #[tokio::test]
    async fn a_hash_of_other_work_is_outdated() {
        let passwords = Passwords::new(LITTLE, Arc::default()).unwrap();
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        let today =
            Passwords::new(PasswordSettings { passes: 2, ..LITTLE }, Arc::default()).unwrap();
        let compare = today.compare(password("correct horse"), Some(hash.clone())).await.unwrap();
        assert_eq!(compare, Match::Outdated);
        let compare = today.compare(password("another one"), Some(hash)).await.unwrap();
        assert_eq!(compare, Match::No);
    }
}
