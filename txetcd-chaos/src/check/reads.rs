//! Reads that no order of transactions explains, and updates that were lost.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use crate::history::{Op, Transaction};

use super::anomaly::{Anomaly, Kind};
use super::versions::Versions;

/// How many of a kind are told.
const TOLD: usize = 5;

/// The anomalies that are not cycles.
pub(super) fn anomalies(history: &[Transaction], versions: &Versions<'_>) -> Vec<Anomaly> {
    let mut found = Found::default();
    for transaction in history.iter().filter(|transaction| transaction.ok == Some(true)) {
        internal(transaction, &mut found);
        future(transaction, &mut found);
    }
    lists(history, versions, &mut found);
    dirty_updates(history, versions, &mut found);
    lost_updates(history, &mut found);
    found.0.into_iter().map(|(kind, seen)| Anomaly { kind, cycle: None, seen: seen.finish() }).collect()
}

#[derive(Default)]
struct Found(HashMap<Kind, Seen>);

#[derive(Default)]
struct Seen {
    count: usize,
    told: String,
}

impl Found {
    fn add(&mut self, kind: Kind, seen: impl FnOnce() -> String) {
        let all = self.0.entry(kind).or_default();
        all.count += 1;
        if all.count <= TOLD {
            let _ = writeln!(all.told, "{}", seen());
        }
    }
}

impl Seen {
    fn finish(mut self) -> String {
        if self.count > TOLD {
            let _ = writeln!(self.told, "and {} more", self.count - TOLD);
        }
        self.told
    }
}

/// What each list that was read says by itself.
fn lists(history: &[Transaction], versions: &Versions<'_>, found: &mut Found) {
    // Most lists begin the longest one of their key, which is then looked at once.
    let flaws: HashMap<u64, Vec<(usize, Flaw)>> =
        versions.orders().map(|(key, order)| (key, flaws(history, versions, key, order.longest()))).collect();
    for (id, transaction) in (0..).zip(history) {
        for (key, list) in transaction.reads() {
            let told = || format!("transaction {} read {list:?} at key {key}", transaction.index);
            let longest = versions.order(key).map_or(&[][..], |order| order.longest());
            let own;
            let flaws = if longest.starts_with(list) {
                &flaws[&key]
            } else {
                found
                    .add(Kind::IncompatibleOrder, || format!("{}, and another one read {longest:?}", told()));
                own = self::flaws(history, versions, key, list);
                &own
            };
            let mut kinds: Vec<_> =
                flaws.iter().filter(|(at, _)| *at < list.len()).map(|(_, flaw)| flaw).collect();
            kinds.dedup_by_key(|flaw| flaw.kind);
            for flaw in kinds {
                found.add(flaw.kind, || format!("{}: {}", told(), flaw.why));
            }
            let last = list.last().and_then(|last| Some((last, versions.of_element(key, *last)?)));
            if let Some((last, append)) = last
                && !append.last
                && append.writer != id
            {
                let writer = history[append.writer as usize].index;
                found.add(Kind::G1b, || {
                    format!("{}: transaction {writer} appended {last} and then more", told())
                });
            }
        }
    }
}

struct Flaw {
    kind: Kind,
    why: String,
}

/// What is wrong with the elements of a list, by kind, and from which place on.
fn flaws(history: &[Transaction], versions: &Versions<'_>, key: u64, list: &[u64]) -> Vec<(usize, Flaw)> {
    let mut flaws: Vec<(usize, Flaw)> = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |at, kind, why| flaws.push((at, Flaw { kind, why }));
    for (at, element) in list.iter().enumerate() {
        if !seen.insert(element) {
            add(at, Kind::DuplicateElements, format!("{element} is there more than once"));
        }
        match versions.of_element(key, *element) {
            None => add(at, Kind::GarbageRead, format!("nobody appended {element}")),
            Some(append) => {
                let writer = &history[append.writer as usize];
                if writer.ok == Some(false) {
                    add(
                        at,
                        Kind::G1a,
                        format!("transaction {}, which appended {element}, failed", writer.index),
                    );
                }
            }
        }
    }
    flaws.sort_by_key(|(at, flaw)| (flaw.kind, *at));
    flaws
}

