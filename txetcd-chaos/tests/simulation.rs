//! Simulation: some seeds, and that a seed is enough to see a run again.

use txetcd_chaos::simulate::{Workload, simulate};

/// About as many as a debug build runs in ten seconds.
const SEEDS: u64 = 20;

/// Seeds in which bugs that are hard to find have shown, when they were planted, or there.
const FOUND: [(u64, Option<Workload>); 5] = [
    (37, Some(Workload::Phantom)),
    (221, Some(Workload::Phantom)),
    (57, Some(Workload::Unique)),
    (120, Some(Workload::Append)),
    (50_045_449, None),
];

#[test]
fn nothing_wrong_is_seen_in_any_seed() {
    let (mut faults, mut unknown) = (0, 0);
    for (seed, only) in (0..SEEDS).map(|seed| (seed, None)).chain(FOUND) {
        let run = simulate(seed, only);
        assert!(run.violations.is_empty(), "seed {seed}: {}\n{}", run.settings, run.violations.join("\n"));
        faults += run.faults();
        unknown += run.unknown;
    }
    // That it was worth it.
    assert!(faults > SEEDS * 20, "only {faults} faults");
    assert!(unknown > 0, "no outcome was unknown");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 0..10 {
        let [one, other] = [simulate(seed, None), simulate(seed, None)];
        assert!(!one.trace.is_empty());
        let differs = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.trace.len(), other.trace.len(), "seed {seed}");
        assert_eq!(one.history, other.history, "seed {seed}");
        assert_eq!(one.took, other.took, "seed {seed}");
    }
}

#[test]
fn another_seed_gives_another_run() {
    assert_ne!(simulate(1, None).trace, simulate(2, None).trace);
}
