//! How a transaction stands to those of this process that came before it.

use std::sync::Arc;

use txetcd_client::KeyValue;
use txetcd_client::teeth::{Bug, planted};

use super::super::numbers::Fate;
use super::super::written_keys::{Writer, Writers};
use super::Order;
use crate::engine::attempt::{Attempt, Source};
use crate::engine::conflict::Conflict;
use crate::engine::read_set::Mark;

/// Members that an attempt has to do with, in a way that it has not seen.
#[derive(Default)]
pub(super) struct Related {
    /// Those that it has to wait for.
    pub(super) after: Vec<u64>,
    /// The first that replaces what it has read, and where.
    pub(super) overtaken: Option<(u64, Vec<u8>)>,
}

/// How something that was read stands to what this process has written.
enum Relation {
    Fresh,
    /// It has been replaced since, by this in this revision, if that is known.
    Stale(Option<(i64, Option<Arc<KeyValue>>)>),
    /// It will be replaced if this member is committed.
    Before(u64),
}

impl Order {
    /// What an attempt has to do with members, unless something that it has read was replaced since.
    pub(super) fn relate(&self, attempt: &Attempt) -> Result<Related, Box<Conflict>> {
        let mut related = Related::default();
        let mut note = |key: &[u8], relation: Relation| match relation {
            Relation::Fresh => Ok(()),
            Relation::Stale(now) => Err(Box::new(Conflict::local(key, attempt, now))),
            Relation::Before(number) => {
                if related.overtaken.as_ref().is_none_or(|(first, _)| number < *first) {
                    related.overtaken = Some((number, key.to_vec()));
                }
                Ok(())
            }
        };
        let as_of = attempt.revision.unwrap_or(0);
        for (key, mark) in &attempt.reads.keys {
            note(key, self.relation(key, *mark, as_of, attempt.source))?;
        }
        for range in &attempt.reads.ranges {
            for (key, writers) in self.written.within(&range.bounds) {
                let mark = range.rows.get(key).copied();
                if mark.is_none() && writers.newest().is_none_or(Writer::has_deleted) {
                    continue;
                }
                let mark = mark.unwrap_or(Mark::ABSENT);
                note(key, self.relation(key, mark, as_of, attempt.source))?;
            }
            // A row of which something was read that then did not come about.
            for (key, mark) in range.rows.iter().filter(|(_, mark)| mark.writer().is_some()) {
                note(key, self.relation(key, *mark, as_of, attempt.source))?;
            }
        }
        for key in attempt.required() {
            if let Some(Writers { open: Some(writer), .. }) = self.written.get(key) {
                related.after.push(writer.number);
            }
        }
        Ok(related)
    }

    fn relation(&self, key: &[u8], mark: Mark, as_of: i64, source: Source) -> Relation {
        let writers = self.written.get(key);
        if let Some(Writers { open: Some(Writer { number, .. }), .. }) = writers
            && mark.writer() != Some(*number)
            && !planted(Bug::UnseenWrites)
        {
            // Who reads the cache can read that, if it is there to be read.
            let reads_it = source != Source::Store && !self.is_hidden(*number);
            return if reads_it { Relation::Stale(None) } else { Relation::Before(*number) };
        }
        if let Some(number) = mark.writer() {
            // Revisions do not tell: one that is applied with it may have replaced it.
            let newest = writers.and_then(Writers::newest);
            let is_newest = newest.is_some_and(|writer| writer.number == number);
            return match self.numbers.fate(number) {
                Fate::Open | Fate::Committed(_) if is_newest => Relation::Fresh,
                _ => Relation::Stale(None),
            };
        }
        match writers.and_then(|writers| writers.committed.as_ref()) {
            Some((revision, writer)) => {
                let is = if writer.has_deleted() { 0 } else { *revision };
                if mark.mod_revision == is || as_of >= *revision {
                    Relation::Fresh
                } else {
                    Relation::Stale(self.written.row(key))
                }
            }
            _ if source == Source::Store || self.cache.revision() == Some(as_of) => Relation::Fresh,
            _ => match self.cache.mod_revision(key) {
                Some(now) if now != mark.mod_revision => Relation::Stale(None),
                _ => Relation::Fresh,
            },
        }
    }
}
