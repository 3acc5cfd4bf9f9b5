//! The keyring in SQLite: one row.

use async_trait::async_trait;
use sqlx::{Row, sqlite::SqliteRow};

use super::{SqliteStore, signed, unavailable, unsigned};
use crate::store::{KeyringStore, SecretText, StoreError, StoredRing};

#[async_trait]
impl KeyringStore for SqliteStore {
    async fn load(&self) -> Result<Option<StoredRing>, StoreError> {
        sqlx::query("SELECT generation, ring FROM keyring")
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?
            .map(|row| stored_ring(&row))
            .transpose()
    }

    async fn generation(&self) -> Result<Option<u64>, StoreError> {
        sqlx::query_scalar("SELECT generation FROM keyring")
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable)?
            .map(unsigned)
            .transpose()
    }

    async fn create(&self, ring: &SecretText) -> Result<StoredRing, StoreError> {
        let mut transaction =
            self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        sqlx::query(
            "INSERT INTO keyring (one, generation, ring) VALUES (1, 1, $1) ON CONFLICT DO NOTHING",
        )
        .bind(&ring.0)
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        let row = sqlx::query("SELECT generation, ring FROM keyring")
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        stored_ring(&row)
    }

    async fn replace(&self, generation: u64, ring: &SecretText) -> Result<bool, StoreError> {
        let mut writer = self.writer.acquire().await.map_err(unavailable)?;
        // Without it, SQLite leaves what was there in pages that it means to use again.
        sqlx::query("PRAGMA secure_delete = ON")
            .execute(&mut *writer)
            .await
            .map_err(unavailable)?;
        let done = sqlx::query(
            "UPDATE keyring SET ring = $1, generation = generation + 1 WHERE generation = $2",
        )
        .bind(&ring.0)
        .bind(signed(generation))
        .execute(&mut *writer)
        .await
        .map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        // The log of writes still holds what was there, until it is cut.
        let busy: bool = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *writer)
            .await
            .map_err(unavailable)?;
        if busy {
            tracing::warn!("the earlier keyring is in the store's log until it is next cut");
        }
        Ok(true)
    }
}

fn stored_ring(row: &SqliteRow) -> Result<StoredRing, StoreError> {
    Ok(StoredRing {
        generation: unsigned(row.try_get("generation").map_err(unavailable)?)?,
        ring: SecretText(row.try_get("ring").map_err(unavailable)?),
    })
}
