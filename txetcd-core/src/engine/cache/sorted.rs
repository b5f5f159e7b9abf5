//! [`Sorted`]: something with a key, in a set that is sorted by keys and can be looked up by them.
//!
//! The sets are copied on write, a node at a time, so what they hold is small and shared.

use std::borrow::Borrow;
use std::cmp::Ordering;

pub(super) trait Keyed {
    fn key(&self) -> &[u8];
}

#[derive(Clone)]
pub(super) struct Sorted<T>(pub(super) T);

impl<T: Keyed> Borrow<[u8]> for Sorted<T> {
    fn borrow(&self) -> &[u8] {
        self.0.key()
    }
}

impl<T: Keyed> PartialEq for Sorted<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl<T: Keyed> Eq for Sorted<T> {}

impl<T: Keyed> PartialOrd for Sorted<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Keyed> Ord for Sorted<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key().cmp(other.0.key())
    }
}
