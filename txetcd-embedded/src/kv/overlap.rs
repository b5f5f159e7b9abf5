//! A transaction may not write a key twice. As in etcd this is decided from the request alone, over
//! whole branches, and with etcd's asymmetry: a put in one nested transaction followed by a delete of
//! the same key in a later sibling is let through.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use crate::failure::Refusal;
use crate::key_range::KeyRange;
use crate::proto::{Request, RequestOp};

/// Refuses operations of which one puts a key that another puts or deletes.
pub(crate) fn check(operations: &[RequestOp]) -> Result<(), Refusal> {
    writes(operations).map(|_| ())
}

/// What a list of operations writes, nested transactions included.
struct Writes<'r> {
    puts: HashSet<&'r [u8]>,
    deletes: Deletes,
}

fn writes(operations: &[RequestOp]) -> Result<Writes<'_>, Refusal> {
    // The deletes of this level count against everything, wherever they stand in the list.
    let mut deletes = Deletes::default();
    for operation in operations {
        if let Some(Request::RequestDeleteRange(request)) = &operation.request {
            deletes.insert(&request.key, &request.range_end);
        }
    }
    let mut puts = HashSet::new();
    for operation in operations {
        if let Some(Request::RequestTxn(nested)) = &operation.request {
            let success = writes(&nested.success)?;
            let failure = writes(&nested.failure)?;
            for key in &success.puts {
                if deletes.contains(key) || !puts.insert(*key) {
                    return Err(Refusal::DuplicateKey);
                }
            }
            for key in &failure.puts {
                // Only one of the two branches runs, so both may put the same key.
                let repeated = !puts.insert(*key) && !success.puts.contains(key);
                if deletes.contains(key) || repeated {
                    return Err(Refusal::DuplicateKey);
                }
            }
            deletes.append(success.deletes);
            deletes.append(failure.deletes);
        }
    }
    for operation in operations {
        if let Some(Request::RequestPut(request)) = &operation.request
            && (deletes.contains(&request.key) || !puts.insert(&request.key))
        {
            return Err(Refusal::DuplicateKey);
        }
    }
    Ok(Writes { puts, deletes })
}

/// Keys to be deleted, as disjoint ranges: start, and the end where there is one.
#[derive(Default)]
struct Deletes(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

impl Deletes {
    fn insert(&mut self, key: &[u8], range_end: &[u8]) {
        match KeyRange::new(key, range_end) {
            KeyRange::Key(key) => {
                let successor = [key, &[0]].concat();
                self.add(key.to_vec(), Some(successor));
            }
            KeyRange::Between(start, end) => self.add(start.to_vec(), Some(end.to_vec())),
            // etcd takes the end "\0" literally here, where it orders before every key; so a delete of
            // everything from a key on collides with nothing.
            KeyRange::From(_) | KeyRange::Empty => {}
        }
    }

    fn append(&mut self, other: Self) {
        for (start, end) in other.0 {
            self.add(start, end);
        }
    }

    /// Adds a range and melts it with those it touches, so that one look back decides membership.
    fn add(&mut self, mut start: Vec<u8>, mut end: Option<Vec<u8>>) {
        if let Some((before, before_end)) = self.0.range(..=start.clone()).next_back()
            && before_end.as_ref().is_none_or(|before_end| *before_end >= start)
        {
            start = before.clone();
        }
        let touched = |next: &Vec<u8>| end.as_ref().is_none_or(|end| next <= end);
        let melted: Vec<Vec<u8>> = self
            .0
            .range(start.clone()..)
            .map(|(next, _)| next)
            .take_while(|next| touched(next))
            .cloned()
            .collect();
        for next in melted {
            if let Some(next_end) = self.0.remove(&next) {
                end = match (end, next_end) {
                    (Some(end), Some(next_end)) => Some(end.max(next_end)),
                    _ => None,
                };
            }
        }
        self.0.insert(start, end);
    }

    fn contains(&self, key: &[u8]) -> bool {
        self.0
            .range::<[u8], _>((Bound::Unbounded, Bound::Included(key)))
            .next_back()
            .is_some_and(|(_, end)| end.as_ref().is_none_or(|end| key < end.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_melt_where_they_touch() {
        let mut deletes = Deletes::default();
        deletes.insert(b"c", b"e");
        deletes.insert(b"g", b"i");
        deletes.insert(b"a", b"");
        deletes.insert(b"d", b"h");
        assert_eq!(deletes.0.len(), 2);
        for (key, inside) in
            [(&b"a"[..], true), (b"a\0", false), (b"b", false), (b"c", true), (b"h", true), (b"i", false)]
        {
            assert_eq!(deletes.contains(key), inside, "{key:?}");
        }
    }

    #[test]
    fn an_empty_range_deletes_nothing() {
        let mut deletes = Deletes::default();
        deletes.insert(b"b", b"a");
        deletes.insert(b"a", b"\0");
        assert!(!deletes.contains(b"a") && !deletes.contains(b"b"));
    }
}
