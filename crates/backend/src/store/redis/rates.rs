//! Shares in Redis: one count for all nodes, by the clock of the server.

use std::time::Duration;

use async_trait::async_trait;

use super::{RedisStore, script::run, unavailable};
use crate::store::{Share, ShareStore, StoreError, Taken};

#[async_trait]
impl ShareStore for RedisStore {
    async fn take(
        &self,
        share: &Share,
        interval: Duration,
        window: Duration,
    ) -> Result<Taken, StoreError> {
        let args = [interval, window].map(|span| span.as_micros().to_string().into()).to_vec();
        let key = self.redis.names.rate(share);
        let (wait, left) =
            run(&self.redis, &self.scripts.take_share, key, args).await.map_err(unavailable)?;
        Ok(match wait {
            0 => Taken::Left(left),
            micros => Taken::Refused(Duration::from_micros(micros)),
        })
    }
}
