//! Who ended before who began.

use crate::history::Transaction;

use super::{Link, Node};

/// Tells the links of real time, and returns how many moments they need. Moments are numbered after the transactions.
///
/// There is a moment for each stretch of ends that is followed by a beginning: all who ended in it or earlier come
/// before all who began after it. Whose outcome is unknown may be applied at any time later, and ends before nobody.
pub(super) fn links(history: &[Transaction], mut tell: impl FnMut(Node, Node, Link)) -> u32 {
    let known = |ok: Option<bool>| ok == Some(true);
    let mut beginnings: Vec<(i64, Node)> = Vec::new();
    let mut ends: Vec<(i64, Node)> = Vec::new();
    for (id, transaction) in (0..).zip(history).filter(|(_, transaction)| transaction.ok != Some(false)) {
        beginnings.push((transaction.start_ns, id));
        if known(transaction.ok) {
            ends.push((transaction.end_ns, id));
        }
    }
    beginnings.sort_unstable();
    ends.sort_unstable();
    let transactions = history.len() as Node;
    let (mut moments, mut ended) = (0, 0);
    for (beginning, id) in beginnings {
        let before = ended;
        while ended < ends.len() && ends[ended].0 < beginning {
            ended += 1;
        }
        if ended > before {
            let moment = transactions + moments;
            if moments > 0 {
                tell(moment - 1, moment, Link::Passed);
            }
            for (_, id) in &ends[before..ended] {
                tell(*id, moment, Link::Ended);
            }
            moments += 1;
        }
        if moments > 0 {
            tell(transactions + moments - 1, id, Link::Began);
        }
    }
    moments
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Link, links};
    use crate::history::Transaction;

    /// All pairs that the links order.
    fn ordered(history: &[Transaction]) -> BTreeSet<(u32, u32)> {
        let mut next: Vec<Vec<u32>> = vec![Vec::new(); history.len() * 2 + 1];
        links(history, |from, to, _: Link| next[from as usize].push(to));
        let mut pairs = BTreeSet::new();
        for from in 0..history.len() as u32 {
            let mut waiting = next[from as usize].clone();
            while let Some(node) = waiting.pop() {
                if (node as usize) < history.len() {
                    pairs.insert((from, node));
                } else {
                    waiting.extend(&next[node as usize]);
                }
            }
        }
        pairs
    }

    #[test]
    fn moments_order_exactly_who_ended_before_who_began() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let mut history = Vec::new();
            for index in 0..random.u64(1..30) {
                let start_ns = random.i64(-20..60);
                let ok = *random.choice(&[Some(true), Some(true), Some(false), None]).unwrap();
                let end_ns = start_ns + random.i64(0..20);
                history.push(Transaction { process: index, index, start_ns, end_ns, ok, ops: vec![] });
            }
            let mut expected = BTreeSet::new();
            for (a, first) in (0..).zip(&history) {
                for (b, second) in (0..).zip(&history) {
                    let before = first.end_ns < second.start_ns && first.ok == Some(true);
                    if before && second.ok != Some(false) {
                        expected.insert((a, b));
                    }
                }
            }
            assert_eq!(ordered(&history), expected);
        }
    }
}
