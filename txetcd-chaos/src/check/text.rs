//! What was found, as text.

use std::fmt::{self, Formatter};

use crate::history::{Op, Transaction};

use super::anomaly::{Anomaly, Cycle};

/// Elements of a list that are told: its last ones.
const TOLD: usize = 8;

pub(super) fn write(
    history: &[Transaction],
    anomalies: &[Anomaly],
    formatter: &mut Formatter<'_>,
) -> fmt::Result {
    if anomalies.is_empty() {
        return writeln!(formatter, "strictly serializable: no anomaly in {} transactions", history.len());
    }
    for anomaly in anomalies {
        writeln!(formatter, "{}", anomaly.kind)?;
        for line in anomaly.seen.lines() {
            writeln!(formatter, "    {line}")?;
        }
        if let Some(cycle) = &anomaly.cycle {
            draw(history, cycle, formatter)?;
        }
    }
    writeln!(formatter, "not strictly serializable: see above")
}

/// ```text
///     7  {r 1 [3], append 1 4}
///     |  rw: 7 did not see 5, which 9 appended to key 1
///     v
///     9  {r 1 [3], append 1 5}
///     |  ww: ...
///     v
///     7
/// ```
fn draw(history: &[Transaction], cycle: &Cycle, formatter: &mut Formatter<'_>) -> fmt::Result {
    for step in &cycle.0 {
        let transaction = &history[step.from as usize];
        writeln!(formatter, "    {}  {}", transaction.index, operations(transaction))?;
        writeln!(formatter, "    |  {}: {}", step.relation, step.because)?;
        writeln!(formatter, "    v")?;
    }
    match cycle.0.first() {
        Some(step) => writeln!(formatter, "    {}", history[step.from as usize].index),
        None => Ok(()),
    }
}

/// A transaction's operations on one line.
pub(super) fn operations(transaction: &Transaction) -> String {
    let ops: Vec<_> = transaction.ops.iter().map(operation).collect();
    format!("process {}: {}", transaction.process, ops.join(", "))
}

fn operation(op: &Op) -> String {
    match op {
        Op::Append(key, element) => format!("append {key} {element}"),
        Op::Read(key, None) => format!("r {key} nothing"),
        Op::Read(key, Some(list)) => {
            let begin = list.len().saturating_sub(TOLD);
            let told: Vec<_> = list[begin..].iter().map(u64::to_string).collect();
            format!("r {key} [{}{}]", if begin > 0 { "... " } else { "" }, told.join(" "))
        }
    }
}
