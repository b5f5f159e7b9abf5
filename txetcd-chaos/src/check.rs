//! The checker: is a history of list-append transactions strictly serializable?
//!
//! A list shows in which order elements were appended, so reads tell who wrote before whom. From that comes a graph of
//! dependencies between transactions, in the vocabulary of Adya, Liskov and O'Neil ("Generalized Isolation Level
//! Definitions"): *ww*, one appended after the other; *wr*, one read what the other appended; *rw*, one did not see
//! what the other appended; *real time*, one ended before the other began. The history is strictly serializable if
//! the graph has no cycle, and if no read is impossible by itself.
//!
//! | file | what |
//! | --- | --- |
//! | `check/versions.rs` | who appended what, and in which order |
//! | `check/reads.rs` | reads that no order explains |
//! | `check/relations.rs` | who depends on whom, and why |
//! | `check/graph.rs`, `check/component.rs` | the graph, and its parts that hold cycles |
//! | `check/cycle.rs` | the smallest cycle of each kind |
//! | `check/anomaly.rs`, `check/text.rs`, `check/svg.rs` | what is found, as a name, as text, as a picture |
//!
//! Failed transactions must have left nothing; unknown ones may have been applied, and were if anything of theirs was
//! read. Time and memory grow with the length of the history, real time included. Lists read by transactions that are
//! not known to be applied do not count. Nothing here knows of etcd.

mod anomaly;
mod component;
mod cycle;
mod graph;
mod reads;
mod relations;
mod svg;
mod text;
mod versions;

use std::fmt;

use crate::history::Transaction;

pub use anomaly::{Anomaly, Cycle, Kind, Step};
pub use relations::Relation;

use graph::Graph;
use relations::Relations;
use versions::Versions;

/// What was found in a history.
#[derive(Debug)]
pub struct Report<'h> {
    history: &'h [Transaction],
    anomalies: Vec<Anomaly>,
}

/// Why a history cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided(String);

/// Judges a history.
///
/// # Errors
///
/// [`Undecided`] if the history is not one of list-append transactions: an element that was appended twice to a key,
/// a transaction that ended before it began, or more transactions than can be numbered.
pub fn check(history: &[Transaction]) -> Result<Report<'_>, Undecided> {
    well_formed(history)?;
    let mut versions = Versions::of(history)?;
    let mut anomalies = reads::anomalies(history, &versions);
    for choice in 0..versions.choices() {
        versions.choose(choice);
        let relations = Relations::new(history, &versions);
        anomalies.extend(cycle::anomalies(&Graph::of(&relations), &relations));
    }
    anomalies.sort_by_key(|anomaly| (anomaly.kind, anomaly.cycle.as_ref().map(|cycle| cycle.0.len())));
    anomalies.dedup_by_key(|anomaly| anomaly.kind);
    Ok(Report { history, anomalies })
}

fn well_formed(history: &[Transaction]) -> Result<(), Undecided> {
    if history.len() >= 1 << 30 {
        return Err(Undecided(format!("{} transactions are too many", history.len())));
    }
    match history.iter().find(|transaction| transaction.end_ns < transaction.start_ns) {
        Some(transaction) => {
            Err(Undecided(format!("transaction {} ended before it began", transaction.index)))
        }
        None => Ok(()),
    }
}

impl Report<'_> {
    /// Whether the history is strictly serializable.
    pub fn is_valid(&self) -> bool {
        self.anomalies.is_empty()
    }

    /// What was found, the gravest first.
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// The first cycle as a picture, if there is a cycle.
    pub fn svg(&self) -> Option<String> {
        let anomaly = self.anomalies.iter().find(|anomaly| anomaly.cycle.is_some())?;
        Some(svg::draw(self.history, anomaly.kind, anomaly.cycle.as_ref()?))
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self.history, &self.anomalies, formatter)
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "could not decide: {}", self.0)
    }
}

impl std::error::Error for Undecided {}
