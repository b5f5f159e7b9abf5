//! [`WriteSet`]: what an attempt will write. Nothing of it is sent before the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::bookkeeping::slot_of;
use super::bounds::Bounds;
use super::naming::{Absence, Dangling};
use super::read_set::Mark;
use super::schema::{Entry, Reference};

/// What the transaction itself says about a key.
#[derive(Debug, Clone)]
pub(crate) enum Own {
    Put(Put),
    /// It was deleted.
    Deleted,
}

/// A row that is put. `Debug` does not show the value.
#[derive(Clone)]
pub(crate) struct Put {
    pub(crate) value: Arc<[u8]>,
    /// What others find it by, and what it refers to, if there is any.
    related: Option<Arc<Related>>,
    /// The transaction deleted the row before, so that this is another one.
    pub(crate) replaces_deleted: bool,
    lease: PutLease,
}

/// What a row has to do with other keys.
struct Related {
    entries: Vec<Entry>,
    references: Vec<Reference>,
}

/// What a put does to the lease of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutLease {
    /// The row keeps the lease that it was read with, unless it was deleted in between.
    Kept,
    /// The row is under this lease, or, if it is 0, under none.
    Set(i64),
    /// The row is under a lease that has yet to be granted.
    For(Duration),
}

/// A row as it is to be put.
#[derive(Clone)]
pub(crate) struct NewRow {
    pub(crate) value: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) references: Vec<Reference>,
    pub(crate) lease: PutLease,
}

impl NewRow {
    /// A row of a table without indexes and references.
    pub(crate) fn unindexed(value: Vec<u8>) -> Self {
        Self { value, entries: Vec::new(), references: Vec::new(), lease: PutLease::Kept }
    }
}

impl Put {
    /// Its entries in the table's indexes.
    pub(crate) fn entries(&self) -> &[Entry] {
        self.related.as_ref().map_or(&[], |related| &related.entries)
    }

    /// What it refers to.
    pub(crate) fn references(&self) -> &[Reference] {
        self.related.as_ref().map_or(&[], |related| &related.references)
    }

    /// The lease that the row will be under; `read` is how it was read, if it was.
    pub(crate) fn lease(&self, read: Option<Mark>) -> i64 {
        match self.lease {
            PutLease::Set(lease) => lease,
            // It is granted before the leases of rows matter.
            PutLease::For(_) => 0,
            PutLease::Kept if self.replaces_deleted => 0,
            PutLease::Kept => read.map_or(0, |mark| mark.lease),
        }
    }
}

impl fmt::Debug for Put {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Put({} bytes)", self.value.len())
    }
}

/// What is to be written: the last word on each key, over ranges that were cleared before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriteSet {
    rows: BTreeMap<Vec<u8>, Own>,
    cleared: Vec<Bounds>,
    /// Keys that must be absent in the store when the transaction commits.
    absent: BTreeMap<Vec<u8>, Absence>,
    /// Rows that must be there when the transaction commits, each with what refers to it.
    present: BTreeMap<Vec<u8>, Dangling>,
}

/// The key was put earlier in the same transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlreadyPut;

