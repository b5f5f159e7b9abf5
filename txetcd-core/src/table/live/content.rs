//! [`Content`]: the rows of a view and the revision that they are of.
//!
//! They are kept twice: by hash for reading one, and in the order of their keys for reading many. The ordered map shares
//! its parts with earlier versions of itself, so that an iterator holds one revision without holding up the next.

use std::sync::Arc;

use imbl::OrdMap;
use smallvec::SmallVec;
use txetcd_client::{Error, KeyValue, WatchEvent, WatchResponse};

use super::by_key::ByKey;
use crate::engine::view::Row;
use crate::key::Key;
use crate::table::rows::Rows;

/// An etcd key. Most are short, and then stand in the map itself.
type Bytes = SmallVec<[u8; 24]>;

/// A row, or why it cannot be decoded.
pub(super) type Decoded<V> = Result<Arc<V>, Error>;

/// Rows in the order of their etcd keys.
pub(super) type Ordered<V> = OrdMap<Bytes, Decoded<V>>;

pub(super) struct Content<V> {
    pub(super) revision: i64,
    ordered: Ordered<V>,
    by_key: ByKey<V>,
    /// Why the view has ended.
    pub(super) failed: Option<Error>,
}

impl<V> Content<V> {
    /// Rows as of a revision.
    pub(super) fn new(revision: i64, rows: Vec<(Bytes, Decoded<V>)>) -> Self {
        let mut by_key = ByKey::with_capacity(rows.len());
        rows.iter().for_each(|(key, row)| by_key.insert(key, row.clone()));
        Self { revision, ordered: rows.into_iter().collect(), by_key, failed: None }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Decoded<V>> {
        self.by_key.get(key)
    }

    pub(super) fn ordered(&self) -> &Ordered<V> {
        &self.ordered
    }

    pub(super) fn len(&self) -> usize {
        self.ordered.len()
    }

    /// Applies what a revision changed. One that is not later than the content is part of it already.
    pub(super) fn apply(&mut self, changes: Changes<V>) -> bool {
        if changes.revision <= self.revision {
            return false;
        }
        for (key, row) in changes.rows {
            match row {
                Some(row) => {
                    self.by_key.insert(&key, row.clone());
                    self.ordered.insert(key, row);
                }
                None => {
                    self.ordered.remove(&key);
                    self.by_key.remove(&key);
                }
            }
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
