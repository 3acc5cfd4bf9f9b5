//! Sessions in Redis.

use std::{collections::HashMap, net::IpAddr, num::NonZeroU16, time::Duration};

use async_trait::async_trait;
use common::{
    Revision, SessionAddress, SessionId, UserId,
    api::{Args, Visibility},
};
use fred::{interfaces::HashesInterface, types::Value};
use futures_util::{StreamExt, stream};
use time::OffsetDateTime;

use super::{RedisStore, script::run, unavailable};
use crate::store::{
    Creation, Deletion, Drawing, Full, ListPosition, ListedSession, Quota, Quotas, SessionStore,
    Space, StoreError, StoredSession, Update,
};

/// How long what has expired is kept for whoever has to say so.
const GRACE: Duration = Duration::from_secs(3600);

/// Expired sessions that are removed in one step.
const EXPIRED_AT_ONCE: u32 = 500;

/// When a node that began to remove expired sessions and did not finish is taken for dead.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Expired sessions that are looked at side by side.
const SIDE_BY_SIDE: usize = 32;

/// The highest number that scripts count exactly to.
const MOST: u64 = 1 << 53;

/// What became of a request for room in the index.
enum Room {
    /// There is: this is the session's epoch.
    Reserved(u64),
    /// A living session has the address, as far as the index knows.
    Known(u64),
    Full(Full),
}

/// What is asked of the index, for a life of a session. See `reserve.lua`.
enum Asking {
    Create,
    Settle(u64),
    Grow(u64),
    Move(u64),
    Live(u64),
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn create(
        &self,
        address: &SessionAddress,
        creator: Option<IpAddr>,
        drawing: &Drawing,
        quotas: &Quotas,
        now: OffsetDateTime,
    ) -> Result<Creation, StoreError> {
        let args_text = args_text(&drawing.args)?;
        let bytes = bytes(drawing, &args_text);
        let end = drawing.expires_at;
        let asked = self.ask(Asking::Create, address, bytes, end, creator, quotas, now).await?;
        let (epoch, known) = match asked {
            Room::Reserved(epoch) => (epoch, false),
            Room::Known(epoch) => (epoch, true),
            Room::Full(full) => return Ok(Creation::Full(full)),
        };
        let args = vec![
            address.id.as_str().into(),
            micros(now).into(),
            lifetime(end, now, GRACE).into(),
            most(quotas.user.sessions),
            most(quotas.user.bytes),
            epoch.to_string().into(),
            (&*drawing.template).into(),
            args_text.into(),
            (&*drawing.svg).into(),
            drawing.visibility.as_str().into(),
            micros(end).into(),
            bytes.to_string().into(),
            drawing.frame_rate().to_string().into(),
        ];
        let keys = self.redis.names.own(address);
        let said: Vec<String> =
            run(&self.redis, &self.scripts.create, keys, args).await.map_err(unavailable)?;
        let creation = match words(&said)[..] {
            ["created"] => Creation::Created(Revision { epoch, seq: 1 }),
            ["taken"] => Creation::Taken,
            ["full", "sessions"] => Creation::Full(Full::Sessions(Space::User)),
            ["full", "bytes"] => Creation::Full(Full::Bytes(Space::User)),
            _ => return Err(StoreError::Corrupt("answer")),
        };
        match (creation, known) {
            // What the index knows has gone without its knowledge.
            (Creation::Created(_), true) => {
                let asking = Asking::Settle(epoch);
                match self.ask(asking, address, bytes, end, creator, quotas, now).await {
                    Ok(Room::Full(full)) => {
                        self.delete_life(address, &[epoch], now).await?;
                        return Ok(Creation::Full(full));
                    }
                    settled => told(settled),
                }
            }
            (Creation::Taken | Creation::Full(_), false) => {
                told(self.release([(address.to_string(), epoch)]).await);
            }
            _ => {}
        }
        Ok(creation)
    }

    async fn get(
        &self,
        address: &SessionAddress,
        now: OffsetDateTime,
    ) -> Result<Option<StoredSession>, StoreError> {
        let key = self.redis.names.session(address);
        let asked = self.redis.client.hgetall(key);
        let fields: HashMap<String, String> =
            self.redis.answer(asked).await.map_err(unavailable)?;
        if fields.is_empty() {
            return Ok(None);
        }
        let session = stored(address, &fields)?;
        Ok((session.drawing.expires_at > now).then_some(session))
    }

