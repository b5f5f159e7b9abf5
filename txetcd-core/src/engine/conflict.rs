//! [`Conflict`]: what is known after a commit was refused, and what follows from it for one transaction.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use txetcd_client::{Error, KeyValue};

use super::attempt::Attempt;
use super::bookkeeping::catalogue_key;
use super::bounds::{Bounds, after};
use super::known::Known;
use super::naming::{Tables, describe};
use super::plan::{Committed, Question, settled};
use super::read_set::Mark;
use super::schema::TableSchema;

/// How many keys an error names.
const NAMED_KEYS: usize = 3;

/// What the store answered to the questions of a plan that it refused.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// As of when; `None` if nothing was found out.
    revision: Option<i64>,
    /// What is not held any more.
    lost: Vec<(Vec<u8>, Error)>,
    schemas: HashMap<u16, i64>,
    keys: HashMap<Vec<u8>, Option<Arc<KeyValue>>>,
    ranges: Vec<(Bounds, Found)>,
}

/// The beginning of a range.
#[derive(Debug)]
struct Found {
    rows: Vec<Arc<KeyValue>>,
    /// How far they reach.
    covered: Bounds,
}

/// What is known after a conflict.
pub(crate) struct Conflict {
    /// `known` is of this revision; `None` if the store has to be read anew.
    pub(crate) revision: Option<i64>,
    pub(crate) known: Known,
    /// What others have changed meanwhile, if all of it is known.
    pub(crate) changes: Option<Changes>,
    /// What changed, as far as known, for messages.
    pub(crate) keys: Vec<String>,
    /// The tables whose row in the catalogue is not the one that was expected.
    pub(crate) schemas: Vec<(u16, &'static dyn TableSchema)>,
    /// The keys that changed, as far as known.
    pub(crate) changed: Vec<Vec<u8>>,
    /// Whether it met another transaction of this process, and the store was not asked.
    pub(crate) is_local: bool,
}

/// What others have changed, of which a copy of the rows may not know yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// A revision that has all of them, and perhaps more than a copy is ever told of.
    pub(crate) as_of: i64,
    /// The one in which the newest of those rows was written that are there.
    pub(crate) written: i64,
    /// The keys that are not there any more: nothing tells in which revision they were deleted.
    pub(crate) deleted: Vec<Vec<u8>>,
}

/// What a refusal means for one transaction.
pub(crate) enum Verdict {
    /// Nothing that it read has changed: it can be sent again as it is.
    Unchanged,
    /// All that was read is as it was, and what had to be absent was there, or the like: this is the transaction's
    /// answer, as of the revision.
    Violated(Error),
    /// It has to run again.
    Changed(Box<Conflict>),
}

impl Findings {
    /// From the answers to the questions, in their order.
    pub(crate) fn new(revision: i64, questions: Vec<Question>, answers: Vec<Vec<KeyValue>>) -> Self {
        let mut findings = Self { revision: Some(revision), ..Self::default() };
        for (question, rows) in questions.into_iter().zip(answers) {
            match question {
                Question::Held(lock) if lock.is_in(rows.first()) => {}
                Question::Held(lock) => findings.lost.push((lock.key().to_vec(), lock.lost())),
                Question::Schema(slot) => {
                    findings.schemas.insert(slot, rows.first().map_or(0, KeyValue::mod_revision));
                }
                Question::Key(key) => {
                    findings.keys.insert(key, rows.into_iter().next().map(Arc::new));
                }
                Question::Range(bounds, limit) => {
                    let mut covered = bounds.clone();
                    if rows.len() == limit as usize
                        && let Some(last) = rows.last()
                    {
                        covered.end = after(last.key());
                    }
                    let rows = rows.into_iter().map(Arc::new).collect();
                    findings.ranges.push((bounds, Found { rows, covered }));
                }
            }
        }
        findings
    }

