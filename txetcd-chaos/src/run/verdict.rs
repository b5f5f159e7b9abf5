//! [`Verdict`]: what is to be said of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use txetcd::Database;

use crate::check::check;
use crate::clock;
use crate::history::{self, Op, Transaction};
use crate::record::{Event, Records};
use crate::workload::{bank, list, phantom, queue, register, sequence, set, unique, view};

/// How many things that are wrong are told in full.
const TOLD: usize = 20;

/// What was done in a run, and what was wrong with it.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Transactions in the history, by outcome.
    applied: usize,
    failed: usize,
    unknown: usize,
    /// What the other workloads did.
    events: BTreeMap<String, u64>,
    /// Faults of members and clients, by kind.
    pub(super) faults: BTreeMap<String, u64>,
    /// Requests that were lost or late, or whose answers were.
    pub(super) requests: u64,
    /// What the checker says of the history.
    report: String,
    /// The first cycle, if there is one.
    svg: Option<String>,
    /// What must not be.
    pub(super) wrong: Vec<String>,
}

impl Verdict {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.wrong.is_empty()
    }

    /// The first cycle as a picture, if there is one.
    pub fn svg(&self) -> Option<&str> {
        self.svg.as_deref()
    }
}

/// Judges what the clients have written down, beside what the store holds now, and writes the history. Only troubled
/// workers may have left transactions of unknown outcome.
pub(super) async fn judge(
    db: &Database,
    records: Records,
    file: &Path,
    is_troubled: impl Fn(u64) -> bool,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    let Records { lists, registers, events, wrong } = records;
    verdict.wrong = wrong;
    verdict.wrong.extend(bank::judge(db).await?);
    verdict.wrong.extend(unique::judge(db).await?);
    verdict.wrong.extend(phantom::judge(db).await?);
    verdict.wrong.extend(set::judge(db, &events).await?);
    verdict.wrong.extend(queue::judge(db, &events).await?);
    verdict.wrong.extend(sequence::judge(&events));
    for event in &events {
        let what = match event {
            Event::Added { .. } => "set: added",
            Event::Pushed { .. } => "queue: pushed",
            Event::Finished { ok: Some(true), .. } => "queue: finished",
            Event::Finished { .. } => continue,
            Event::Drawn { .. } => "sequence: drawn",
            Event::Done { what } => what,
        };
        *verdict.events.entry(what.to_owned()).or_default() += 1;
    }

    let mut history: Vec<Transaction> = lists.into_values().collect();
    let looks = last_look(db, &history).await?;
    match register::as_lists(registers.into_values().collect::<Vec<_>>().into_iter()) {
        Ok(registers) => history.extend(registers),
        Err(lost) => verdict.wrong.push(lost),
    }
    for transaction in &history {
        match transaction.ok {
            Some(true) => verdict.applied += 1,
            Some(false) => verdict.failed += 1,
            None => verdict.unknown += 1,
        }
    }
    if verdict.applied == 0 {
        verdict.wrong.push("no transaction was applied, so nothing was tested".to_owned());
    }
    history.extend(looks);
    history.sort_by_key(|transaction| transaction.start_ns);
    for (index, transaction) in (0..).zip(&mut history) {
        transaction.index = index;
    }
    let mut writer = BufWriter::new(File::create(file).with_context(|| file.display().to_string())?);
    history.iter().try_for_each(|transaction| history::write(&mut writer, transaction))?;
    writer.flush()?;

    for transaction in &history {
        if transaction.ok.is_none() && !is_troubled(transaction.process) {
            let Transaction { index, process, .. } = transaction;
            verdict.wrong.push(format!("transaction {index} of process {process} was left unknown"));
        }
    }
    let report = check(&history)?;
    if !report.is_valid() {
        verdict.wrong.push("the history is not strictly serializable".to_owned());
    }
    verdict.report = report.to_string();
    verdict.svg = report.svg();
    Ok(verdict)
}

/// Reads all lists once more, so that whatever was appended and is not seen is lost.
async fn last_look(db: &Database, history: &[Transaction]) -> anyhow::Result<Vec<Transaction>> {
    let keys: BTreeSet<u64> = history
        .iter()
        .flat_map(|transaction| &transaction.ops)
        .map(|op| match op {
            Op::Append(key, _) | Op::Read(key, _) => *key,
        })
        .collect();
    let (viewed, others): (Vec<u64>, Vec<u64>) = keys.into_iter().partition(|key| view::KEYS.contains(key));
    let mut looks = Vec::new();
    for (keys, is_viewed) in
        viewed.chunks(200).map(|keys| (keys, true)).chain(others.chunks(200).map(|keys| (keys, false)))
    {
        let start_ns = clock::now();
        let found = if is_viewed { view::read(db, keys).await? } else { list::read(db, keys).await? };
        let ops = keys.iter().zip(found).map(|(key, elements)| Op::Read(*key, elements)).collect();
        looks.push(Transaction { process: 0, index: 0, start_ns, end_ns: clock::now(), ok: Some(true), ops });
    }
    Ok(looks)
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { applied, failed, unknown, .. } = self;
        let all = applied + failed + unknown;
        writeln!(formatter, "{all} transactions: {applied} applied, {failed} failed, {unknown} unknown")?;
        writeln!(formatter, "{} requests lost or late, or their answers", self.requests)?;
        let faults: u64 = self.faults.values().sum();
        writeln!(formatter, "{faults} faults: {}", counts(&self.faults))?;
        writeln!(formatter, "beside the history: {}", counts(&self.events))?;
        write!(formatter, "{}", self.report)?;
        for wrong in self.wrong.iter().take(TOLD) {
            writeln!(formatter, "WRONG  {wrong}")?;
        }
        if self.wrong.len() > TOLD {
            writeln!(formatter, "WRONG  and {} more", self.wrong.len() - TOLD)?;
        }
        writeln!(formatter, "{}", if self.is_clean() { "nothing found" } else { "FAILED" })
    }
}

fn counts(of: &BTreeMap<String, u64>) -> String {
    let told: Vec<_> = of.iter().map(|(what, count)| format!("{what} {count}")).collect();
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn wrong_with(ok: Option<bool>) -> Vec<String> {
        let store = txetcd::embedded::Store::memory().unwrap();
        let db = Database::builder().store(&store).connect().await.unwrap();
        let ops = vec![Op::Read(1, Some(Vec::new()))];
        let transaction = Transaction { process: 1, index: 1, start_ns: 1, end_ns: 2, ok, ops };
        let records = Records { lists: BTreeMap::from([(1, transaction)]), ..Records::default() };
        let directory = tempfile::tempdir().unwrap();
        judge(&db, records, &directory.path().join("history"), |_| true).await.unwrap().wrong
    }

    #[tokio::test]
    async fn a_run_that_applied_nothing_is_not_clean() {
        let is_told =
            |wrong: Vec<String>| wrong.iter().any(|it| it.starts_with("no transaction was applied"));
        assert!(is_told(wrong_with(None).await));
        assert!(is_told(wrong_with(Some(false)).await));
        assert!(!is_told(wrong_with(Some(true)).await));
    }
}
