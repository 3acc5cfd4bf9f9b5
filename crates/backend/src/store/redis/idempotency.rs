//! Requests that may be sent again, in Redis: each is one key, so a script decides who runs it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fred::types::Value;
use time::OffsetDateTime;

use super::{
    RedisStore,
    names::hex,
    script::run as ask,
    sessions::{lifetime, micros, moment},
    unavailable,
};
use crate::store::{Begun, IdempotencyStore, Run, RunToken, StoreError, StoredAnswer};

/// How long a request that is too old is kept, for clocks that do not agree.
const GRACE: Duration = Duration::from_secs(60);

const CORRUPT: StoreError = StoreError::Corrupt("idempotent request");

#[async_trait]
impl IdempotencyStore for RedisStore {
    async fn begin(&self, run: &Run, now: OffsetDateTime) -> Result<Begun, StoreError> {
        let args = vec![
            micros(now).into(),
            hex(&run.fingerprint.0).into(),
            hex(&run.token.0).into(),
            micros(run.leased_until).into(),
            micros(run.expires_at).into(),
            lifetime(run.expires_at, now, GRACE).into(),
        ];
        let said: Vec<Option<Bytes>> =
            ask(&self.redis, &self.scripts.begin_run, self.request(run), args)
                .await
                .map_err(unavailable)?;
        match (text(&said, 0).as_deref(), text(&said, 1)) {
            (Some("started"), _) => Ok(Begun::Started),
            (Some("mismatch"), _) => Ok(Begun::Mismatch),
            (Some("taken over"), Some(first)) => Ok(Begun::TakenOver { first: token(&first)? }),
            (Some("in progress"), Some(end)) => {
                let left = (moment(&end)? - now).try_into();
                Ok(Begun::InProgress(left.unwrap_or(Duration::ZERO)))
            }
            (Some("done"), Some(status)) => Ok(Begun::Done(StoredAnswer {
                status: status.parse().map_err(|_| CORRUPT)?,
                content_type: text(&said, 2),
                location: text(&said, 3),
                etag: text(&said, 4),
                body: said.into_iter().nth(5).flatten().ok_or(CORRUPT)?.into(),
            })),
            _ => Err(CORRUPT),
        }
    }

    async fn finish(
        &self,
        run: &Run,
        answer: &StoredAnswer,
        expires_at: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let mut args: Vec<Value> = vec![
            hex(&run.token.0).into(),
            micros(expires_at).into(),
            lifetime(expires_at, now, GRACE).into(),
            "status".into(),
            answer.status.to_string().into(),
            "body".into(),
            answer.body.as_slice().into(),
        ];
        let headers = [
            ("content_type", &answer.content_type),
            ("location", &answer.location),
            ("etag", &answer.etag),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                args.extend([name.into(), value.as_str().into()]);
            }
        }
        let kept: u64 = ask(&self.redis, &self.scripts.finish_run, self.request(run), args)
            .await
            .map_err(unavailable)?;
        Ok(kept == 1)
    }

    async fn abandon(&self, run: &Run) -> Result<bool, StoreError> {
        let args = vec![hex(&run.token.0).into()];
        let forgotten: u64 = ask(&self.redis, &self.scripts.abandon_run, self.request(run), args)
            .await
            .map_err(unavailable)?;
        Ok(forgotten == 1)
    }

    async fn sweep(&self, _: OffsetDateTime) -> Result<bool, StoreError> {
        // Redis does that by itself.
        Ok(false)
    }
}

impl RedisStore {
    fn request(&self, run: &Run) -> String {
        self.redis.names.request(&hex(&run.scope.0))
    }
}

fn text(said: &[Option<Bytes>], at: usize) -> Option<String> {
    String::from_utf8(said.get(at)?.as_ref()?.to_vec()).ok()
}

/// What [`hex`] has written.
fn token(hex: &str) -> Result<RunToken, StoreError> {
    let number = u128::from_str_radix(hex, 16).map_err(|_| CORRUPT)?;
    Ok(RunToken(number.to_be_bytes()))
}