    async fn update(
        &self,
        address: &SessionAddress,
        expected: Revision,
        drawing: &Drawing,
        quotas: &Quotas,
        now: OffsetDateTime,
    ) -> Result<Update, StoreError> {
        let args_text = args_text(&drawing.args)?;
        let bytes = bytes(drawing, &args_text);
        let end = drawing.expires_at;
        // A caller may expect any number.
        let next = Revision { seq: expected.seq.saturating_add(1), ..expected };
        let mut reserved = 0;
        loop {
            let args = vec![
                address.id.as_str().into(),
                micros(now).into(),
                lifetime(end, now, GRACE).into(),
                reserved.to_string().into(),
                most(quotas.user.bytes),
                expected.epoch.to_string().into(),
                (&*drawing.template).into(),
                args_text.as_str().into(),
                (&*drawing.svg).into(),
                drawing.visibility.as_str().into(),
                micros(end).into(),
                bytes.to_string().into(),
                expected.seq.to_string().into(),
                next.seq.to_string().into(),
                drawing.frame_rate().to_string().into(),
            ];
            let keys = self.redis.names.own(address);
            let said: Vec<String> =
                run(&self.redis, &self.scripts.update, keys, args).await.map_err(unavailable)?;
            match words(&said)[..] {
                ["done"] => return Ok(Update::Done(next)),
                ["moved", reserved] => {
                    let (asking, reserved) = (Asking::Move(expected.epoch), number(reserved)?);
                    told(self.ask(asking, address, reserved, end, None, &UNBOUNDED, now).await);
                    return Ok(Update::Done(next));
                }
                ["stale"] => return Ok(Update::Stale),
                [gone @ ("gone" | "replaced")] => {
                    if reserved > 0 {
                        told(self.release([(address.to_string(), expected.epoch)]).await);
                    }
                    return Ok(if gone == "gone" { Update::Gone } else { Update::Stale });
                }
                ["full"] => return Ok(Update::Full(Full::Bytes(Space::User))),
                ["reserve"] if reserved == 0 => {
                    let asking = Asking::Grow(expected.epoch);
                    let asked = self.ask(asking, address, bytes, end, None, quotas, now).await?;
                    if let Room::Full(full) = asked {
                        return Ok(Update::Full(full));
                    }
                    reserved = bytes;
                }
                _ => return Err(StoreError::Corrupt("answer")),
            }
        }
    }

    async fn delete(
        &self,
        address: &SessionAddress,
        expected: Option<Revision>,
        now: OffsetDateTime,
    ) -> Result<Deletion, StoreError> {
        let expected = expected.map(|expected| [expected.epoch, expected.seq]);
        self.delete_life(address, expected.as_ref().map_or(&[], |all| all), now).await
    }

    async fn list(
        &self,
        owner: &UserId,
        after: Option<&ListPosition>,
        limit: u32,
        now: OffsetDateTime,
    ) -> Result<Vec<ListedSession>, StoreError> {
        let names = &self.redis.names;
        let mut args: Vec<Value> =
            vec![names.sessions_of(owner).into(), micros(now).into(), limit.to_string().into()];
        if let Some(after) = after {
            args.extend([micros(after.created_at).into(), after.id.as_str().into()]);
        }
        let found: Vec<String> = run(&self.redis, &self.scripts.list, names.list(owner), args)
            .await
            .map_err(unavailable)?;
        found.chunks_exact(7).map(listed).collect()
    }

    async fn take_expired(&self, now: OffsetDateTime) -> Result<Vec<SessionAddress>, StoreError> {
        let args = vec![
            micros(now).into(),
            micros(now + AGAIN_AFTER).into(),
            EXPIRED_AT_ONCE.to_string().into(),
        ];
        let due: Vec<String> =
            run(&self.redis, &self.scripts.take_expired, self.redis.names.index(), args)
                .await
                .map_err(unavailable)?;
        let expired = stream::iter(due).map(|address| self.expire(address, now));
        let expired: Vec<_> = expired.buffered(SIDE_BY_SIDE).collect().await;
        // Those that could be removed have to be told of, whatever became of the others.
        let log =
            |error: &StoreError| tracing::warn!(%error, "an expired session stays for a while");
        let expired: Vec<SessionAddress> =
            expired.into_iter().filter_map(|one| one.inspect_err(log).ok().flatten()).collect();
        if !expired.is_empty() {
            // No life has this epoch: whatever has come at these addresses stays.
            told(self.release(expired.iter().map(|address| (address.to_string(), 0))).await);
        }
        Ok(expired)
    }
}

