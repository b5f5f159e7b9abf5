//! [`KeyRange`]: which keys a request means by `key` and `range_end`.

use std::ops::Bound;

/// The keys of a request, as etcd reads the pair `key`, `range_end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRange<'a> {
    /// An empty `range_end`: this key alone.
    Key(&'a [u8]),
    /// A `range_end` of one zero byte: this key and every greater one.
    From(&'a [u8]),
    /// From the first, up to but not including the second.
    Between(&'a [u8], &'a [u8]),
    /// A `range_end` that is not greater than the key: no key at all.
    Empty,
}

/// Where a scan begins and ends.
pub(crate) type KeyBounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

impl<'a> KeyRange<'a> {
    pub(crate) fn new(key: &'a [u8], range_end: &'a [u8]) -> Self {
        match range_end {
            [] => Self::Key(key),
            [0] => Self::From(key),
            end if key < end => Self::Between(key, end),
            _ => Self::Empty,
        }
    }

    pub(crate) fn contains(&self, candidate: &[u8]) -> bool {
        match *self {
            Self::Key(key) => candidate == key,
            Self::From(start) => start <= candidate,
            Self::Between(start, end) => start <= candidate && candidate < end,
            Self::Empty => false,
        }
    }

    /// The bounds for a scan, or nothing where no key can match.
    pub(crate) fn bounds(&self) -> Option<KeyBounds<'a>> {
        match *self {
            Self::Key(key) => Some((Bound::Included(key), Bound::Included(key))),
            Self::From(start) => Some((Bound::Included(start), Bound::Unbounded)),
            Self::Between(start, end) => Some((Bound::Included(start), Bound::Excluded(end))),
            Self::Empty => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_end_is_read_as_etcd_reads_it() {
        assert_eq!(KeyRange::new(b"a", b""), KeyRange::Key(b"a"));
        assert_eq!(KeyRange::new(b"a", b"\0"), KeyRange::From(b"a"));
        assert_eq!(KeyRange::new(b"a", b"b"), KeyRange::Between(b"a", b"b"));
        assert_eq!(KeyRange::new(b"b", b"a"), KeyRange::Empty);
        assert_eq!(KeyRange::new(b"a", b"a"), KeyRange::Empty);
    }

    #[test]
    fn membership_follows_the_bounds() {
        let between = KeyRange::new(b"a", b"c");
        assert!(between.contains(b"a") && between.contains(b"b\xff"));
        assert!(!between.contains(b"c") && !between.contains(b""));
        assert!(KeyRange::new(b"\0", b"\0").contains(b"\0"));
    }
}
