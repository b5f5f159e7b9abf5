//! [`Conflict`]: what is known after a commit was refused, and what follows from it for one transaction.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use txetcd_client::{Error, KeyValue};

use super::attempt::{Attempt, SchemaGuard, Source};
use super::bookkeeping::catalogue_key;
use super::bounds::{Bounds, after};
use super::known::Known;
use super::naming::{Tables, describe};
use super::plan::{Committed, Question, questions, settled};
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
    /// What was not asked for because the cache will tell.
    doubtful: Option<Doubtful>,
}

/// What was read, of which at least one is not as it was any more.
pub(crate) type Doubtful = Arc<[Doubt]>;

/// A key that was read in the cache.
#[derive(Debug)]
pub(crate) struct Doubt {
    pub(crate) key: Vec<u8>,
    /// The revision at which it was, 0 if there was none.
    pub(crate) was: i64,
    /// The cached rows are not as new as what was read before they have reached this revision.
    pub(crate) since: i64,
}

/// How it is found out why one of several units was refused.
pub(crate) enum Inquiry {
    /// The store is asked, in the same request.
    Store(Vec<Question>),
    /// The cache will tell: nothing is asked, which would be work for the store even if the unit is applied. It is about what
    /// this member has read.
    Cache(Arc<Attempt>),
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
    /// What others have changed meanwhile, if all of it is known, or how the cache will tell it.
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
    /// Of each of these something has changed, and no more is known.
    pub(crate) doubtful: Vec<Doubtful>,
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

    /// Of one of several units: what was answered, and the guards that stood before all of them, and held.
    pub(crate) fn of_unit(
        revision: i64,
        inquiry: Inquiry,
        answers: Vec<Vec<KeyValue>>,
        common: &[SchemaGuard],
        committed: &Committed,
    ) -> Self {
        let mut findings = match inquiry {
            Inquiry::Store(questions) => Self::new(revision, questions, answers),
            Inquiry::Cache(reader) => Self {
                revision: Some(revision),
                doubtful: Some(doubtful(&reader, committed)),
                ..Self::default()
            },
        };
        findings.schemas.extend(common.iter().map(|schema| (schema.slot, schema.mod_revision)));
        findings
    }

    /// Whether the catalogue is known not to be what an attempt expects of it.
    pub(crate) fn contradict(&self, attempt: &Attempt) -> bool {
        self.contradicted(&attempt.schemas).next().is_some()
    }

    /// The slots of those of these guards that are known not to hold, and the revisions at which the catalogue's rows are.
    pub(crate) fn contradicted(&self, schemas: &[SchemaGuard]) -> impl Iterator<Item = (u16, i64)> {
        let now = |schema: &SchemaGuard| {
            self.schemas.get(&schema.slot).filter(|now| **now != schema.mod_revision).copied()
        };
        schemas.iter().filter_map(move |schema| Some((schema.slot, now(schema)?)))
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
        let mut complete = attempt.schemas.iter().all(|schema| self.schemas.contains_key(&schema.slot));
        for (changed, now) in self.contradicted(&attempt.schemas) {
            conflict.change(&catalogue_key(changed), tables, now);
            conflict.schemas.extend(tables.iter().filter(|(slot, _)| *slot == changed));
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
        for key in attempt.required() {
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
                    conflict.changes = self.doubtful.clone().and_then(|doubtful| {
                        Some(Changes { doubtful: vec![doubtful], ..Changes::as_of(self.revision?) })
                    });
                }
                if conflict.keys.is_empty() {
                    conflict.keys = touched(attempt);
                }
                conflict.keys.truncate(NAMED_KEYS);
                Verdict::Changed(Box::new(conflict))
            }
        }
    }
}

impl Inquiry {
    /// The cache will tell where only one member relies on anything beyond the others and the guards that stand before all
    /// units, and that are single keys that it has read there: so nobody is blamed for another one's keys.
    pub(crate) fn of(
        members: &[Arc<Attempt>],
        common: &[SchemaGuard],
        committed: &Committed,
        budget: usize,
    ) -> Self {
        let is_stored = |mark: &Mark| settled(*mark, committed).is_some();
        let mut readers = members.iter().filter(|attempt| attempt.reads.keys.values().any(is_stored));
        match (readers.next(), readers.next()) {
            (Some(only), None) if members.iter().all(|attempt| follows_cache(attempt, common)) => {
                Self::Cache(only.clone())
            }
            _ => Self::Store(questions(members, common, budget)),
        }
    }

    pub(crate) fn questions(&self) -> &[Question] {
        match self {
            Self::Store(questions) => questions,
            Self::Cache(_) => &[],
        }
    }
}

