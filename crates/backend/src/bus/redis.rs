//! The bus of many nodes: Redis pub/sub, sharded on a Cluster.
//!
//! A node has one connection to be told by. One task names the channels to Redis, in batches,
//! until Redis has confirmed them all; after a lost connection none counts as confirmed. A
//! channel that is confirmed again may have missed something, and says so.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use common::SessionAddress;
use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, EventInterface, PubsubInterface},
    types::Message,
};
use futures_util::future::join_all;
use tokio::sync::{Mutex as AsyncMutex, Notify, broadcast, mpsc, watch};

use super::{Bus, BusError, Following, Heard, News};
use crate::{
    lifecycle::Lifecycle,
    store::{Prefix, RedisConnection, RedisUrl},
};

/// Channels that are named at once.
const BATCH: usize = 500;

/// How long a viewer waits until Redis listens for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait before Redis is asked again after a failure.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// How often a connection that has nothing to say is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(2);

/// The bus of many nodes.
#[derive(Debug)]
pub struct RedisBus {
    /// Tells.
    redis: RedisConnection,
    /// Is told.
    ear: Ear,
    followed: Arc<Followed>,
    heard: AsyncMutex<Incoming>,
}

#[derive(Debug)]
struct Incoming {
    messages: broadcast::Receiver<Message>,
    gaps: mpsc::UnboundedReceiver<SessionAddress>,
}

impl RedisBus {
    /// A bus that tells by `redis`, and is told by a connection of its own.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn open(
        redis: &RedisConnection,
        url: &RedisUrl,
        prefix: &Prefix,
        lifecycle: &Lifecycle,
    ) -> Result<Self, BusError> {
        let own = RedisConnection::open(url, prefix).await.map_err(unavailable)?;
        let ear = Ear { client: own.client, sharded: own.is_cluster };
        let (missed, gaps) = mpsc::unbounded_channel();
        let followed = Arc::new(Followed {
            missed,
            channels: Mutex::default(),
            doubts: AtomicU64::new(0),
            changed: Notify::new(),
        });
        let heard = AsyncMutex::new(Incoming { messages: ear.client.message_rx(), gaps });
        lifecycle.spawn(ear.clone().listen(followed.clone()));
        lifecycle.spawn(ear.clone().notice_losses(followed.clone()));
        lifecycle.spawn(ear.clone().ping());
        Ok(Self { redis: redis.clone(), ear, followed, heard })
    }
}

#[async_trait]
impl Bus for RedisBus {
    async fn tell(&self, address: &SessionAddress, news: &News) -> Result<(), BusError> {
        let (channel, news) = (self.redis.channel(address), news.written());
        let client = &self.redis.client;
        let told = async {
            match self.redis.is_cluster {
                true => client.spublish::<u64, _, _>(channel, news).await,
                false => client.publish(channel, news).await,
            }
        };
        self.redis.answer(told).await.map(|_| ()).map_err(unavailable)
    }

    fn follow(&self, address: &SessionAddress) -> Box<dyn Following> {
        let name = self.redis.channel(address);
        let listens = self.followed.follow(&name, address);
        Box::new(Follower { name, listens, followed: self.followed.clone() })
    }

    async fn hear(&self) -> Heard {
        let mut heard = self.heard.lock().await;
        let Incoming { messages, gaps } = &mut *heard;
        loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Ok(message) => {
                        let address = self.followed.address(&message.channel);
                        let text: Result<String, _> = message.value.convert();
                        let news = text.ok().as_deref().and_then(News::read);
                        if let (Some(address), Some(news)) = (address, news) {
                            return Heard::News(address, news);
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(_)) => return Heard::Gap(None),
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                },
                Some(address) = gaps.recv() => return Heard::Gap(Some(address)),
            }
        }
    }

    fn renew(&self, address: &SessionAddress) {
        let renewed = self.redis.channel(address);
        self.followed.doubt(|name| *name == renewed);
    }

    async fn close(&self) {
        let _ = self.ear.client.quit().await;
    }
}

fn unavailable(error: Error) -> BusError {
    BusError::Unavailable(Box::new(error))
}

/// The connection by which a node is told.
#[derive(Clone)]
struct Ear {
    client: Client,
    sharded: bool,
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ear").field("sharded", &self.sharded).finish_non_exhaustive()
    }
}

impl Ear {
    /// Keeps Redis told what to listen to. Runs until it is dropped.
    async fn listen(self, followed: Arc<Followed>) {
        loop {
            let ToTell { begin, end, doubts } = followed.to_tell();
            if begin.is_empty() && end.is_empty() {
                followed.changed.notified().await;
                continue;
            }
            let (began, ended) = (self.begin(&begin).await, self.end(&end).await);
            followed.began(&began, doubts);
            followed.ended(&ended);
            if began.len() + ended.len() < begin.len() + end.len() {
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
            }
        }
    }

    /// Listens to channels; says which of them Redis has confirmed.
    async fn begin(&self, names: &[String]) -> Vec<String> {
        match self.sharded {
            true => {
                let each = names.iter().map(|name| self.client.ssubscribe(name.as_str()));
                done(names, each).await
            }
            false => self.at_once(names, self.client.subscribe(names.to_vec())).await,
        }
    }

    /// Listens to channels no more; says which of them Redis has let go.
    async fn end(&self, names: &[String]) -> Vec<String> {
        match self.sharded {
            true => {
                let each = names.iter().map(|name| self.client.sunsubscribe(name.as_str()));
                done(names, each).await
            }
            false => self.at_once(names, self.client.unsubscribe(names.to_vec())).await,
        }
    }

