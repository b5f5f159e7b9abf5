//! [`Bounds`]: a range of etcd keys.

use std::ops::Bound;

use txetcd_client::KeySet;

/// The keys from `start` up to `end`, which is not part of it.
///
/// Every range of this library lies within a slot, so there always is an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl Bounds {
    pub(crate) fn new(start: Vec<u8>, end: Vec<u8>) -> Self {
        Self { start, end }
    }

    /// The keys that begin so. The prefix holds a slot, so that it is never all `ff`.
    pub(crate) fn prefix(prefix: Vec<u8>) -> Self {
        let mut end = prefix.clone();
        while let Some(last) = end.pop() {
            if last < 0xff {
                end.push(last + 1);
                break;
            }
        }
        Self { start: prefix, end }
    }

    /// All keys of a slot.
    pub(crate) fn slot(slot: u16) -> Self {
        Self::prefix(slot.to_be_bytes().to_vec())
    }

    /// What is left behind (or, in reverse, before) a part that was read.
    pub(crate) fn without(self, covered: Self, reverse: bool) -> Option<Self> {
        let rest =
            if reverse { Self::new(self.start, covered.start) } else { Self::new(covered.end, self.end) };
        (!rest.is_empty()).then_some(rest)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        *self.start <= *key && *key < *self.end
    }

    /// The same, as maps that are sorted by keys take it. They panic if the end is before the start.
    pub(crate) fn as_range(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (Bound::Included(&self.start), Bound::Excluded(&self.end))
    }

    pub(crate) fn key_set(&self) -> KeySet {
        KeySet::range(self.start.clone(), self.end.clone())
    }
}

/// The smallest key that sorts after this one.
pub(crate) fn after(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}
