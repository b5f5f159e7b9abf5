//! [`WatchResponse`] and [`WatchEvent`]: what a watch tells.

use etcd_client::EventType;
use etcd_client::proto::PbEvent;

use crate::key_value::KeyValue;
use crate::namespace::Namespace;

/// All that one revision changed among the keys that are watched.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchResponse {
    pub(super) revision: i64,
    pub(super) events: Vec<WatchEvent>,
}

impl WatchResponse {
    /// The revision.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Its changes, at least one, each of another key.
    pub fn events(&self) -> &[WatchEvent] {
        &self.events
    }

    /// Its changes, taken.
    pub fn into_events(self) -> Vec<WatchEvent> {
        self.events
    }
}

/// A change of one key.
#[derive(Debug, Clone, PartialEq)]
pub enum WatchEvent {
    /// The key was put.
    Put {
        /// The key as it is now.
        kv: KeyValue,
        /// What it held before, where that was asked for and there was something.
        previous: Option<KeyValue>,
    },
    /// The key was deleted, or its lease ended.
    Delete {
        /// The key, without a value; its `mod_revision` is that of the deletion.
        kv: KeyValue,
        /// What it held before, where that was asked for.
        previous: Option<KeyValue>,
    },
}

impl WatchEvent {
    /// The key that was changed, without the client's namespace.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Put { kv, .. } | Self::Delete { kv, .. } => kv.key(),
        }
    }

    /// The event and its revision. `None` for a kind of event that this library does not know.
    pub(super) fn from_wire(event: PbEvent, namespace: &Namespace) -> Option<(i64, Self)> {
        let kind = EventType::try_from(event.r#type).ok()?;
        let previous = event.prev_kv.map(|kv| namespace.key_value(kv));
        let kv = namespace.key_value(event.kv?);
        let revision = kv.mod_revision;
        Some((
            revision,
            match kind {
                EventType::Put => Self::Put { kv, previous },
                EventType::Delete => Self::Delete { kv, previous },
            },
        ))
    }
}
