//! What becomes of one key, for whoever holds a right that rests on it.

use std::{fmt, future::pending, sync::Arc};

use tokio::sync::watch;

use super::Keys;

/// A key that verifies, and the news of it.
#[derive(Clone)]
pub struct InUse {
    kid: Arc<str>,
    keys: watch::Receiver<Arc<Keys>>,
}

impl InUse {
    pub(super) fn new(kid: &str, keys: watch::Receiver<Arc<Keys>>) -> Self {
        Self { kid: kid.into(), keys }
    }

    /// The name of the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Resolves when the key is out of use on this node: revoked, or retired.
    pub async fn ends(mut self) {
        let out_of_use = |keys: &Arc<Keys>| !keys.verifying.contains_key(&*self.kid);
        if self.keys.wait_for(out_of_use).await.is_err() {
            // The keyring is gone, and with it the server: that is not this key's end.
            pending::<()>().await;
        }
    }
}

impl fmt::Debug for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InUse").field(&self.kid).finish()
    }
}