/// What a key must be for a transaction, by what it did itself.
enum Expected<'h> {
    /// Exactly this, and then what it appended.
    List(&'h [u64], Vec<u64>),
    /// It ends with what it appended.
    Ending(Vec<u64>),
}

fn internal(transaction: &Transaction, found: &mut Found) {
    let mut states: HashMap<u64, Expected<'_>> = HashMap::new();
    for op in &transaction.ops {
        match op {
            Op::Append(key, element) => {
                let state = states.entry(*key).or_insert_with(|| Expected::Ending(Vec::new()));
                let (Expected::List(_, appended) | Expected::Ending(appended)) = state;
                appended.push(*element);
            }
            Op::Read(key, list) => {
                let list = list.as_deref().unwrap_or_default();
                let fits = match states.get(key) {
                    None => true,
                    Some(Expected::Ending(appended)) => list.ends_with(appended),
                    Some(Expected::List(read, appended)) => {
                        list.strip_prefix(*read).is_some_and(|rest| rest == appended)
                    }
                };
                if !fits {
                    found.add(Kind::Internal, || {
                        let index = transaction.index;
                        format!("transaction {index} read {list:?} at key {key}, which does not fit its own operations")
                    });
                }
                states.insert(*key, Expected::List(list, Vec::new()));
            }
        }
    }
}

fn future(transaction: &Transaction, found: &mut Found) {
    for (at, op) in transaction.ops.iter().enumerate() {
        let Op::Read(key, Some(list)) = op else { continue };
        let later = transaction.ops[at..].iter().find_map(|op| match op {
            Op::Append(appended, element) if appended == key && list.contains(element) => Some(element),
            _ => None,
        });
        if let Some(element) = later {
            let index = transaction.index;
            found.add(Kind::FutureRead, || {
                format!("transaction {index} read {element} at key {key} before it appended it")
            });
        }
    }
}

fn dirty_updates(history: &[Transaction], versions: &Versions<'_>, found: &mut Found) {
    for (key, order) in versions.orders() {
        let mut failed = None;
        for element in &order.elements {
            let Some(append) = versions.of_element(key, *element) else { continue };
            let writer = &history[append.writer as usize];
            match (writer.ok, failed) {
                (Some(false), _) => failed = Some((writer.index, element)),
                (Some(true), Some((index, dirty))) => {
                    found.add(Kind::DirtyUpdate, || {
                        let after = writer.index;
                        format!(
                            "transaction {after} appended {element} to key {key} after {dirty} of transaction {index}, \
                             which failed"
                        )
                    });
                    failed = None;
                }
                _ => {}
            }
        }
    }
}

fn lost_updates(history: &[Transaction], found: &mut Found) {
    let mut updates: HashMap<(u64, &[u64]), Vec<u64>> = HashMap::new();
    for transaction in history.iter().filter(|transaction| transaction.ok == Some(true)) {
        // The first thing that it did with each key, if that was to read it.
        let mut firsts: HashMap<u64, Option<&[u64]>> = HashMap::new();
        for op in &transaction.ops {
            match op {
                Op::Read(key, list) => {
                    firsts.entry(*key).or_insert(Some(list.as_deref().unwrap_or_default()));
                }
                Op::Append(key, _) => {
                    if let Some(read) = firsts.insert(*key, None).flatten() {
                        updates.entry((*key, read)).or_default().push(transaction.index);
                    }
                }
            }
        }
    }
    let mut lost: Vec<_> = updates.into_iter().filter(|(_, by)| by.len() > 1).collect();
    lost.sort();
    for ((key, read), by) in lost {
        found.add(Kind::LostUpdate, || {
            format!("transactions {by:?} all read {read:?} at key {key} and appended to it")
        });
    }
}
