//! The bus of a node that is alone: the hub has shown everything already.

use std::{
    future::{Future, pending, ready},
    pin::Pin,
};

use async_trait::async_trait;
use common::SessionAddress;

use super::{Bus, BusError, Following, Heard, News};

/// Carries nothing, since there is nobody to carry it to.
#[derive(Debug, Default)]
pub struct LocalBus;

#[derive(Debug)]
struct Here;

impl Following for Here {
    fn listens(&self) -> bool {
        true
    }

    fn listening(&self) -> Pin<Box<dyn Future<Output = Result<(), BusError>> + Send + '_>> {
        Box::pin(ready(Ok(())))
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn tell(&self, _: &SessionAddress, _: &News) -> Result<(), BusError> {
        Ok(())
    }

    fn follow(&self, _: &SessionAddress) -> Box<dyn Following> {
        Box::new(Here)
    }

    async fn hear(&self) -> Heard {
        pending().await
    }

    fn renew(&self, _: &SessionAddress) {}

    async fn close(&self) {}
}
