//! Measurements as lines of text.

use super::job::Who;
use super::measure::{Cell, Measurement};

/// The line above a cell's.
pub(crate) fn heading(cell: Cell) -> String {
    let processes = match cell.processes {
        1 => "1 process".to_owned(),
        many => format!("{many} processes"),
    };
    format!(
        "{}, {processes}, {} in flight{}",
        cell.workload.title(),
        cell.in_flight,
        if cell.processes > 1 { " each" } else { "" }
    )
}

/// The names of the columns.
pub(crate) fn columns() -> String {
    format!(
        "{:24}{:>12}{:>10}{:>12}{:>12}{:>14}{:>10}",
        "", "per second", "to STM", "median", "p99", "requests each", "memory"
    )
}

/// The line of one measurement among those of its cell.
pub(crate) fn line(measurement: &Measurement, cell: &[Measurement]) -> String {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    format!(
        "  {:22}{:>12.0}{:>10}{:>12}{:>12}{:>14}{:>10}",
        measurement.who.title(),
        measurement.per_second,
        or_dash(ratio(measurement, cell, Who::Stm).map(|ratio| format!("{ratio:.2}x"))),
        milliseconds(measurement.median_micros),
        milliseconds(measurement.p99_micros),
        or_dash(measurement.requests_per_transaction.map(|requests| format!("{requests:.3}"))),
        or_dash(measurement.peak_memory_bytes.map(|bytes| format!("{} MB", bytes >> 20))),
    )
}

/// How many times as fast it is as someone else in the same cell.
pub(crate) fn ratio(measurement: &Measurement, cell: &[Measurement], to: Who) -> Option<f64> {
    let other = cell.iter().find(|other| other.cell == measurement.cell && other.who == to)?;
    (other.per_second > 0.0).then(|| measurement.per_second / other.per_second)
}

fn milliseconds(micros: u64) -> String {
    format!("{:.2} ms", micros as f64 / 1e3)
}
