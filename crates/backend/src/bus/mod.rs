//! Between nodes: what one node shows, all show.
//!
//! A bus carries news of sessions to every node that follows them. It may lose what it carries
//! when a connection is lost, and says so afterwards with a [`Heard::Gap`]: the store is the
//! truth, and whoever follows reads it again. What it does not lose comes in the order in which
//! it was sent by each node; a revision says what is newer.

mod local;
mod news;
mod redis;

use std::{fmt::Debug, future::Future, pin::Pin};

use async_trait::async_trait;
use common::SessionAddress;

pub use self::{local::LocalBus, news::News, redis::RedisBus};

/// The bus cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// It cannot be reached, or did not answer in time.
    #[error("the bus failed: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has not said in time that it listens.
    #[error("the bus does not listen yet")]
    Late,
}

/// What a node hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// News of a session that is followed.
    News(SessionAddress, News),
    /// Something may have been missed: of this session, or of all.
    Gap(Option<SessionAddress>),
}

/// A session that is followed until this is dropped.
pub trait Following: Debug + Send + Sync {
    /// Whether nothing new of the session is missed any more.
    fn listens(&self) -> bool;

    /// Resolves once it [`listens`](Self::listens).
    fn listening(&self) -> Pin<Box<dyn Future<Output = Result<(), BusError>> + Send + '_>>;
}

/// Carries news between nodes.
#[async_trait]
pub trait Bus: Debug + Send + Sync {
    /// Tells every node that follows the session, this one too if it does.
    async fn tell(&self, address: &SessionAddress, news: &News) -> Result<(), BusError>;

    /// Follows a session. However often that is done, the bus carries its news once.
    fn follow(&self, address: &SessionAddress) -> Box<dyn Following>;

    /// What comes next. For one listener.
    async fn hear(&self) -> Heard;

    /// Listens anew to a session whose news did not come.
    fn renew(&self, address: &SessionAddress);

    /// Stops carrying.
    async fn close(&self);
}
