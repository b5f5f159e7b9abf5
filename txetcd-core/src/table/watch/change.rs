//! [`Change`]: what happened to a row.

use std::sync::Arc;

use txetcd_client::{KeyValue, Result, WatchEvent};

use crate::codec::Codec;
use crate::engine::view::Row;
use crate::key::Key;
use crate::persist::Persist;
use crate::table::PMap;
use crate::table::rows::Rows;

/// What is stored under keys: a struct with a table of its own, or a [`PMap`].
pub trait Stored: 'static {
    /// The key.
    type Key: Key;
    /// What is stored under it.
    type Value: Send + Sync + 'static;
}

impl<T: Persist> Stored for T {
    type Key = T::Key;
    type Value = T;
}

impl<K: Key, V: Send + Sync + 'static, C: Codec<V>> Stored for PMap<K, V, C> {
    type Key = K;
    type Value = V;
}

/// What happened to a row of a table: `Change<User>`.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<T: Stored> {
    /// A row was put: it is new, or was changed.
    Put {
        /// Its key.
        key: T::Key,
        /// The row as it is now.
        value: T::Value,
        /// The row as it was before; `None` if there was none, or none that can be decoded, or if that revision has
        /// been compacted meanwhile.
        previous: Option<T::Value>,
        /// The revision in which it was put, or in which it was read after [`Resync`](Change::Resync).
        revision: i64,
    },
    /// A row was deleted, or its lease ended.
    Delete {
        /// Its key.
        key: T::Key,
        /// The row as it was before, as for [`Put`](Change::Put).
        previous: Option<T::Value>,
        /// The revision in which it was deleted.
        revision: i64,
    },
    /// The history was compacted before it could be told. Whoever keeps rows forgets all of them: those that there were
    /// at this revision follow, as puts of this revision, and then the changes since. What was deleted meanwhile is not
    /// told; it just does not follow.
    Resync {
        /// The revision of the rows that follow.
        revision: i64,
    },
}

impl<T: Stored> Change<T> {
    pub(super) fn from_event(
        revision: i64,
        event: WatchEvent,
        rows: &Rows<T::Key, T::Value>,
    ) -> Result<Self> {
        let row = |kv: KeyValue| Row::Stored(Arc::new(kv));
        let before = |kv: Option<KeyValue>| kv.and_then(|kv| rows.decode(&row(kv)).ok());
        Ok(match event {
            WatchEvent::Put { kv, previous } => {
                let put = row(kv);
                Self::Put {
                    key: rows.decode_key(&put)?,
                    value: rows.decode(&put)?,
                    previous: before(previous),
                    revision,
                }
            }
            WatchEvent::Delete { kv, previous } => {
                Self::Delete { key: rows.decode_key(&row(kv))?, previous: before(previous), revision }
            }
        })
    }
}
