//! The checker agrees with the verdicts of an independent one, which `tests/vectors/histories.jsonl` holds.
//!
//! Both tell the same anomalies that are not cycles. Of cycles, both name the same gravest one, and this checker tells
//! each kind that the other one does. It tells more: the other one stops looking sooner.

use std::collections::BTreeSet;

use serde::Deserialize;
use txetcd_chaos::check::{Kind, check};
use txetcd_chaos::history::Transaction;

#[derive(Deserialize)]
struct Vector {
    name: String,
    valid: bool,
    anomalies: Vec<String>,
    history: Vec<Transaction>,
}

/// The cycles, the gravest first.
const CYCLES: [&str; 5] = ["G0", "G1c", "G-single-item", "G-nonadjacent-item", "G2-item"];

/// What the other checker says of a component in which its search found no cycle of the kinds that it names: that
/// real time and writes alone make one.
const UNNAMED: &str = "strong-PL-1-cycle-exists";

/// The gravest cycle that needs no real time, or else the gravest of all.
fn gravest(names: &BTreeSet<String>) -> Option<usize> {
    let place = |name: &str| CYCLES.iter().position(|cycle| *cycle == name);
    let plain = names.iter().filter_map(|name| place(name)).min();
    plain.or_else(|| names.iter().filter_map(|name| place(name.strip_suffix("-realtime")?)).min())
}

#[test]
fn verdicts_agree_with_those_of_an_independent_checker() {
    let lines = include_str!("vectors/histories.jsonl").lines();
    let vectors: Vec<Vector> = lines.map(|line| serde_json::from_str(line).expect("a vector")).collect();
    assert_eq!(vectors.len(), 227);
    for Vector { name, valid, anomalies, history } in vectors {
        let report = check(&history).unwrap();
        assert_eq!(report.is_valid(), valid, "{name}: {report}");
        let kinds = report.anomalies().iter().map(|anomaly| anomaly.kind);
        let (cycles, others): (Vec<Kind>, Vec<Kind>) =
            kinds.partition(|kind| CYCLES.contains(&kind.family()));
        let found: BTreeSet<_> = cycles.iter().map(Kind::to_string).collect();
        let others: BTreeSet<_> = others.iter().map(Kind::to_string).collect();
        let is_cycle = |name: &str| CYCLES.contains(&name.strip_suffix("-realtime").unwrap_or(name));
        let (told, told_others): (BTreeSet<_>, BTreeSet<_>) =
            anomalies.into_iter().filter(|name| name != UNNAMED).partition(|name| is_cycle(name));
        assert_eq!(others, told_others, "{name}: {report}");
        assert!(told.is_subset(&found), "{name}: {told:?} {report}");
        // Where reads contradict each other, the cycles depend on which of them is believed.
        if !others.contains("incompatible-order") {
            assert_eq!(gravest(&found), gravest(&told), "{name}: {told:?} {report}");
        }
    }
}
