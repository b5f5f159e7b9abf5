//! [`ByKey`]: rows by hash, for reading one of them.
//!
//! In a large table, what a read costs is how many lines of memory it touches that no cache holds. So an entry is half a
//! line, its key included: the slot, which is the same for all, is left out, and so are the errors of the few rows that
//! cannot be decoded.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use txetcd_client::Error;

use super::content::Decoded;

/// An etcd key without its slot. Up to 16 bytes stand in the map itself.
type Primary = SmallVec<[u8; 16]>;

pub(super) struct ByKey<V> {
    rows: HashMap<Primary, Arc<V>, RandomState>,
    undecodable: HashMap<Primary, Error, RandomState>,
}

impl<V> ByKey<V> {
    pub(super) fn with_capacity(rows: usize) -> Self {
        let rows = HashMap::with_capacity_and_hasher(rows, RandomState::default());
        Self { rows, undecodable: HashMap::default() }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Decoded<V>> {
        let primary = primary(key);
        match self.rows.get(primary) {
            Some(row) => Some(Ok(row.clone())),
            None => self.undecodable.get(primary).map(|error| Err(error.clone())),
        }
    }

    pub(super) fn insert(&mut self, key: &[u8], row: Decoded<V>) {
        let primary = primary(key);
        match row {
            Ok(row) => {
                self.rows.insert(primary.into(), row);
                self.undecodable.remove(primary);
            }
            Err(error) => {
                self.rows.remove(primary);
                self.undecodable.insert(primary.into(), error);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        let primary = primary(key);
        self.rows.remove(primary);
        self.undecodable.remove(primary);
    }
}

fn primary(key: &[u8]) -> &[u8] {
    key.get(2..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_half_a_line() {
        assert_eq!(size_of::<(Primary, Arc<String>)>(), 32);
    }
}
