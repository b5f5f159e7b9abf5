//! When the cached rows go on under what may be read over them.

use foldhash::HashSet;
use txetcd_client::WatchEvent;
use txetcd_client::teeth::{Bug, planted};

use super::super::numbers::Fate;
use super::{Member, Order, Place};
use crate::engine::attempt::Attempt;
use crate::engine::cache::Step;
use crate::engine::committer::Outcome;
use crate::engine::conflict::Conflict;
use crate::engine::read_set::{Mark, RangeRead};

impl Order {
    /// Lets the cached rows go as far as they can.
    ///
    /// They may not move on under a member that others may read, if what it relies on changes: one that is in flight
    /// may have been the one who changed it, so its answer is waited for; one that waits will not be applied.
    pub(in super::super) fn advance(&mut self) {
        loop {
            let (concerned, disturbed) = match self.cache.next() {
                None => return,
                Some(Step::Replaced(revision, _)) => {
                    let newest = self.ahead.last_key_value().map(|(newest, _)| *newest);
                    (self.readable().collect(), newest.filter(|newest| newest > revision))
                }
                Some(Step::Changes(revision, _)) if self.own_revisions.contains(revision) => {
                    (Vec::new(), None)
                }
                Some(Step::Changes(revision, events)) => {
                    let mut keys: HashSet<&[u8]> = events.iter().map(WatchEvent::key).collect();
                    for version in self.cache.committed_in(*revision) {
                        keys.remove(version.key());
                    }
                    (self.concerned(&keys), self.disturbed_until(*revision, &keys))
                }
            };
            let is_in_flight =
                |number: &u64| self.members.get(number).is_some_and(|member| member.place == Place::InFlight);
            if concerned.iter().any(is_in_flight) {
                return;
            }
            let failed = concerned.into_iter().filter_map(|number| {
                let conflict = Box::new(Conflict::let_down(&self.members.get(&number)?.attempt, None));
                Some((number, Ok(Outcome::Conflict(conflict))))
            });
            self.fail(failed.collect::<Vec<_>>());
            if let Some(revision) = disturbed {
                self.cache.require(revision);
            }
            self.cache.advance();
            let reached = self.cache.revision().unwrap_or(0);
            self.ahead = self.ahead.split_off(&(reached + 1));
        }
    }

    fn readable(&self) -> impl Iterator<Item = u64> {
        self.members.iter().filter(|(_, member)| member.versions.is_some()).map(|(number, _)| *number)
    }

    /// The readable members that rely on keys which somebody has changed, and those that perhaps have changed them.
    fn concerned(&self, keys: &HashSet<&[u8]>) -> Vec<u64> {
        if planted(Bug::CacheMovesOn) {
            return Vec::new();
        }
        let concerns = |member: &Member| {
            let mut writes = member.attempt.writes.rows();
            self.relies_on(&member.attempt, keys)
                || member.place == Place::InFlight && writes.any(|(key, _)| keys.contains(key))
        };
        self.readable()
            .filter(|number| self.members.get(number).is_some_and(|member| concerns(member)))
            .collect()
    }

    /// Whether an attempt has read what is stored at one of these keys.
    fn relies_on(&self, attempt: &Attempt, keys: &HashSet<&[u8]>) -> bool {
        // What an open member is about to write is that one's concern.
        let is_stored =
            |mark: &Mark| mark.writer().is_none_or(|writer| self.numbers.fate(writer) != Fate::Open);
        let in_range = |range: &RangeRead| {
            let mut inside = keys.iter().filter(|key| range.bounds.contains(key));
            inside.any(|key| range.rows.get(*key).is_none_or(is_stored))
        };
        attempt.reads.keys.iter().any(|(key, mark)| keys.contains(key.as_slice()) && is_stored(mark))
            || attempt.reads.ranges.iter().any(in_range)
            || attempt.required().any(|key| keys.contains(key))
    }

    /// The revision that the rows have to reach before they are read again, after this one. What a transaction relies on
    /// may have changed and changed back before it was committed: in between, what it wrote does not fit the rows.
    fn disturbed_until(&self, revision: i64, keys: &HashSet<&[u8]>) -> Option<i64> {
        let later = self.ahead.range(revision + 1..).rev();
        let mut disturbed = later
            .filter(|(_, all)| all.iter().any(|attempt| self.relies_on(attempt, keys)))
            .filter(|_| !planted(Bug::DisturbanceForgotten));
        disturbed.next().map(|(revision, _)| *revision)
    }
}
