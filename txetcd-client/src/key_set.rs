//! [`KeySet`]: one key, a range, a prefix, or all keys.

/// The keys that a request is about, in etcd's terms a `key` and a `range_end`.
///
/// ```
/// use txetcd_client::KeySet;
/// assert!(KeySet::prefix("a/").contains(b"a/1"));
/// assert!(!KeySet::range("a", "b").contains(b"b"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeySet {
    start: Vec<u8>,
    end: End,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum End {
    /// Only the key itself.
    Single,
    /// Up to this key, which is not part of it.
    Before(Vec<u8>),
    /// No upper end.
    Open,
}

impl KeySet {
    /// One key.
    pub fn key(key: impl Into<Vec<u8>>) -> Self {
        Self { start: key.into(), end: End::Single }
    }

    /// The keys from `start` up to `end`, which is not part of it. Holds nothing if `end <= start`.
    pub fn range(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: End::Before(end.into()) }
    }

    /// The keys that begin so; an empty prefix means all keys.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let start = prefix.into();
        let end = prefix_end(&start).map_or(End::Open, End::Before);
        Self { start, end }
    }

    /// The key and all that sort after it.
    pub fn starting_at(start: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: End::Open }
    }

    /// All keys (of the client's namespace).
    pub fn all() -> Self {
        Self::starting_at(Vec::new())
    }

    /// The smallest range that holds all of these key sets, of which there is at least one.
    pub(crate) fn covering(sets: &[Self]) -> Self {
        let [first, rest @ ..] = sets else { return Self::range("", "") };
        rest.iter().fold(first.clone(), |covered, set| Self {
            start: covered.start.clone().min(set.start.clone()),
            end: match (covered.upper(), set.upper()) {
                (Some(one), Some(other)) => End::Before(one.max(other)),
                _ => End::Open,
            },
        })
    }

    /// The first key that sorts after all of these.
    fn upper(&self) -> Option<Vec<u8>> {
        match &self.end {
            End::Single => Some([&*self.start, &[0]].concat()),
            End::Before(end) => Some(end.clone()),
            End::Open => None,
        }
    }

    /// Whether a key is one of these.
    pub fn contains(&self, key: &[u8]) -> bool {
        match &self.end {
            End::Single => key == self.start,
            End::Before(end) => *self.start <= *key && *key < **end,
            End::Open => *self.start <= *key,
        }
    }

    pub(crate) fn is_one_key(&self) -> bool {
        self.end == End::Single
    }

    pub(crate) fn size(&self) -> usize {
        let end = if let End::Before(end) = &self.end { end.len() } else { 1 };
        self.start.len() + end
    }

    /// etcd's `key` and `range_end` within a namespace.
    pub(crate) fn to_wire(&self, namespace: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut key = [namespace, &self.start].concat();
        let range_end = match &self.end {
            End::Single => return (key, Vec::new()),
            End::Before(end) => [namespace, end].concat(),
            // `\0` as a range end is etcd's word for "no end".
            End::Open => prefix_end(namespace).unwrap_or_else(|| vec![0]),
        };
        if key.is_empty() {
            key.push(0); // The smallest key there can be.
        }
        // An empty range end would mean a single key: a range up to the empty key holds nothing.
        if range_end.is_empty() { (vec![0], vec![0, 0]) } else { (key, range_end) }
    }
}

/// The first key after all keys with this prefix, or `None` if there is no such key.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

impl From<&str> for KeySet {
    fn from(key: &str) -> Self {
        Self::key(key)
    }
}

impl From<String> for KeySet {
    fn from(key: String) -> Self {
        Self::key(key)
    }
}

impl From<&String> for KeySet {
    fn from(key: &String) -> Self {
        Self::key(key.as_str())
    }
}

impl From<Vec<u8>> for KeySet {
    fn from(key: Vec<u8>) -> Self {
        Self::key(key)
    }
}

impl From<&[u8]> for KeySet {
    fn from(key: &[u8]) -> Self {
        Self::key(key)
    }
}

impl<const N: usize> From<&[u8; N]> for KeySet {
    fn from(key: &[u8; N]) -> Self {
        Self::key(key.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_sets_are_covered_by_one_range() {
        let covering = |sets: &[KeySet]| KeySet::covering(sets).to_wire(b"");
        assert_eq!(covering(&[KeySet::key("k")]), (b"k".to_vec(), vec![]));
        assert_eq!(covering(&[KeySet::key("k"), KeySet::key("b")]), (b"b".to_vec(), b"k\0".to_vec()));
        assert_eq!(
            covering(&[KeySet::prefix("c"), KeySet::key("a"), KeySet::range("x", "y")]),
            (b"a".to_vec(), b"y".to_vec())
        );
        assert_eq!(covering(&[KeySet::key("k"), KeySet::starting_at("m")]), (b"k".to_vec(), vec![0]));
    }

    #[test]
    fn wire_forms() {
        assert_eq!(KeySet::key("k").to_wire(b"ns/"), (b"ns/k".to_vec(), vec![]));
        assert_eq!(KeySet::range("a", "b").to_wire(b"ns/"), (b"ns/a".to_vec(), b"ns/b".to_vec()));
        assert_eq!(KeySet::all().to_wire(b"ns/"), (b"ns/".to_vec(), b"ns0".to_vec()));
        assert_eq!(KeySet::all().to_wire(b""), (vec![0], vec![0]));
        assert_eq!(KeySet::prefix("a").to_wire(b""), (b"a".to_vec(), b"b".to_vec()));
        assert_eq!(KeySet::prefix([0xff]).to_wire(b""), (vec![0xff], vec![0]));
        assert_eq!(KeySet::prefix([0xff]).to_wire(b"n"), (vec![b'n', 0xff], b"o".to_vec()));
        assert_eq!(KeySet::range("", "b").to_wire(b""), (vec![0], b"b".to_vec()));
        // Not the single key `a`.
        assert_eq!(KeySet::range("a", "").to_wire(b"").1, vec![0, 0]);
    }
}
