//! What must be reached, as ratios within a run.

use super::job::{Who, Workload};
use super::measure::{Cell, Measurement};
use super::table::{heading, ratio};

/// Who may nowhere be slower than a peer.
const FIRST: Who = Who::Uncached;
/// By how much two that are equally fast may seem to differ in a run.
const NOISE: f64 = 0.05;
/// The most memory that a process may have had, in bytes.
const MEMORY: u64 = 512 << 20;

/// The least ratio to the STM, with so many transactions in flight in each of so many processes.
struct Target(Who, Workload, u32, u32, f64);

const TARGETS: [Target; 1] = [Target(Who::Uncached, Workload::OwnKey, 1, 64, 3.0)];

/// What was missed, in words. What was not measured cannot be missed, but the targets that were not tried are counted
/// in the second part.
pub(crate) fn missed(measurements: &[Measurement]) -> (Vec<String>, usize) {
    let (mut missed, mut untried) = (Vec::new(), 0);
    for Target(who, workload, processes, in_flight, least) in TARGETS {
        let cell = Cell { workload, processes, in_flight };
        let own = measurements.iter().find(|own| own.cell == cell && own.who == who);
        match own.and_then(|own| ratio(own, measurements, Who::Stm)) {
            Some(ratio) if ratio >= least => {}
            Some(ratio) => missed.push(format!(
                "{}: {} is {ratio:.2} times as fast as the STM, not {least}",
                heading(cell),
                who.title()
            )),
            None => untried += 1,
        }
    }
    for own in measurements.iter().filter(|own| own.who.is_ours()) {
        if let Some(bytes) = own.peak_memory_bytes.filter(|bytes| *bytes > MEMORY) {
            missed.push(format!(
                "{}: {} had {} MB of memory",
                heading(own.cell),
                own.who.title(),
                bytes >> 20
            ));
        }
        for peer in [Who::Stm, Who::ByHand].into_iter().filter(|_| own.who == FIRST) {
            if let Some(ratio) = ratio(own, measurements, peer).filter(|ratio| *ratio < 1.0 - NOISE) {
                missed.push(format!(
                    "{}: {} is {ratio:.2} times as fast as {}",
                    heading(own.cell),
                    own.who.title(),
                    peer.title()
                ));
            }
        }
    }
    (missed, untried)
}

#[cfg(test)]
mod tests {
    use super::{FIRST, MEMORY, TARGETS, Target, missed};
    use crate::peers::job::Who;
    use crate::peers::measure::{Cell, Measurement};

    fn measured(who: Who, cell: Cell, per_second: f64) -> Measurement {
        Measurement { per_second, ..Measurement::of(who, cell) }
    }

    #[test]
    fn each_target_can_be_missed() {
        for Target(who, workload, processes, in_flight, least) in TARGETS {
            let cell = Cell { workload, processes, in_flight };
            let of =
                |ratio: f64| missed(&[measured(Who::Stm, cell, 10.0), measured(who, cell, 10.0 * ratio)]);
            assert_eq!(of(least * 1.01), (vec![], TARGETS.len() - 1));
            assert_eq!(of(least * 0.99).0.len(), 1, "{}", of(least * 0.99).0.concat());
        }
        assert_eq!(missed(&[]).1, TARGETS.len());
    }

    #[test]
    fn slower_than_a_peer_and_too_much_memory_are_missed() {
        let cell = Cell { workload: crate::peers::job::Workload::Insert, processes: 1, in_flight: 8 };
        for peer in [Who::Stm, Who::ByHand] {
            let of =
                |ratio: f64| missed(&[measured(peer, cell, 10.0), measured(FIRST, cell, 10.0 * ratio)]).0;
            assert_eq!((of(0.97).len(), of(0.93).len()), (0, 1));
        }
        let mut large = measured(FIRST, cell, 1.0);
        large.peak_memory_bytes = Some(MEMORY + 1);
        assert_eq!(missed(&[large]).0.len(), 1);
    }
}
