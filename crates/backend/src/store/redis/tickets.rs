//! Tickets in Redis. A script takes one away, so of all who present it one has it.

use std::time::Duration;

use async_trait::async_trait;
use common::SessionAddress;
use fred::interfaces::HashesInterface;
use time::OffsetDateTime;

use super::{
    RedisStore,
    names::hex,
    script::run,
    sessions::{lifetime, micros, moment, number},
    unavailable,
};
use crate::store::{StoreError, StoredTicket, TicketHash, TicketRight, TicketStore};

/// How long a ticket that is too old is kept, for clocks that do not agree.
const GRACE: Duration = Duration::from_secs(60);

#[async_trait]
impl TicketStore for RedisStore {
    async fn issue(
        &self,
        ticket: &StoredTicket,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let hash = hex(&ticket.hash.0);
        let keys = self.redis.names.ticket(&ticket.address, &hash);
        let args = vec![
            hash.into(),
            micros(now).into(),
            limit.to_string().into(),
            lifetime(ticket.expires_at, now, GRACE).into(),
            micros(ticket.expires_at).into(),
            ticket.address.id.as_str().into(),
            ticket.right.epoch.to_string().into(),
            ticket.right.kid.as_str().into(),
            micros(ticket.right.ends_at).into(),
            ticket.right.sid.as_deref().unwrap_or_default().into(),
            micros(ticket.right.issued_at).into(),
        ];
        let kept: u64 =
            run(&self.redis, &self.scripts.issue_ticket, keys, args).await.map_err(unavailable)?;
        Ok(kept == 1)
    }

    async fn look_up(
        &self,
        hash: &TicketHash,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<TicketRight>, StoreError> {
        let mut keys = self.redis.names.ticket(address, &hex(&hash.0));
        let fields = vec!["expires_at", "id", "epoch", "kid", "ends_at", "sid", "issued_at"];
        let asked = self.redis.client.hmget(keys.remove(0), fields);
        let found: Vec<Option<String>> = self.redis.answer(asked).await.map_err(unavailable)?;
        let found: Option<Vec<String>> = found.into_iter().collect();
        let Some([end, id, found @ ..]) = found.as_deref() else { return Ok(None) };
        if moment(end)? <= now || id != address.id.as_str() {
            return Ok(None);
        }
        right(found).map(Some)
    }

    async fn redeem(
        &self,
        hash: &TicketHash,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<TicketRight>, StoreError> {
        let hash = hex(&hash.0);
        let keys = self.redis.names.ticket(address, &hash);
        let args = vec![hash.into(), micros(now).into(), address.id.as_str().into()];
        let found: Vec<String> =
            run(&self.redis, &self.scripts.redeem_ticket, keys, args).await.map_err(unavailable)?;
        if found.is_empty() { Ok(None) } else { right(&found).map(Some) }
    }

    async fn sweep(&self, _: OffsetDateTime) -> Result<(), StoreError> {
        // Redis does that by itself.
        Ok(())
    }
}

fn right(found: &[String]) -> Result<TicketRight, StoreError> {
    let [epoch, kid, ends_at, sid, issued_at] = found else {
        return Err(StoreError::Corrupt("ticket"));
    };
    Ok(TicketRight {
        epoch: number(epoch)?,
        kid: kid.clone(),
        sid: Some(sid.clone()).filter(|sid| !sid.is_empty()),
        issued_at: moment(issued_at)?,
        ends_at: moment(ends_at)?,
    })
}