impl WriteSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.cleared.is_empty() && self.absent.is_empty()
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, row: NewRow) {
        let replaces_deleted = match self.own(&key) {
            Some(Own::Put(before)) => before.replaces_deleted,
            Some(Own::Deleted) => true,
            None => false,
        };
        let NewRow { value, entries, references, lease } = row;
        let is_related = !(entries.is_empty() && references.is_empty());
        let related = is_related.then(|| Arc::new(Related { entries, references }));
        let put = Put { value: value.into(), related, replaces_deleted, lease };
        self.rows.insert(key, Own::Put(put));
    }

    /// Puts a row in the place of one that is put already, under the same lease, or else of the stored one.
    pub(crate) fn change(&mut self, key: Vec<u8>, row: NewRow) {
        let lease = match self.own(&key) {
            Some(Own::Put(before)) => before.lease,
            Some(Own::Deleted) | None => row.lease,
        };
        self.put(key, NewRow { lease, ..row });
    }

    /// The times to live for which no lease has been granted.
    pub(crate) fn ttls(&self) -> BTreeSet<Duration> {
        let puts = self.rows.values().filter_map(|own| match own {
            Own::Put(Put { lease: PutLease::For(ttl), .. }) => Some(*ttl),
            Own::Put(_) | Own::Deleted => None,
        });
        puts.collect()
    }

    /// Puts the rows with times to live under the leases that were granted for these.
    pub(crate) fn set_leases(&mut self, granted: &BTreeMap<Duration, i64>) {
        for own in self.rows.values_mut() {
            if let Own::Put(Put { lease, .. }) = own
                && let PutLease::For(ttl) = *lease
                && let Some(id) = granted.get(&ttl)
            {
                *lease = PutLease::Set(*id);
            }
        }
    }

    /// Puts a row that must not be there yet.
    pub(crate) fn insert(&mut self, key: Vec<u8>, row: NewRow) -> Result<(), AlreadyPut> {
        match self.own(&key) {
            Some(Own::Put(_)) => return Err(AlreadyPut),
            Some(Own::Deleted) => {}
            None => self.require_absent(key.clone(), Absence::OfRow),
        }
        self.put(key, row);
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

    /// Makes the commit depend on a key's absence from the store.
    pub(crate) fn require_absent(&mut self, key: Vec<u8>, absence: Absence) {
        self.absent.insert(key, absence);
    }

    /// Makes the commit depend on a row's presence in the store.
    pub(crate) fn require_present(&mut self, key: Vec<u8>, dangling: Dangling) {
        self.present.insert(key, dangling);
    }

    /// Rows that must be there at commit.
    pub(crate) fn present(&self) -> impl Iterator<Item = (&[u8], &Dangling)> {
        self.present.iter().map(|(key, dangling)| (key.as_slice(), dangling))
    }

    /// Whether a key is in a range that was cleared.
    pub(crate) fn is_cleared(&self, key: &[u8]) -> bool {
        self.cleared.iter().any(|bounds| bounds.contains(key))
    }

    /// What the transaction itself says about a key, if anything.
    pub(crate) fn own(&self, key: &[u8]) -> Option<Own> {
        if let Some(own) = self.rows.get(key) {
            return Some(own.clone());
        }
        self.is_cleared(key).then_some(Own::Deleted)
    }

    /// The rows within a range that were put or deleted one by one.
    pub(crate) fn rows_in<'s>(
        &'s self,
        bounds: &Bounds,
    ) -> impl Iterator<Item = (&'s [u8], &'s Own)> + use<'s> {
        let rows = (!bounds.is_empty()).then(|| self.rows.range::<[u8], _>(bounds.as_range()));
        rows.into_iter().flatten().map(|(key, own)| (key.as_slice(), own))
    }

    /// The rows that were put within a range.
    pub(crate) fn puts_in<'s>(
        &'s self,
        bounds: &Bounds,
    ) -> impl Iterator<Item = (&'s [u8], &'s Put)> + use<'s> {
        self.rows_in(bounds).filter_map(|(key, own)| match own {
            Own::Put(put) => Some((key, put)),
            Own::Deleted => None,
        })
    }

    /// Keys that must be absent at commit, and why.
    pub(crate) fn absent(&self) -> impl Iterator<Item = (&[u8], Absence)> {
        self.absent.iter().map(|(key, absence)| (key.as_slice(), *absence))
    }

    /// Whether a key must be absent at commit.
    pub(crate) fn requires_absence(&self, key: &[u8]) -> bool {
        self.absent.contains_key(key)
    }

    /// Whether anything of a slot is written.
    pub(crate) fn touches(&self, slot: u16) -> bool {
        let from = slot.to_be_bytes();
        let mut rows = self.rows.range::<[u8], _>((Bound::Included(&from[..]), Bound::Unbounded));
        rows.next().is_some_and(|(key, _)| slot_of(key) == slot)
            || self.cleared.iter().any(|cleared| slot_of(&cleared.start) == slot)
    }

    /// The last word on each key that was put or deleted by itself.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[u8], &Own)> {
        self.rows.iter().map(|(key, own)| (key.as_slice(), own))
    }

    /// The ranges that were cleared.
    pub(crate) fn cleared(&self) -> &[Bounds] {
        &self.cleared
    }

    /// The same, without what the transaction itself inserted and deleted: that is not there to be deleted.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (&[u8], &Own)> {
        self.rows().filter(|(key, own)| matches!(own, Own::Put(_)) || !self.absent.contains_key(*key))
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

    fn row(value: &str) -> NewRow {
        NewRow::unindexed(value.into())
    }

    #[test]
    fn the_last_word_counts() {
        let mut writes = WriteSet::default();
        writes.put(b"b".to_vec(), row("1"));
        writes.clear(bounds("a", "d"));
        assert!(matches!(writes.own(b"b"), Some(Own::Deleted)));
        writes.put(b"c".to_vec(), row("2"));
        let Some(Own::Put(put)) = writes.own(b"c") else { panic!("c was put") };
        assert_eq!((&*put.value, put.replaces_deleted), (b"2".as_slice(), true));
        assert!(writes.own(b"e").is_none());
        assert_eq!(writes.clears(), [bounds("a", "c"), bounds("c\0", "d")]);
    }

    #[test]
    fn an_insert_asks_for_absence_only_of_what_the_store_has() {
        let mut writes = WriteSet::default();
        writes.insert(b"new".to_vec(), row("")).unwrap();
        assert_eq!(writes.insert(b"new".to_vec(), row("")), Err(AlreadyPut));
        writes.delete(b"old".to_vec());
        writes.insert(b"old".to_vec(), row("")).unwrap();
        assert_eq!(writes.absent().map(|(key, _)| key).collect::<Vec<_>>(), [b"new"]);
        writes.delete(b"new".to_vec());
        assert_eq!(
            writes.absent().map(|(key, _)| key).collect::<Vec<_>>(),
            [b"new"],
            "it had to be absent all the same"
        );
        let changes: Vec<_> = writes.changes().collect();
        assert!(matches!(changes[..], [(b"old", Own::Put(_))]), "{changes:?}");
    }
}
