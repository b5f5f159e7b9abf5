//! [`WriteSet`]: what an attempt will write. Nothing of it is sent before the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::bounds::Bounds;

/// What the transaction itself says about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Own {
    Put(Put),
    /// It was deleted.
    Deleted,
}

/// A row that is put. `Debug` does not show the value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Put {
    pub(crate) value: Arc<[u8]>,
    /// The transaction deleted the row before, so that this is another one.
    pub(crate) replaces_deleted: bool,
}

impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Put({} bytes)", self.value.len())
    }
}

/// What is to be written: the last word on each key, over ranges that were cleared before it.
#[derive(Debug, Default)]
pub(crate) struct WriteSet {
    rows: BTreeMap<Vec<u8>, Own>,
    cleared: Vec<Bounds>,
    /// Keys that must be absent in the store when the transaction commits.
    absent: BTreeSet<Vec<u8>>,
}

/// The key was put earlier in the same transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlreadyPut;

impl WriteSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.cleared.is_empty() && self.absent.is_empty()
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        let replaces_deleted = match self.own(&key) {
            Some(Own::Put(before)) => before.replaces_deleted,
            Some(Own::Deleted) => true,
            None => false,
        };
        self.rows.insert(key, Own::Put(Put { value: value.into(), replaces_deleted }));
    }

    /// Puts a row that must not be there yet.
    pub(crate) fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), AlreadyPut> {
        match self.own(&key) {
            Some(Own::Put(_)) => return Err(AlreadyPut),
            Some(Own::Deleted) => {}
            None => {
                self.absent.insert(key.clone());
            }
        }
        self.put(key, value);
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.rows.insert(key, Own::Deleted);
    }

    pub(crate) fn clear(&mut self, bounds: Bounds) {
        self.rows.retain(|key, _| !bounds.contains(key));
        let covers = |outer: &Bounds, inner: &Bounds| outer.start <= inner.start && inner.end <= outer.end;
        if !self.cleared.iter().any(|cleared| covers(cleared, &bounds)) {
            self.cleared.retain(|cleared| !covers(&bounds, cleared));
            self.cleared.push(bounds);
        }
    }

    /// What the transaction itself says about a key, if anything.
    pub(crate) fn own(&self, key: &[u8]) -> Option<Own> {
        if let Some(own) = self.rows.get(key) {
            return Some(own.clone());
        }
        self.cleared.iter().any(|bounds| bounds.contains(key)).then_some(Own::Deleted)
    }

    /// The rows that were put within a range.
    pub(crate) fn puts_in(&self, bounds: &Bounds) -> impl Iterator<Item = (&[u8], &Put)> {
        let rows = (!bounds.is_empty()).then(|| self.rows.range(bounds.start.clone()..bounds.end.clone()));
        rows.into_iter().flatten().filter_map(|(key, own)| match own {
            Own::Put(put) => Some((key.as_slice(), put)),
            Own::Deleted => None,
        })
    }

    /// Keys that must be absent at commit.
    pub(crate) fn absent(&self) -> impl Iterator<Item = &[u8]> {
        self.absent.iter().map(Vec::as_slice)
    }

    pub(crate) fn puts(&self) -> impl Iterator<Item = (&[u8], &Put)> {
        self.rows.iter().filter_map(|(key, own)| match own {
            Own::Put(put) => Some((key.as_slice(), put)),
            Own::Deleted => None,
        })
    }

    /// The single keys to delete. Those inserted by the transaction itself are not there to be deleted.
    pub(crate) fn deletes(&self) -> impl Iterator<Item = &[u8]> {
        self.rows
            .iter()
            .filter(|(key, own)| **own == Own::Deleted && !self.absent.contains(*key))
            .map(|(key, _)| key.as_slice())
    }

    /// The ranges to delete, cut around what is put in them: etcd refuses a put inside a deleted range.
    pub(crate) fn clears(&self) -> Vec<Bounds> {
        let mut clears = Vec::new();
        for bounds in &self.cleared {
            let mut start = bounds.start.clone();
            for (key, _) in self.puts_in(bounds) {
                clears.push(Bounds::new(start, key.to_vec()));
                start = super::bounds::after(key);
            }
            clears.push(Bounds::new(start, bounds.end.clone()));
        }
        clears.retain(|bounds| !bounds.is_empty());
        clears
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(start: &str, end: &str) -> Bounds {
        Bounds::new(start.into(), end.into())
    }

    #[test]
    fn the_last_word_counts() {
        let mut writes = WriteSet::default();
        writes.put(b"b".to_vec(), b"1".to_vec());
        writes.clear(bounds("a", "d"));
        assert_eq!(writes.own(b"b"), Some(Own::Deleted));
        writes.put(b"c".to_vec(), b"2".to_vec());
        let put = Put { value: b"2".as_slice().into(), replaces_deleted: true };
        assert_eq!(writes.own(b"c"), Some(Own::Put(put)));
        assert_eq!(writes.own(b"e"), None);
        assert_eq!(writes.clears(), [bounds("a", "c"), bounds("c\0", "d")]);
    }

    #[test]
    fn an_insert_asks_for_absence_only_of_what_the_store_has() {
        let mut writes = WriteSet::default();
        writes.insert(b"new".to_vec(), vec![]).unwrap();
        assert_eq!(writes.insert(b"new".to_vec(), vec![]), Err(AlreadyPut));
        writes.delete(b"old".to_vec());
        writes.insert(b"old".to_vec(), vec![]).unwrap();
        assert_eq!(writes.absent().collect::<Vec<_>>(), [b"new"]);
        writes.delete(b"new".to_vec());
        assert_eq!(writes.absent().collect::<Vec<_>>(), [b"new"], "it had to be absent all the same");
        assert_eq!(writes.deletes().count(), 0);
        assert_eq!(writes.puts().count(), 1);
    }
}
