//! What others may read before it is committed.

use std::sync::Arc;

use txetcd_client::KeyValue;

use super::super::numbers::Fate;
use super::Order;
use crate::engine::attempt::{Attempt, Source};
use crate::engine::bookkeeping::{CATALOGUE, slot_of};
use crate::engine::cache::{Version, Versions};
use crate::engine::read_set::{Mark, provisional};
use crate::engine::write_set::Own;

impl Order {
    /// Whether others may read what an attempt writes before it is committed: what they see then is a state of the
    /// store in which it came directly after the cached rows. So no member whose writes others do not see comes before it.
    pub(super) fn is_readable(&self, attempt: &Attempt) -> bool {
        let Attempt { source, reads, writes, locks, .. } = attempt;
        let is_cached = |key: &[u8]| self.cache.covers(key) && slot_of(key) != CATALOGUE;
        (*source == Source::Cache || reads.is_empty())
            && locks.is_empty()
            && writes.cleared().is_empty()
            && writes.rows().next().is_some()
            && self.cache.takes_versions()
            && self.is_as_read(attempt)
            && writes.rows().all(|(key, _)| is_cached(key))
            && writes.absent().all(|(key, _)| self.cache.has(key) == Some(false))
            && writes.present().all(|(key, _)| self.cache.has(key) == Some(true))
            && !writes.rows().any(|(key, _)| self.hidden.meets(key))
            && !attempt.writers().any(|writer| self.is_hidden(writer))
    }

    /// Whether nobody sees what a member is about to write.
    pub(super) fn is_hidden(&self, number: u64) -> bool {
        self.members.get(&number).is_some_and(|member| member.versions.is_none())
    }

    /// Whether the cached rows are still as an attempt has read them, so that what it writes fits on them. If they have
    /// moved on meanwhile, ranges are not looked through.
    fn is_as_read(&self, attempt: &Attempt) -> bool {
        let Attempt { revision, reads, .. } = attempt;
        let is_same = |(key, mark): (&Vec<u8>, &Mark)| match mark.writer().map(|it| self.numbers.fate(it)) {
            Some(Fate::Committed(revision)) => {
                self.cache.mod_revision(key).is_some_and(|now| now <= revision)
            }
            Some(Fate::Open | Fate::Failed) => true,
            None => self.cache.mod_revision(key) == Some(mark.mod_revision),
        };
        reads.is_empty()
            || self.cache.revision() == *revision
            || reads.ranges.is_empty() && reads.keys.iter().all(is_same)
    }
}

/// What an attempt makes of rows.
pub(super) fn versions(attempt: &Attempt, number: u64) -> Versions {
    let version = |(key, own): (&[u8], &Own)| match own {
        Own::Put(put) => {
            let lease = put.lease(attempt.reads.mark(key));
            let (key, value) = (key.to_vec(), put.value.to_vec());
            Version::Put(Arc::new(KeyValue::provisional(key, value, lease, provisional(number))))
        }
        Own::Deleted => Version::Deleted(Arc::new((key.into(), number))),
    };
    attempt.writes.rows().map(version).collect()
}