    /// What the refusal means for an attempt that was planned alone, or together with others.
    pub(crate) fn verdict(&self, attempt: &Attempt, committed: &Committed, alone: bool) -> Verdict {
        let lost = self.lost.iter().find(|(key, _)| attempt.locks.iter().any(|lock| lock.key() == key));
        if let Some((_, lost)) = lost {
            return Verdict::Violated(lost.clone());
        }
        let Attempt { reads, tables, .. } = attempt;
        let mut conflict = Conflict {
            revision: self.revision,
            known: Known::default(),
            changes: self.revision.map(Changes::as_of),
            keys: Vec::new(),
            schemas: Vec::new(),
            changed: Vec::new(),
            is_local: false,
        };
        // Whether the answer to every question is known.
        let mut complete = true;
        for schema in &attempt.schemas {
            match self.schemas.get(&schema.slot) {
                Some(now) if *now == schema.mod_revision => {}
                Some(now) => {
                    conflict.change(&catalogue_key(schema.slot), tables, *now);
                    conflict.schemas.extend(tables.iter().filter(|(slot, _)| *slot == schema.slot));
                }
                None => complete = false,
            }
        }
        for (key, read) in &reads.keys {
            // What another one of the plan was about to write is as good as that one.
            let Some(read) = settled(*read, committed) else { continue };
            let Some(found) = self.keys.get(key) else {
                complete = false;
                continue;
            };
            let now = Mark::of(found.as_deref(), true);
            if read.mod_revision != now.mod_revision {
                conflict.change(key, tables, now.mod_revision);
            }
            conflict.known.add_key(key.clone(), found.clone());
        }
        for range in &reads.ranges {
            let Some((_, Found { rows, covered })) =
                self.ranges.iter().find(|(bounds, _)| *bounds == range.bounds)
            else {
                complete = false;
                continue;
            };
            complete &= *covered == range.bounds;
            let is_own =
                |key: &[u8]| range.rows.get(key).is_some_and(|mark| settled(*mark, committed).is_none());
            let was = range.rows.iter().filter_map(|(key, mark)| {
                let mark = settled(*mark, committed).filter(|mark| mark.is_present)?;
                covered.contains(key).then_some((key.as_slice(), mark.mod_revision))
            });
            let is = rows.iter().map(|kv| (kv.key(), kv.mod_revision())).filter(|(key, _)| !is_own(key));
            for (key, now) in difference(was, is) {
                conflict.change(key, tables, now);
            }
            conflict.known.add_range(covered.clone(), rows.clone());
        }
        let mut violated = None;
        let required = attempt.writes.absent().map(|(key, _)| key);
        for key in required.chain(attempt.writes.present().map(|(key, _)| key)) {
            if reads.keys.contains_key(key) {
                continue;
            }
            let Some(found) = self.keys.get(key) else {
                complete = false;
                continue;
            };
            let now = Mark::of(found.as_deref(), true);
            violated = violated.or_else(|| violation(attempt, key, now));
            conflict.known.add_key(key.to_vec(), found.clone());
        }
        // What it has seen of others in the plan is as good as they are.
        let relies = attempt.writers().any(|writer| !committed.contains_key(&writer));
        match violated {
            Some((_, error)) if conflict.keys.is_empty() && complete && !relies => Verdict::Violated(error),
            None if conflict.keys.is_empty() && complete && !alone => Verdict::Unchanged,
            violated => {
                if conflict.keys.is_empty() {
                    conflict.keys.extend(violated.map(|(key, _)| describe(key, tables)));
                    conflict.changes = None;
                }
                if conflict.keys.is_empty() {
                    conflict.keys = touched(attempt);
                    conflict.changes = None;
                }
                conflict.keys.truncate(NAMED_KEYS);
                Verdict::Changed(Box::new(conflict))
            }
        }
    }
}

impl Conflict {
    /// Nothing is known but that the transaction was not applied.
    pub(crate) fn to_be_read_anew(attempt: &Attempt) -> Self {
        Self {
            revision: None,
            known: Known::default(),
            changes: None,
            keys: touched(attempt),
            schemas: Vec::new(),
            changed: Vec::new(),
            is_local: false,
        }
    }

    /// What it has read of this process's own copies and plans did not come about, because of these changes, if they are
    /// known.
    pub(crate) fn let_down(attempt: &Attempt, changes: Option<Changes>) -> Self {
        Self { is_local: true, changes, ..Self::to_be_read_anew(attempt) }
    }

    /// What others of this process wait for: perhaps the changes have to do with them as well.
    pub(crate) fn awaited(&self) -> Option<Changes> {
        let all = |revision| Changes { written: revision, ..Changes::as_of(revision) };
        self.changes.clone().or_else(|| self.revision.map(all))
    }

    /// Another transaction of this process was before it. What it wrote is known, if it has been committed.
    pub(crate) fn local(key: &[u8], attempt: &Attempt, now: Option<(i64, Option<Arc<KeyValue>>)>) -> Self {
        let mut known = Known::default();
        let revision = now.map(|(revision, row)| {
            known.add_key(key.to_vec(), row);
            revision
        });
        Self {
            revision,
            known,
            changes: None,
            keys: vec![describe(key, &attempt.tables)],
            schemas: Vec::new(),
            changed: vec![key.to_vec()],
            is_local: true,
        }
    }

    fn change(&mut self, key: &[u8], tables: &Tables, now: i64) {
        self.keys.push(describe(key, tables));
        self.changed.push(key.to_vec());
        match &mut self.changes {
            Some(changes) if now == 0 => changes.deleted.push(key.to_vec()),
            Some(changes) => changes.written = changes.written.max(now),
            None => {}
        }
    }
}

impl Changes {
    fn as_of(revision: i64) -> Self {
        Self { as_of: revision, ..Self::default() }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.as_of = self.as_of.max(other.as_of);
        self.written = self.written.max(other.written);
        self.deleted.extend(other.deleted);
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
    let error = if !now.is_present {
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

/// The keys that are in one of two lists only, or in both with different revisions, each with its revision in the second
/// one.
fn difference<'a>(
    was: impl Iterator<Item = (&'a [u8], i64)>,
    is: impl Iterator<Item = (&'a [u8], i64)>,
) -> Vec<(&'a [u8], i64)> {
    let mut both: BTreeMap<&[u8], [i64; 2]> = was.map(|(key, revision)| (key, [revision, 0])).collect();
    for (key, revision) in is {
        both.entry(key).or_default()[1] = revision;
    }
    both.into_iter().filter(|(_, [was, is])| was != is).map(|(key, [_, is])| (key, is)).collect()
}
