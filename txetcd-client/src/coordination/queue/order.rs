//! Which item is the first.
//!
//! Items are ordered by priority, then by create revision. etcd sorts by that only if it reads the whole
//! range. So an item's key has a revision in it that is *older* than its create revision, and by which keys are sorted:
//! once an item is found, no key whose revision is not older than that item's create revision can be before it.
//! The better the producers know the time, the sooner that is; the order does not depend on it.

use std::collections::BTreeSet;

use super::items::{AFTER_ITEMS, CLAIMS, ITEMS};
use crate::client::Client;
use crate::coordination::keys::Name;
use crate::error::{Result, unexpected_answer};
use crate::key_set::KeySet;
use crate::kv::GetRequest;
use crate::op::{Op, OpResponse};
use crate::txn::Txn;

/// How many items are looked at with one request.
const PAGE: u32 = 100;

/// The end of an item's key: `priority u32 | revision i64 | lease i64 | number u64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ItemKey {
    pub(super) priority: u32,
    pub(super) revision: i64,
    pub(super) name: [u8; 16],
}

impl ItemKey {
    const LEN: usize = 28;

    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&self.priority.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.revision.to_be_bytes());
        bytes[12..].copy_from_slice(&self.name);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (priority, rest) = bytes.split_first_chunk()?;
        let (revision, name) = rest.split_first_chunk()?;
        Some(Self {
            priority: u32::from_be_bytes(*priority),
            revision: i64::from_be_bytes(*revision),
            name: name.try_into().ok()?,
        })
    }
}

/// The first item that nobody has claimed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct First {
    /// The end of its key.
    pub(super) key: Vec<u8>,
    pub(super) created: i64,
}

/// Looks for it, and says as of which revision.
pub(super) async fn first(client: &Client, name: &Name) -> Result<(Option<First>, i64)> {
    let items = name.key(ITEMS);
    let mut page = GetRequest::new(name.keys(ITEMS)).keys_only().limit(PAGE);
    let claims = GetRequest::new(name.keys(CLAIMS)).keys_only();
    let response = client.txn(Txn::default().then([page.clone(), claims].map(Op::from))).await?;
    let revision = response.revision();
    let mut answers = response.into_responses().into_iter().filter_map(OpResponse::into_get);
    let mut found = answers.next().ok_or_else(unexpected_answer)?;
    let claims = answers.next().ok_or_else(unexpected_answer)?.into_kvs();
    let skip = items.len();
    let claimed = claims.iter().filter_map(|claim| claim.key().get(skip..skip + ItemKey::LEN));
    let claimed: BTreeSet<&[u8]> = claimed.collect();
    let mut search = Search::default();
    loop {
        for kv in found.kvs() {
            let key = kv.key().get(skip..).unwrap_or_default();
            if search.ends_before(key) {
                return Ok((search.best(), revision));
            }
            if !claimed.contains(key) {
                search.consider(key, kv.create_revision());
            }
        }
        let last = found.kvs().last().filter(|_| found.more());
        let Some(last) = last else { return Ok((search.best(), revision)) };
        let after = [last.key(), &[0]].concat();
        let end = name.key(AFTER_ITEMS);
        page = GetRequest::new(KeySet::range(after, end)).keys_only().limit(PAGE).revision(revision);
        found = client.send_get(page, None).await?;
    }
}

/// Goes through keys in ascending order.
#[derive(Debug, Default)]
struct Search {
    best: Option<(ItemKey, i64)>,
}

impl Search {
    /// Whether neither this key nor any after it can be the first. What is no item's key never is.
    fn ends_before(&self, key: &[u8]) -> bool {
        let (Some((best, created)), Some(next)) = (&self.best, ItemKey::from_bytes(key)) else {
            return false;
        };
        next.priority > best.priority || next.revision >= *created
    }

    fn consider(&mut self, key: &[u8], created: i64) {
        if let Some(key) = ItemKey::from_bytes(key)
            && self.best.is_none_or(|(_, earliest)| created < earliest)
        {
            self.best = Some((key, created));
        }
    }

    fn best(self) -> Option<First> {
        self.best.map(|(key, created)| First { key: key.to_bytes().to_vec(), created })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(priority: u32, revision: i64, number: u8) -> Vec<u8> {
        ItemKey { priority, revision, name: [number; 16] }.to_bytes().to_vec()
    }

    /// The number of the first of these, and how many keys were looked at.
    fn search(mut items: Vec<(Vec<u8>, i64)>) -> (u8, usize) {
        items.sort();
        let mut search = Search::default();
        let looked_at = items.iter().take_while(|(key, created)| {
            let goes_on = !search.ends_before(key);
            if goes_on {
                search.consider(key, *created);
            }
            goes_on
        });
        let looked_at = looked_at.count();
        (search.best().map_or(0, |first| first.key[12]), looked_at)
    }

    #[test]
    fn the_oldest_of_the_smallest_priority_is_found_without_looking_at_all() {
        let pushed_in_order = (1..100).map(|n| (key(0, i64::from(n), n), i64::from(n) + 1)).collect();
        assert_eq!(search(pushed_in_order), (1, 1));
        // Producer 7 has not looked at the revision for long.
        let late = vec![(key(0, 3, 7), 50), (key(0, 10, 1), 11), (key(0, 11, 2), 12), (key(0, 60, 3), 61)];
        assert_eq!(search(late), (1, 2));
        let priorities = vec![(key(2, 1, 1), 5), (key(1, 30, 2), 31), (key(1, 4, 3), 40)];
        assert_eq!(search(priorities), (2, 2));
        assert_eq!(search(vec![(b"foreign".to_vec(), 1), (key(0, 5, 9), 6)]), (9, 2));
        assert_eq!(search(Vec::new()), (0, 0));
    }
}
