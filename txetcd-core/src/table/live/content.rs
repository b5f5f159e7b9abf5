//! [`Content`]: the rows of a view and the revision that they are of.
//!
//! The map shares its parts with earlier versions of itself, so that an iterator holds one revision without holding up
//! the next.

use std::sync::Arc;

use imbl::OrdMap;
use txetcd_client::{Error, KeyValue, WatchEvent, WatchResponse};

use crate::engine::view::Row;
use crate::key::Key;
use crate::table::rows::Rows;

/// An etcd key.
type Bytes = Arc<[u8]>;

/// A row, or why it cannot be decoded.
type Decoded<V> = Result<Arc<V>, Error>;

/// Rows by their etcd keys.
pub(super) type Map<V> = OrdMap<Bytes, Decoded<V>>;

pub(super) struct Content<V> {
    pub(super) revision: i64,
    pub(super) rows: Map<V>,
    /// Why the view has ended.
    pub(super) failed: Option<Error>,
}

impl<V> Content<V> {
    pub(super) fn new() -> Self {
        Self { revision: 0, rows: Map::new(), failed: None }
    }

    /// Applies what a revision changed. One that is not later than the content is part of it already.
    pub(super) fn apply(&mut self, changes: Changes<V>) -> bool {
        if changes.revision <= self.revision {
            return false;
        }
        for (key, row) in changes.rows {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
        self.revision = changes.revision;
        true
    }
}

/// What a revision changed, decoded: a row by its key, or none if it was deleted.
pub(super) struct Changes<V> {
    revision: i64,
    rows: Vec<(Bytes, Option<Decoded<V>>)>,
}

impl<V: 'static> Changes<V> {
    pub(super) fn decoded<K: Key>(response: WatchResponse, rows: &Rows<K, V>) -> Self {
        let revision = response.revision();
        let change = |event| match event {
            WatchEvent::Put { kv, .. } => {
                let (key, row) = decoded(kv, rows);
                (key, Some(row))
            }
            WatchEvent::Delete { kv, .. } => (kv.key().into(), None),
        };
        Self { revision, rows: response.into_events().into_iter().map(change).collect() }
    }
}

/// A stored row, decoded.
pub(super) fn decoded<K: Key, V: 'static>(kv: KeyValue, rows: &Rows<K, V>) -> (Bytes, Decoded<V>) {
    let key = kv.key().into();
    (key, rows.decode(&Row::Stored(Arc::new(kv))).map(Arc::new))
}
