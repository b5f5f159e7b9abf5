//! [`Change`]: what happened to a row.

use std::sync::Arc;

use txetcd_client::{KeyValue, Result};

use super::part::{Before, Part};
use crate::codec::Codec;
use crate::engine::view::Row;
use crate::key::Key;
use crate::persist::Persist;
use crate::table::PMap;

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
    /// A row was put: it is new, or was changed; or came into the range of the index whose rows are watched.
    Put {
        /// Its key.
        key: T::Key,
        /// The row as it is now.
        value: T::Value,
        /// The row as it was before; `None` if there was none in what is watched, or none that can be decoded, or if that
        /// revision has been compacted meanwhile.
        previous: Option<T::Value>,
        /// The revision in which it was put, or in which it was read after [`Resync`](Change::Resync).
        revision: i64,
    },
    /// A row was deleted, or its lease ended; or it left the range of the index whose rows are watched.
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
    /// What a put is to who watches a part of the table; nothing if the row neither is nor was in it.
    pub(super) fn put(
        revision: i64,
        kv: KeyValue,
        previous: Option<KeyValue>,
        part: &Part<T::Key, T::Value>,
    ) -> Result<Option<Self>> {
        let before = if kv.version() == 1 { Before::Outside } else { part.before(previous) };
        let row = Row::Stored(Arc::new(kv));
        let (key, value) = (part.rows.decode_key(&row)?, part.rows.decode(&row)?);
        Ok(match (part.has(row.key(), &value)?, before) {
            (true, before) => Some(Self::Put { key, value, previous: before.inside(), revision }),
            (false, Before::Outside) => None,
            (false, before) => Some(Self::Delete { key, previous: before.inside(), revision }),
        })
    }

    /// What a deletion is to who watches a part of the table.
    pub(super) fn deleted(
        revision: i64,
        kv: KeyValue,
        previous: Option<KeyValue>,
        part: &Part<T::Key, T::Value>,
    ) -> Result<Option<Self>> {
        let key = part.rows.decode_key(&Row::Stored(Arc::new(kv)))?;
        Ok(match part.before(previous) {
            Before::Outside => None,
            before => Some(Self::Delete { key, previous: before.inside(), revision }),
        })
    }

    /// A row that follows a resync.
    pub(super) fn listed(revision: i64, kv: KeyValue, part: &Part<T::Key, T::Value>) -> Result<Option<Self>> {
        let row = Row::Stored(Arc::new(kv));
        let (key, value) = (part.rows.decode_key(&row)?, part.rows.decode(&row)?);
        let inside = part.has(row.key(), &value)?;
        Ok(inside.then_some(Self::Put { key, value, previous: None, revision }))
    }
}
