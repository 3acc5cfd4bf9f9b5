//! The verbs: every change of the ring is one compare-and-set in the store. Whoever loses to
//! another process looks again, and decides anew.

use common::jwt::{KeyError, SigningKey};
use time::OffsetDateTime;

use super::{
    Keyring, KeyringError,
    ring::{Edit, Promotion, Ring},
};

/// How often a change is tried again that others were faster than. Each loss is somebody
/// else's success, so this many in a row are a fault.
const ATTEMPTS: u32 = 20;

impl Keyring {
    /// Makes a key that is published from now on and signs when it is promoted. Its name.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub async fn create(&self) -> Result<String, KeyringError> {
        self.change(|ring, spare, now| match spare {
            Some(key) => ring.create(key, now, &self.sealer),
            None => Ok(Edit::NeedsKey),
        })
        .await
    }

    /// Lets the next key `kid` sign. The key that signed before verifies on until its overlap
    /// is over.
    ///
    /// # Errors
    /// [`KeyringError::TooEarly`] before its publish delay is over, unless `at_once`: others
    /// who verify our tokens may refuse those of a key that they have not fetched yet.
    pub async fn promote(&self, kid: &str, at_once: bool) -> Result<Promotion, KeyringError> {
        self.change(|ring, _, now| ring.promote(kid, now, &self.windows, at_once)).await
    }

    /// Ends a next or retiring key before its time.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub async fn retire(&self, kid: &str) -> Result<(), KeyringError> {
        self.change(|ring, _, now| ring.retire(kid, now)).await
    }

    /// Ends a key at once, whatever it does, for ever. If it signs, the next key takes over in
    /// the same step, and if there is none, a new one.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub async fn revoke(&self, kid: &str) -> Result<Option<Promotion>, KeyringError> {
        self.change(|ring, spare, now| ring.revoke(kid, spare, now, &self.windows, &self.sealer))
            .await
    }

    /// Lets the key sign again that signed before, while it is within its overlap; the one
    /// that signs now verifies on for the overlap.
    ///
    /// # Errors
    /// [`KeyringError::NothingToRollBack`].
    pub async fn rollback(&self) -> Result<Promotion, KeyringError> {
        self.change(|ring, _, now| ring.rollback(now, &self.windows)).await
    }

    /// Puts a key into the ring and lets it sign from now on; the key that signed before goes
    /// on verifying. A key that is in the ring already is only promoted.
    ///
    /// # Errors
    /// [`KeyringError::Revoked`] for a key that must not come back.
    pub async fn import(&self, key: &SigningKey) -> Result<(), KeyringError> {
        self.change(|ring, _, now| ring.import(key, now, &self.windows, &self.sealer)).await
    }

    /// Does what time has made due. Of several nodes one does it, and the others see it.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub async fn tend(&self) -> Result<(), KeyringError> {
        // Nearly always there is nothing to do, and then no store is asked.
        if !self.keys().ring.is_due(self.clock.now(), &self.windows) {
            return Ok(());
        }
        self.change(|ring, spare, now| ring.tend(spare, now, &self.windows, &self.sealer)).await
    }

    /// Seals what is not sealed under the master key, if there is one.
    pub(super) async fn seal(&self) -> Result<(), KeyringError> {
        let attempt = |ring: &mut Ring, _: Option<&SigningKey>, _| ring.seal(&self.sealer);
        self.store_changed(attempt).await
    }

    async fn change<T>(
        &self,
        attempt: impl Fn(
            &mut Ring,
            Option<&SigningKey>,
            OffsetDateTime,
        ) -> Result<Edit<T>, KeyringError>,
    ) -> Result<T, KeyringError> {
        self.store_changed(|ring, spare, now| {
            ring.is_sealed_as_by(&self.sealer)?;
            attempt(ring, spare, now)
        })
        .await
    }

    async fn store_changed<T>(
        &self,
        attempt: impl Fn(
            &mut Ring,
            Option<&SigningKey>,
            OffsetDateTime,
        ) -> Result<Edit<T>, KeyringError>,
    ) -> Result<T, KeyringError> {
        let mut spare = None;
        for _ in 0..ATTEMPTS {
            let stored = self.store.load().await?.ok_or(KeyringError::Lost)?;
            self.take_over(&stored)?;
            let mut ring = Ring::parse(&stored)?;
            match attempt(&mut ring, spare.as_ref(), self.clock.now())? {
                Edit::NeedsKey => spare = Some(generate().await?),
                Edit::Same(outcome) => return Ok(outcome),
                Edit::Changed(outcome) => {
                    if self.store.replace(stored.generation, &ring.to_text()?).await? {
                        self.refresh().await?;
                        return Ok(outcome);
                    }
                }
            }
        }
        Err(KeyringError::Raced)
    }
}

/// Makes a key off the async workers: it takes a good part of a second.
pub(super) async fn generate() -> Result<SigningKey, KeyError> {
    let make = || loop {
        let key = SigningKey::generate()?;
        // A name that begins with a dash would look like a flag to the verbs that take one.
        if !key.public().kid.starts_with('-') {
            return Ok(key);
        }
    };
    tokio::task::spawn_blocking(make).await.unwrap_or(Err(KeyError::Library))
}
