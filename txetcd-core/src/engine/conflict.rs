//! [`Conflict`]: what is known after a commit was refused.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use txetcd_client::{Error, KeyValue};

use super::bookkeeping::catalogue_key;
use super::bounds::after;
use super::known::Known;
use super::naming::describe;
use super::plan::{Plan, Prefetch};
use super::read_set::Mark;
use super::schema::TableSchema;
use super::view::Attempt;

/// How many keys an error names.
const NAMED_KEYS: usize = 3;

/// What is known after a conflict.
pub(crate) struct Conflict {
    /// `known` is of this revision; `None` if the store has to be read anew.
    pub(crate) revision: Option<i64>,
    pub(crate) known: Known,
    /// What changed, as far as known, for messages.
    pub(crate) keys: Vec<String>,
    /// Set if all that was read is as it was, and what had to be absent was there: then the transaction's answer
    /// is this, as of the revision.
    pub(crate) violation: Option<Error>,
    /// The tables whose row in the catalogue is not the one that was expected.
    pub(crate) schemas: Vec<(u16, &'static dyn TableSchema)>,
}

impl Conflict {
    /// From the rows that came with the refusal, in the order of the plan's prefetch.
    pub(crate) fn new(plan: &Plan, revision: i64, answers: Vec<Vec<KeyValue>>) -> Self {
        let Attempt { reads, tables, .. } = &plan.attempt;
        let mut known = Known::default();
        let mut changed = Vec::new();
        let mut violated = None;
        let mut unchanged_reads = 0;
        let mut schemas = Vec::new();
        for (read, rows) in plan.prefetch.iter().zip(answers) {
            match read {
                Prefetch::Schema(slot) => {
                    let now = Mark::of(rows.first(), false).mod_revision;
                    let expected = plan.attempt.schemas.iter().find(|schema| schema.slot == *slot);
                    if expected.is_some_and(|expected| expected.mod_revision != now) {
                        changed.push(describe(&catalogue_key(*slot), tables));
                        schemas.extend(tables.iter().filter(|(known, _)| known == slot));
                    }
                }
                Prefetch::Key(key) => {
                    let kv = rows.into_iter().next();
                    let now = Mark::of(kv.as_ref(), true);
                    match reads.keys.get(key) {
                        Some(read) if read.mod_revision == now.mod_revision => unchanged_reads += 1,
                        Some(_) => changed.push(describe(key, tables)),
                        None => violated = violated.or_else(|| violation(&plan.attempt, key, now)),
                    }
                    known.add_key(key.clone(), kv.map(Arc::new));
                }
                Prefetch::Range { read, limit } => {
                    let Some(range) = reads.ranges.get(*read) else { continue };
                    let was = range.rows.iter().map(|(key, mark)| (key.as_slice(), mark.mod_revision));
                    let is = rows.iter().map(|kv| (kv.key(), kv.mod_revision()));
                    let differing = difference(was, is);
                    unchanged_reads += usize::from(differing.is_empty());
                    changed.extend(differing.into_iter().map(|key| describe(key, tables)));
                    let mut bounds = range.bounds.clone();
                    if rows.len() == *limit as usize
                        && let Some(last) = rows.last()
                    {
                        bounds.end = after(last.key());
                    }
                    known.add_range(bounds, rows);
                }
            }
        }
        let all_unchanged = unchanged_reads == reads.keys.len() + reads.ranges.len();
        if changed.is_empty() {
            changed.extend(violated.as_ref().map(|(key, _)| describe(key, tables)));
        }
        let violation = violated.filter(|_| all_unchanged).map(|(_, error)| error);
        if changed.is_empty() {
            changed = touched(&plan.attempt);
        }
        changed.truncate(NAMED_KEYS);
        Self { revision: Some(revision), known, keys: changed, violation, schemas }
    }

    /// Nothing is known but that the transaction was not applied.
    pub(crate) fn to_be_read_anew(plan: &Plan) -> Self {
        Self {
            revision: None,
            known: Known::default(),
            keys: touched(&plan.attempt),
            violation: None,
            schemas: Vec::new(),
        }
    }
}

impl fmt::Debug for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conflict")
            .field("revision", &self.revision)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// The error if a key that had to be absent is there, or one that had to be there is not.
fn violation<'a>(attempt: &Attempt, key: &'a [u8], now: Mark) -> Option<(&'a [u8], Error)> {
    let tables = &attempt.tables;
    let error = if now == Mark::ABSENT {
        let (_, dangling) = attempt.writes.present().find(|(present, _)| *present == key)?;
        dangling.violated(key, tables)
    } else {
        let (_, absence) = attempt.writes.absent().find(|(absent, _)| *absent == key)?;
        absence.violated(key, tables)
    };
    Some((key, error))
}

/// Some of what the attempt read, where what changed is not known.
fn touched(attempt: &Attempt) -> Vec<String> {
    let ranges = attempt.reads.ranges.iter().map(|range| &range.bounds.start);
    let keys = attempt.reads.keys.keys().chain(ranges);
    keys.take(NAMED_KEYS).map(|key| describe(key, &attempt.tables)).collect()
}

/// The keys that are in one of two lists only, or in both with different revisions.
fn difference<'a>(
    was: impl Iterator<Item = (&'a [u8], i64)>,
    is: impl Iterator<Item = (&'a [u8], i64)>,
) -> Vec<&'a [u8]> {
    let mut both: BTreeMap<&[u8], [i64; 2]> = was.map(|(key, revision)| (key, [revision, 0])).collect();
    for (key, revision) in is {
        both.entry(key).or_default()[1] = revision;
    }
    both.into_iter().filter(|(_, [was, is])| was != is).map(|(key, _)| key).collect()
}
