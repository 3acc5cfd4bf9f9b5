//! Tickets in SQLite. One connection writes, so a statement that takes a ticket is the step
//! that decides who has it.

use async_trait::async_trait;
use common::SessionAddress;
use sqlx::{Row, sqlite::SqliteRow};
use time::OffsetDateTime;

use super::{SqliteStore, micros, moment, owner, signed, unavailable, unsigned};
use crate::store::{StoreError, StoredTicket, TicketHash, TicketRight, TicketStore};

#[async_trait]
impl TicketStore for SqliteStore {
    async fn issue(
        &self,
        ticket: &StoredTicket,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        sqlx::query(
            "INSERT INTO tickets (hash, owner, id, expires_at, kid, token_ends, epoch, sid, \
                                  issued_at) \
             SELECT $1, $2, $3, $4, $5, $6, $9, $10, $11 \
             WHERE (SELECT COUNT(*) FROM tickets WHERE owner = $2 AND expires_at > $7) < $8",
        )
        .bind(&ticket.hash.0[..])
        .bind(owner(&ticket.address))
        .bind(ticket.address.id.as_str())
        .bind(micros(ticket.expires_at))
        .bind(&ticket.right.kid)
        .bind(micros(ticket.right.ends_at))
        .bind(micros(now))
        .bind(limit)
        .bind(signed(ticket.right.epoch))
        .bind(&ticket.right.sid)
        .bind(micros(ticket.right.issued_at))
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
    ) -> Result<Option<TicketRight>, StoreError> {
        sqlx::query(
            "SELECT epoch, kid, sid, issued_at, token_ends FROM tickets \
             WHERE hash = $1 AND owner = $2 AND id = $3 AND expires_at > $4",
        )
        .bind(&hash.0[..])
        .bind(owner(address))
        .bind(address.id.as_str())
        .bind(micros(now))
        .fetch_optional(&self.readers)
        .await
        .map_err(unavailable)?
        .map(|row| right(&row))
        .transpose()
    }

    async fn redeem(
        &self,
        hash: &TicketHash,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<TicketRight>, StoreError> {
        sqlx::query(
            "DELETE FROM tickets \
             WHERE hash = $1 AND owner = $2 AND id = $3 AND expires_at > $4 \
             RETURNING epoch, kid, sid, issued_at, token_ends",
        )
        .bind(&hash.0[..])
        .bind(owner(address))
        .bind(address.id.as_str())
        .bind(micros(now))
        .fetch_optional(&self.writer)
        .await
        .map_err(unavailable)?
        .map(|row| right(&row))
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

fn right(row: &SqliteRow) -> Result<TicketRight, StoreError> {
    Ok(TicketRight {
        epoch: unsigned(row.try_get("epoch").map_err(unavailable)?)?,
        kid: row.try_get("kid").map_err(unavailable)?,
        sid: row.try_get("sid").map_err(unavailable)?,
        issued_at: moment(row, "issued_at")?,
        ends_at: moment(row, "token_ends")?,
    })
}
