//! Tickets in SQLite. One connection writes, so a statement that takes a ticket is the step
//! that decides who has it.

use async_trait::async_trait;
use common::SessionAddress;
use sqlx::{Row, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{SqliteStore, micros, moment, owner, unavailable};
use crate::store::{StoreError, StoredTicket, TicketHash, TicketStore, TicketToken};

#[async_trait]
impl TicketStore for SqliteStore {
    async fn issue(
        &self,
        ticket: &StoredTicket,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        sqlx::query(
            "INSERT INTO tickets (hash, owner, id, expires_at, kid, token_ends) \
             SELECT $1, $2, $3, $4, $5, $6 \
             WHERE (SELECT COUNT(*) FROM tickets WHERE owner = $2 AND expires_at > $7) < $8",
        )
        .bind(&ticket.hash.0[..])
        .bind(owner(&ticket.address))
        .bind(ticket.address.id.as_str())
        .bind(micros(ticket.expires_at))
        .bind(&ticket.token.kid)
        .bind(micros(ticket.token.ends_at))
        .bind(micros(now))
        .bind(limit)
        .execute(&self.writer)
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(unavailable)
    }

    async fn look_up(
        &self,
        hash: &TicketHash,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<TicketToken>, StoreError> {
        sqlx::query(
            "SELECT kid, token_ends FROM tickets \
             WHERE hash = $1 AND owner = $2 AND id = $3 AND expires_at > $4",
        )
        .bind(&hash.0[..])
        .bind(owner(address))
        .bind(address.id.as_str())
        .bind(micros(now))
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable)?
        .map(|row| token(&row))
        .transpose()
    }

    async fn redeem(
        &self,
        hash: &TicketHash,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<TicketToken>, StoreError> {
        // Whoever makes tickets up only reads: they hold up nobody who writes.
        if self.look_up(hash, address, now).await?.is_none() {
            return Ok(None);
        }
        sqlx::query(
            "DELETE FROM tickets \
             WHERE hash = $1 AND owner = $2 AND id = $3 AND expires_at > $4 \
             RETURNING kid, token_ends",
        )
        .bind(&hash.0[..])
        .bind(owner(address))
        .bind(address.id.as_str())
        .bind(micros(now))
        .fetch_optional(&self.writer)
        .await
        .map_err(unavailable)?
        .map(|row| token(&row))
        .transpose()
    }

    async fn sweep(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        let due: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM tickets WHERE expires_at <= $1)")
                .bind(micros(now))
                .fetch_one(&self.readers)
                .await
                .map_err(unavailable)?;
        if due {
            sqlx::query("DELETE FROM tickets WHERE expires_at <= $1")
                .bind(micros(now))
                .execute(&self.writer)
                .await
                .map_err(unavailable)?;
        }
        Ok(())
    }
}

fn token(row: &SqliteRow) -> Result<TicketToken, StoreError> {
    let kid = row.try_get("kid").map_err(unavailable)?;
    Ok(TicketToken { kid, ends_at: moment(row, "token_ends")? })
}