impl RedisStore {
    /// Asks for room in the index.
    #[expect(clippy::too_many_arguments, reason = "they are what a row of the index has")]
    async fn ask(
        &self,
        asking: Asking,
        address: &SessionAddress,
        bytes: u64,
        end: OffsetDateTime,
        creator: Option<IpAddr>,
        quotas: &Quotas,
        now: OffsetDateTime,
    ) -> Result<Room, StoreError> {
        let (what, epoch) = match asking {
            Asking::Create => ("create", 0),
            Asking::Settle(epoch) => ("settle", epoch),
            Asking::Grow(epoch) => ("grow", epoch),
            Asking::Move(epoch) => ("move", epoch),
            Asking::Live(epoch) => ("live", epoch),
        };
        let mut args: Vec<Value> = vec![
            what.into(),
            address.to_string().into(),
            epoch.to_string().into(),
            bytes.to_string().into(),
            micros(end).into(),
            micros(now).into(),
            creator.map(|network| network.to_string()).unwrap_or_default().into(),
        ];
        for Quota { sessions, bytes } in [quotas.public_from_address, quotas.public, quotas.all] {
            args.extend([most(sessions), most(bytes)]);
        }
        let said: Vec<String> =
            run(&self.redis, &self.scripts.reserve, self.redis.names.index(), args)
                .await
                .map_err(unavailable)?;
        let space = |name: &str| match name {
            "" => Space::Public,
            "*" => Space::All,
            _ => Space::PublicFromAddress,
        };
        Ok(match words(&said)[..] {
            [epoch, "room"] => Room::Reserved(number(epoch)?),
            [epoch, "known"] => Room::Known(number(epoch)?),
            [_, "full", name, "sessions"] => Room::Full(Full::Sessions(space(name))),
            [_, "full", name, "bytes"] => Room::Full(Full::Bytes(space(name))),
            _ => return Err(StoreError::Corrupt("answer")),
        })
    }

    /// Gives back the room of these lives of sessions.
    async fn release(
        &self,
        lives: impl IntoIterator<Item = (String, u64)> + Send,
    ) -> Result<(), StoreError> {
        let args = lives
            .into_iter()
            .flat_map(|(address, epoch)| [address, epoch.to_string()])
            .map(Value::from);
        let (script, keys) = (&self.scripts.release, self.redis.names.index());
        run(&self.redis, script, keys, args.collect()).await.map_err(unavailable)
    }

    /// Deletes a session that has this epoch, and this seq, if they are given.
    async fn delete_life(
        &self,
        address: &SessionAddress,
        expected: &[u64],
        now: OffsetDateTime,
    ) -> Result<Deletion, StoreError> {
        let mut args: Vec<Value> = vec![address.id.as_str().into(), micros(now).into()];
        args.extend(expected.iter().map(|number| Value::from(number.to_string())));
        let keys = self.redis.names.own(address);
        let said: Vec<String> =
            run(&self.redis, &self.scripts.delete, keys, args).await.map_err(unavailable)?;
        match words(&said)[..] {
            ["done", epoch] => {
                told(self.release([(address.to_string(), number(epoch)?)]).await);
                Ok(Deletion::Done)
            }
            ["gone"] => Ok(Deletion::Gone),
            ["stale"] => Ok(Deletion::Stale),
            _ => Err(StoreError::Corrupt("answer")),
        }
    }

    /// Removes a session that is no longer in the index; says which it was, unless it lives on:
    /// its end was moved by someone who could not say so any more.
    async fn expire(
        &self,
        address: String,
        now: OffsetDateTime,
    ) -> Result<Option<SessionAddress>, StoreError> {
        let address: SessionAddress =
            address.parse().map_err(|_| StoreError::Corrupt("session address"))?;
        let args = vec![address.id.as_str().into(), micros(now).into()];
        let keys = self.redis.names.own(&address);
        let living: Vec<String> =
            run(&self.redis, &self.scripts.expire, keys, args).await.map_err(unavailable)?;
        match &living[..] {
            [end, reserved, epoch] => {
                let asking = Asking::Live(number(epoch)?);
                let (end, reserved) = (moment(end)?, number(reserved)?);
                self.ask(asking, &address, reserved, end, None, &UNBOUNDED, now).await?;
                Ok(None)
            }
            _ => Ok(Some(address)),
        }
    }
}