/// Whether an attempt relies on nothing but keys that it has read in the cache, and these guards.
fn follows_cache(attempt: &Attempt, common: &[SchemaGuard]) -> bool {
    let Attempt { source, reads, locks, .. } = attempt;
    (*source == Source::Cache || reads.is_empty())
        && reads.ranges.is_empty()
        && locks.is_empty()
        && attempt.schemas_beside(common).next().is_none()
        && attempt.required().all(|key| reads.keys.contains_key(key))
}

/// The keys that an attempt has read, but for what others of its plan were about to write.
fn doubtful(attempt: &Attempt, committed: &Committed) -> Doubtful {
    let doubt = |(key, mark): (&Vec<u8>, &Mark)| {
        let was = settled(*mark, committed)?.mod_revision;
        let since = mark.writer().map_or(Some(&0), |writer| committed.get(&writer)).copied()?;
        Some(Doubt { key: key.clone(), was, since })
    };
    attempt.reads.keys.iter().filter_map(doubt).collect()
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

    /// For messages.
    pub(crate) fn what_changed(&self) -> String {
        let keys = self.keys.join("; ");
        match (keys.as_str(), self.changed.as_slice()) {
            ("", _) => "what it read changed under it".to_owned(),
            (_, []) => format!("something changed under it, perhaps one of these: {keys}"),
            _ => format!("these changed under it: {keys}"),
        }
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
        self.doubtful.extend(other.doubtful);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attempt::SchemaGuard;
    use crate::engine::read_set::{ReadSet, provisional};
    use crate::engine::schema::Unindexed;
    use crate::engine::write_set::{NewRow, WriteSet};

    /// As of when the store answers.
    const NOW: i64 = 100;
    const SLOT: u16 = 1;
    static TABLE: Unindexed = Unindexed { name: "Rows", cached: false };

    fn key(n: u8) -> Vec<u8> {
        [&SLOT.to_be_bytes()[..], &[b'a' + n]].concat()
    }

    fn row(n: u8, revision: i64) -> KeyValue {
        KeyValue::provisional(key(n), b"value".to_vec(), 0, revision)
    }

    fn mark(revision: i64) -> Mark {
        Mark { mod_revision: revision, lease: 0, size: 7, is_present: true }
    }

    fn range() -> Bounds {
        Bounds::new(key(2), key(9))
    }

    /// It has read key 0 and that there is no key 1, scanned keys 2 and 3, inserts key 20, and is guarded by the catalogue.
    fn attempt() -> Attempt {
        let mut reads = ReadSet::default();
        reads.add_key(key(0), mark(50));
        reads.add_key(key(1), Mark::ABSENT);
        reads.add_range(range(), [(key(2), mark(52)), (key(3), mark(53))].into());
        let mut writes = WriteSet::default();
        writes.insert(key(20), NewRow::unindexed(Vec::new())).unwrap();
        let mut tables = Tables::default();
        tables.enlist(SLOT, &TABLE);
        let schemas = [SchemaGuard { slot: SLOT, mod_revision: 7 }].into_iter().collect();
        Attempt { revision: Some(60), tables, schemas, ..Attempt::of(reads, writes) }
    }

    /// All questions about that attempt, and what the store answers if nothing has changed.
    fn answers() -> Vec<(Question, Vec<KeyValue>)> {
        vec![
            (Question::Schema(SLOT), vec![KeyValue::provisional(catalogue_key(SLOT), Vec::new(), 0, 7)]),
            (Question::Key(key(20)), vec![]),
            (Question::Key(key(0)), vec![row(0, 50)]),
            (Question::Key(key(1)), vec![]),
            (Question::Range(range(), 16), vec![row(2, 52), row(3, 53)]),
        ]
    }

    fn verdict(answers: Vec<(Question, Vec<KeyValue>)>, attempt: &Attempt, alone: bool) -> Verdict {
        let (questions, rows) = answers.into_iter().unzip();
        Findings::new(NOW, questions, rows).verdict(attempt, &Committed::default(), alone)
    }

    fn changed(answers: Vec<(Question, Vec<KeyValue>)>) -> Conflict {
        match verdict(answers, &attempt(), false) {
            Verdict::Changed(conflict) => *conflict,
            Verdict::Unchanged => panic!("unchanged"),
            Verdict::Violated(error) => panic!("{error}"),
        }
    }

    #[test]
    fn who_was_refused_with_others_and_finds_nothing_changed_is_sent_again() {
        assert!(matches!(verdict(answers(), &attempt(), false), Verdict::Unchanged));
        let Verdict::Changed(alone) = verdict(answers(), &attempt(), true) else {
            panic!("something has changed and changed back")
        };
        assert!(alone.changes.is_none() && alone.changed.is_empty());
        assert!(!alone.keys.is_empty(), "the message names what was read");
    }

    #[test]
    fn what_could_not_be_asked_may_have_changed() {
        for left_out in 0..answers().len() {
            let mut answers = answers();
            let (question, _) = answers.remove(left_out);
            let conflict = changed(answers);
            assert!(conflict.changes.is_none(), "{question:?}: not all changes are known");
            assert_eq!(conflict.revision, Some(NOW));
        }
    }

    #[test]
    fn of_a_range_that_was_cut_the_rest_is_unknown() {
        let mut attempt = attempt();
        attempt.reads.ranges[0].rows.insert(key(5), mark(55));
        let mut answers = answers();
        answers[4].0 = Question::Range(range(), 2);
        let Verdict::Changed(conflict) = verdict(answers, &attempt, false) else {
            panic!("not all is known")
        };
        assert!(conflict.changes.is_none() && conflict.changed.is_empty());
        let (covered, _) = conflict.known.page(&range(), false).unwrap();
        assert_eq!(covered, Bounds::new(key(2), after(&key(3))));
    }

    #[test]
    fn a_row_that_is_there_ends_an_insert_if_all_else_is_as_it_was_read() {
        let there = || {
            let mut answers = answers();
            answers[1].1 = vec![row(20, 70)];
            answers
        };
        let Verdict::Violated(error) = verdict(there(), &attempt(), true) else { panic!("it is there") };
        assert!(error.is_already_exists() && error.to_string().contains("Rows (slot 1)"), "{error}");
        for left_out in [0, 2, 3, 4] {
            let mut answers = there();
            answers.remove(left_out);
            let conflict = changed(answers);
            assert!(conflict.keys[0].contains("\"u\"") && conflict.changes.is_none(), "{:?}", conflict.keys);
        }
        let mut answers = there();
        answers[2].1 = vec![row(0, 80)];
        let conflict = changed(answers);
        assert_eq!(conflict.changed, [key(0)]);
        // The next attempt has been told of both.
        assert!(conflict.known.key(&key(20)).unwrap().is_some());
        assert_eq!(conflict.known.key(&key(0)).unwrap().unwrap().mod_revision(), 80);
    }

    #[test]
    fn what_changed_is_told_and_what_was_found_is_known() {
        let mut answers = answers();
        answers[0].1 = vec![KeyValue::provisional(catalogue_key(SLOT), Vec::new(), 0, 90)];
        answers[2].1 = vec![];
        answers[3].1 = vec![row(1, 91)];
        // One scanned row is gone, one is changed, and one is new.
        answers[4].1 = vec![row(3, 92), row(4, 93)];
        let conflict = changed(answers);
        assert_eq!(conflict.changed, [catalogue_key(SLOT), key(0), key(1), key(2), key(3), key(4)]);
        assert_eq!(conflict.keys.len(), NAMED_KEYS);
        assert_eq!(conflict.schemas.iter().map(|(slot, _)| *slot).collect::<Vec<_>>(), [SLOT]);
        let changes = conflict.changes.expect("all were asked");
        assert_eq!((changes.as_of, changes.written), (NOW, 93));
        assert_eq!(changes.deleted, [key(0), key(2)]);
        assert!(conflict.known.key(&key(0)).unwrap().is_none());
        assert_eq!(conflict.known.key(&key(1)).unwrap().unwrap().mod_revision(), 91);
        let (covered, rows) = conflict.known.page(&range(), false).unwrap();
        assert_eq!((covered, rows.len()), (range(), 2));
    }

    #[test]
    fn what_another_of_the_plan_is_about_to_write_is_not_a_change() {
        let mut attempt = attempt();
        attempt.reads.add_key(key(0), mark(provisional(5)));
        let range = &mut attempt.reads.ranges[0].rows;
        range.insert(key(3), mark(provisional(5)));
        range.insert(key(4), Mark::deleted_by(5));
        let asked = || {
            let mut answers = answers();
            answers.remove(2);
            answers[3].1 = vec![row(2, 52), row(3, 53), row(4, 54)];
            answers
        };
        assert!(matches!(verdict(asked(), &attempt, false), Verdict::Unchanged));
        // Since it relies on another, it does not end by what is there.
        let mut answers = asked();
        answers[1].1 = vec![row(20, 70)];
        assert!(matches!(verdict(answers, &attempt, false), Verdict::Changed(_)));
        // Once that has committed, its row is one like others.
        let committed = Committed::from_iter([(5, 54)]);
        let (questions, rows) = asked().into_iter().unzip();
        let found = Findings::new(NOW, questions, rows).verdict(&attempt, &committed, false);
        let Verdict::Changed(conflict) = found else { panic!("another has written since") };
        assert_eq!(conflict.changed, [key(3), key(4)]);
    }

    /// It has read key 0 in the cache, and writes it.
    fn cached() -> Attempt {
        let mut reads = ReadSet::default();
        reads.add_key(key(0), mark(50));
        let mut writes = WriteSet::default();
        writes.put(key(0), NewRow::unindexed(Vec::new()));
        let schemas = [SchemaGuard { slot: SLOT, mod_revision: 7 }].into_iter().collect();
        Attempt { revision: Some(60), source: Source::Cache, schemas, ..Attempt::of(reads, writes) }
    }

    fn inquiry(members: &[&Attempt], committed: &Committed) -> Inquiry {
        let members: Vec<_> = members.iter().map(|attempt| Arc::new((*attempt).clone())).collect();
        Inquiry::of(&members, &[SchemaGuard { slot: SLOT, mod_revision: 7 }], committed, 99)
    }

    #[test]
    fn the_store_is_asked_for_whatever_the_cache_does_not_tell() {
        let none = Committed::default();
        let tells = |members: &[&Attempt]| matches!(inquiry(members, &none), Inquiry::Cache(_));
        assert!(tells(&[&cached()]));
        // Those who write without a look, or rely on the first one, can only be sent again.
        let blind = Attempt { reads: ReadSet::default(), source: Source::Store, ..cached() };
        let mut follower = cached();
        follower.reads.add_key(key(0), mark(provisional(5)));
        assert!(tells(&[&cached(), &blind, &follower]));

        let mut other = Attempt::clone(&blind);
        other.schemas = [SchemaGuard { slot: SLOT, mod_revision: 8 }].into_iter().collect();
        let mut scans = cached();
        scans.reads.add_range(range(), BTreeMap::new());
        let mut inserts = cached();
        inserts.writes.insert(key(20), NewRow::unindexed(Vec::new())).unwrap();
        let mixed = Attempt { source: Source::Mixed, ..cached() };
        for member in [&cached(), &scans, &inserts, &mixed, &other] {
            assert!(!tells(&[&cached(), member]), "{member:?}");
        }
        for member in [&scans, &inserts, &mixed, &other, &blind] {
            assert!(!tells(&[member]), "{member:?}");
        }
    }

    #[test]
    fn of_what_the_cache_tells_only_the_reader_runs_again() {
        let common = [SchemaGuard { slot: SLOT, mod_revision: 7 }];
        let mut reader = cached();
        reader.reads.add_key(key(1), mark(provisional(4)));
        let mut follower = cached();
        follower.reads.add_key(key(0), mark(provisional(5)));
        // A former transaction has deleted key 1.
        reader.reads.add_key(key(1), Mark::deleted_by(4));
        let committed = Committed::from_iter([(4, 55)]);
        let inquiry = inquiry(&[&reader, &follower], &committed);
        assert!(inquiry.questions().is_empty());
        let findings = Findings::of_unit(NOW, inquiry, Vec::new(), &common, &committed);
        assert!(matches!(findings.verdict(&follower, &committed, false), Verdict::Unchanged));
        let Verdict::Changed(conflict) = findings.verdict(&reader, &committed, false) else {
            panic!("changed")
        };
        let changes = conflict.changes.as_ref().expect("the cache will tell");
        assert_eq!((changes.as_of, changes.written), (NOW, 0));
        let doubts = changes.doubtful[0].iter().map(|doubt| (doubt.key.clone(), doubt.was, doubt.since));
        assert_eq!(doubts.collect::<Vec<_>>(), [(key(0), 50, 0), (key(1), 0, 55)]);
        assert!(conflict.what_changed().contains("perhaps"), "{}", conflict.what_changed());
    }

    #[test]
    fn changes_that_are_put_together_have_all_of_both() {
        let doubtful = || vec![Doubtful::from([])];
        let one = Changes { as_of: 5, written: 3, deleted: vec![key(1)], doubtful: doubtful() };
        let other = Changes { as_of: 4, written: 4, deleted: vec![key(2)], doubtful: doubtful() };
        for (mut all, more) in [(one.clone(), other.clone()), (other, one)] {
            all.extend(more);
            all.deleted.sort();
            assert_eq!((all.as_of, all.written, all.deleted), (5, 4, vec![key(1), key(2)]));
            assert_eq!(all.doubtful.len(), 2);
        }
    }
}
