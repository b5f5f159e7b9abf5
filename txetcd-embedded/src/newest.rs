//! [`Newest`]: the newest committed state, and the news that there is a newer one.
//!
//! Those who wait for news are woken in the order in which they began to wait, and not at random as tokio's `watch` does
//! it, so that what a store does follows from what it is asked.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::storage::snapshot::Snapshot;
use crate::storage::tables::Tables as _;

pub(crate) struct Newest {
    state: RwLock<Arc<Snapshot>>,
    news: Arc<Notify>,
}

impl Newest {
    pub(crate) fn new(state: Snapshot) -> Self {
        Self { state: RwLock::new(Arc::new(state)), news: Arc::default() }
    }

    pub(crate) fn get(&self) -> Arc<Snapshot> {
        // Nothing can panic while it is locked.
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn revision(&self) -> i64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).revision()
    }

    pub(crate) fn set(&self, state: Snapshot) {
        let state = Arc::new(state);
        let old = std::mem::replace(&mut *self.state.write().unwrap_or_else(PoisonError::into_inner), state);
        self.news.notify_waiters();
        drop(old);
    }

    /// Completes with the first [`set`](Self::set) after this call, whenever it is polled.
    pub(crate) fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.news).notified_owned()
    }
}