/// What is decided is decided: an index that has not heard of it is put right when the session
/// ends.
fn told<T>(outcome: Result<T, StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "the index of sessions is behind");
    }
}

const BOUNDLESS: Quota = Quota { sessions: u64::MAX, bytes: u64::MAX };
const UNBOUNDED: Quotas =
    Quotas { user: BOUNDLESS, public: BOUNDLESS, public_from_address: BOUNDLESS, all: BOUNDLESS };

fn words(said: &[String]) -> Vec<&str> {
    said.iter().map(String::as_str).collect()
}

fn most(number: u64) -> Value {
    number.min(MOST).to_string().into()
}

fn bytes(drawing: &Drawing, args: &str) -> u64 {
    (drawing.template.len() + args.len() + drawing.svg.len()) as u64
}

fn args_text(args: &Args) -> Result<String, StoreError> {
    serde_json::to_string(args).map_err(|error| StoreError::Unavailable(Box::new(error)))
}

/// Microseconds since the epoch, as a script reads them.
pub(super) fn micros(time: OffsetDateTime) -> String {
    (time.unix_timestamp_nanos() / 1000).to_string()
}

/// Milliseconds after which Redis may forget something that ends at `end`.
pub(super) fn lifetime(end: OffsetDateTime, now: OffsetDateTime, grace: Duration) -> String {
    let left = (end + grace - now).whole_milliseconds();
    left.clamp(1, i128::from(MOST)).to_string()
}

pub(super) fn number(text: &str) -> Result<u64, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("number"))
}

pub(super) fn moment(text: &str) -> Result<OffsetDateTime, StoreError> {
    let micros: i128 = text.parse().map_err(|_| StoreError::Corrupt("time"))?;
    OffsetDateTime::from_unix_timestamp_nanos(micros * 1000)
        .map_err(|_| StoreError::Corrupt("time"))
}

fn visibility(word: &str) -> Result<Visibility, StoreError> {
    Visibility::of(word).ok_or(StoreError::Corrupt("visibility"))
}

fn frame_rate(text: &str) -> Result<Option<NonZeroU16>, StoreError> {
    text.parse().map(NonZeroU16::new).map_err(|_| StoreError::Corrupt("frame rate"))
}

fn revision(epoch: &str, seq: &str) -> Result<Revision, StoreError> {
    Ok(Revision { epoch: number(epoch)?, seq: number(seq)? })
}

fn stored(
    address: &SessionAddress,
    fields: &HashMap<String, String>,
) -> Result<StoredSession, StoreError> {
    let text = |field| fields.get(field).map(String::as_str).ok_or(StoreError::Corrupt("session"));
    let args: Args =
        serde_json::from_str(text("args")?).map_err(|_| StoreError::Corrupt("args"))?;
    Ok(StoredSession {
        address: address.clone(),
        revision: revision(text("epoch")?, text("seq")?)?,
        drawing: Drawing {
            template: text("template")?.into(),
            args: args.into(),
            svg: text("svg")?.into(),
            visibility: visibility(text("visibility")?)?,
            expires_at: moment(text("expires_at")?)?,
            max_frames_per_second: frame_rate(text("max_frames_per_second")?)?,
        },
        created_at: moment(text("created_at")?)?,
        updated_at: moment(text("updated_at")?)?,
    })
}

fn listed(fields: &[String]) -> Result<ListedSession, StoreError> {
    let [id, epoch, seq, word, created_at, updated_at, expires_at] = fields else {
        return Err(StoreError::Corrupt("session"));
    };
    let id: SessionId = id.parse().map_err(|_| StoreError::Corrupt("session id"))?;
    Ok(ListedSession {
        id,
        revision: revision(epoch, seq)?,
        visibility: visibility(word)?,
        created_at: moment(created_at)?,
        updated_at: moment(updated_at)?,
        expires_at: moment(expires_at)?,
    })
}