    /// A command for all channels. Its answer is not waited for by the library, so that of a
    /// ping after it is: answers come in order.
    async fn at_once(
        &self,
        names: &[String],
        asked: impl Future<Output = Result<(), Error>>,
    ) -> Vec<String> {
        if names.is_empty() {
            return Vec::new();
        }
        let told = async {
            asked.await?;
            self.client.ping::<String>(None).await
        };
        match told.await {
            Ok(_) => names.to_vec(),
            Err(error) => {
                tracing::debug!(%error, "Redis does not listen");
                Vec::new()
            }
        }
    }

    /// Begins again with every channel after a connection was lost. Runs until it is dropped.
    async fn notice_losses(self, followed: Arc<Followed>) {
        let mut reconnected = self.client.reconnect_rx();
        while !matches!(reconnected.recv().await, Err(broadcast::error::RecvError::Closed)) {
            followed.doubt(|_| true);
        }
    }

    /// A connection that went away without a word is found out by an answer that does not come.
    async fn ping(self) {
        loop {
            tokio::time::sleep(PING_EVERY).await;
            let answer: Result<String, Error> = self.client.ping(None).await;
            if let Err(error) = answer {
                tracing::debug!(%error, "no answer to a ping");
            }
        }
    }
}

/// Those for which a command succeeds: of a cluster, some servers may be silent.
async fn done(
    names: &[String],
    asked: impl Iterator<Item = impl Future<Output = Result<(), Error>>>,
) -> Vec<String> {
    let answers = join_all(asked).await;
    let fine = names.iter().zip(answers).filter(|(_, answer)| answer.is_ok());
    fine.map(|(name, _)| name.clone()).collect()
}

/// What Redis has to be told.
struct ToTell {
    begin: Vec<String>,
    end: Vec<String>,
    /// How often all that was confirmed had become doubtful by then.
    doubts: u64,
}

/// What is followed, by the name of its channel.
#[derive(Debug)]
struct Followed {
    channels: Mutex<HashMap<String, Channel>>,
    doubts: AtomicU64,
    changed: Notify,
    missed: mpsc::UnboundedSender<SessionAddress>,
}

#[derive(Debug)]
struct Channel {
    address: SessionAddress,
    followers: usize,
    /// Redis has confirmed it.
    listens: watch::Sender<bool>,
    /// It did before, and something may have come meanwhile.
    missed: bool,
}

impl Followed {
    fn channels(&self) -> MutexGuard<'_, HashMap<String, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, name: &str, address: &SessionAddress) -> watch::Receiver<bool> {
        let mut channels = self.channels();
        let channel = channels.entry(name.to_owned()).or_insert_with(|| Channel {
            address: address.clone(),
            followers: 0,
            listens: watch::Sender::new(false),
            missed: false,
        });
        channel.followers += 1;
        self.changed.notify_one();
        channel.listens.subscribe()
    }

    fn leave(&self, name: &str) {
        if let Some(channel) = self.channels().get_mut(name) {
            channel.followers -= 1;
            if channel.followers == 0 {
                self.changed.notify_one();
            }
        }
    }

    fn address(&self, name: &str) -> Option<SessionAddress> {
        self.channels().get(name).map(|channel| channel.address.clone())
    }

    /// Channels that Redis has yet to begin with, and to end.
    fn to_tell(&self) -> ToTell {
        let mut channels = self.channels();
        let some = |wanted: fn(&Channel) -> bool| -> Vec<String> {
            let some = channels.iter().filter(|(_, channel)| wanted(channel));
            some.map(|(name, _)| name.clone()).take(BATCH).collect()
        };
        let begin = some(|channel| channel.followers > 0 && !*channel.listens.borrow());
        let end = some(|channel| channel.followers == 0);
        // Whether Redis lets go of them or not, they are not heard from now on.
        for name in &end {
            if let Some(channel) = channels.get_mut(name) {
                channel.missed |= channel.listens.send_replace(false);
            }
        }
        ToTell { begin, end, doubts: self.doubts.load(Ordering::Relaxed) }
    }

    /// Redis has confirmed these, unless the connection was lost since it was told.
    fn began(&self, names: &[String], doubts: u64) {
        let mut channels = self.channels();
        if self.doubts.load(Ordering::Relaxed) != doubts {
            return;
        }
        for name in names {
            if let Some(channel) = channels.get_mut(name) {
                channel.listens.send_replace(true);
                if std::mem::take(&mut channel.missed) {
                    // Nobody to hear it is nobody to miss anything.
                    let _ = self.missed.send(channel.address.clone());
                }
            }
        }
    }

    fn ended(&self, names: &[String]) {
        let mut channels = self.channels();
        for name in names {
            // Someone may have come back meanwhile: then it is begun anew.
            if channels.get(name).is_some_and(|channel| channel.followers == 0) {
                channels.remove(name);
            }
        }
    }

    /// These may have missed something.
    fn doubt(&self, which: impl Fn(&String) -> bool) {
        let mut channels = self.channels();
        self.doubts.fetch_add(1, Ordering::Relaxed);
        for (_, channel) in channels.iter_mut().filter(|(name, _)| which(name)) {
            channel.missed |= channel.listens.send_replace(false);
        }
        drop(channels);
        self.changed.notify_one();
    }
}

/// A session that is followed.
#[derive(Debug)]
struct Follower {
    name: String,
    listens: watch::Receiver<bool>,
    followed: Arc<Followed>,
}

impl Following for Follower {
    fn listens(&self) -> bool {
        *self.listens.borrow()
    }

    fn listening(&self) -> Pin<Box<dyn Future<Output = Result<(), BusError>> + Send + '_>> {
        let mut listens = self.listens.clone();
        Box::pin(async move {
            match tokio::time::timeout(PATIENCE, listens.wait_for(|listens| *listens)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(BusError::Late),
            }
        })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.followed.leave(&self.name);
    }
}
