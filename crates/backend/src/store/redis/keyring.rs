//! The keyring in Redis: one string, so that no half of it can be lost or torn.

use async_trait::async_trait;
use fred::{
    interfaces::KeysInterface,
    types::{Expiration, SetOptions},
};

use super::{RedisStore, script::run, unavailable};
use crate::store::{KeyringStore, SecretText, StoreError, StoredRing};

/// Digits of the highest generation.
const LONGEST_GENERATION: usize = 20;

const CORRUPT: StoreError = StoreError::Corrupt("keyring");

#[async_trait]
impl KeyringStore for RedisStore {
    async fn load(&self) -> Result<Option<StoredRing>, StoreError> {
        let asked = self.redis.client.get(self.redis.names.keyring());
        let stored: Option<String> = self.redis.answer(asked).await.map_err(unavailable)?;
        stored.map(read).transpose()
    }

    async fn generation(&self) -> Result<Option<u64>, StoreError> {
        let key = self.redis.names.keyring();
        let asked = self.redis.client.getrange(key, 0, LONGEST_GENERATION);
        let start: String = self.redis.answer(asked).await.map_err(unavailable)?;
        match start.split_once(' ') {
            Some((generation, _)) => generation.parse().map(Some).map_err(|_| CORRUPT),
            None if start.is_empty() => Ok(None),
            None => Err(CORRUPT),
        }
    }

    async fn create(&self, ring: &SecretText) -> Result<StoredRing, StoreError> {
        let key = self.redis.names.keyring();
        let first = written(1, ring);
        let none: Option<Expiration> = None;
        let _: Option<String> = self
            .redis
            .once()
            .set(key, first.0.as_str(), none, Some(SetOptions::NX), false)
            .await
            .map_err(unavailable)?;
        self.load().await?.ok_or(CORRUPT)
    }

    async fn replace(&self, generation: u64, ring: &SecretText) -> Result<bool, StoreError> {
        let next = written(generation + 1, ring);
        let args = vec![generation.to_string().into(), next.0.as_str().into()];
        let replaced: u64 =
            run(&self.redis, &self.scripts.replace_ring, self.redis.names.keyring(), args)
                .await
                .map_err(unavailable)?;
        Ok(replaced == 1)
    }
}

fn written(generation: u64, ring: &SecretText) -> SecretText {
    SecretText(format!("{generation} {}", ring.0))
}

fn read(stored: String) -> Result<StoredRing, StoreError> {
    let stored = SecretText(stored);
    let (generation, ring) = stored.0.split_once(' ').ok_or(CORRUPT)?;
    Ok(StoredRing {
        generation: generation.parse().map_err(|_| CORRUPT)?,
        ring: SecretText(ring.to_owned()),
    })
}
