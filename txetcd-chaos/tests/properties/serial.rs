//! Histories that are strictly serializable because they are made so: each transaction takes place at one moment
//! between its begin and its end.

use std::collections::BTreeMap;

use fastrand::Rng;
use txetcd_chaos::history::{Op, Transaction};

/// A history of so many transactions, by processes that run one at a time each.
pub(crate) fn history(random: &mut Rng, transactions: u64, keys: u64) -> Vec<Transaction> {
    let mut store: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut free = [0_i64; 6];
    let mut element = 0;
    let mut history = Vec::new();
    for index in 0..transactions {
        // Each takes place ten later than the one before, and may begin and end long before and after that.
        let moment = index as i64 * 10;
        let Some(process) =
            (0..free.len()).filter(|process| free[*process] < moment).min_by_key(|_| random.u8(..))
        else {
            continue;
        };
        let start_ns = random.i64(free[process]..moment);
        let end_ns = moment + random.i64(1..60);
        free[process] = end_ns;
        let ok =
            *random.choice(&[Some(true), Some(true), Some(true), Some(true), Some(false), None]).unwrap();
        let applied = ok.unwrap_or_else(|| random.bool());
        let mut written: Vec<(u64, u64)> = Vec::new();
        let mut ops = Vec::new();
        for _ in 0..random.u64(1..5) {
            // New keys come as time goes by, so that lists stay short.
            let key = random.u64(..keys) + index / 50;
            if random.bool() {
                element += 1;
                written.push((key, element));
                ops.push(Op::Append(key, element));
            } else {
                let own = written.iter().filter(|(written, _)| *written == key).map(|(_, element)| *element);
                let read: Vec<_> = store.get(&key).into_iter().flatten().copied().chain(own).collect();
                ops.push(Op::Read(key, Some(read).filter(|read| ok == Some(true) && !read.is_empty())));
            }
        }
        if applied {
            for (key, element) in written {
                store.entry(key).or_default().push(element);
            }
        }
        history.push(Transaction { process: process as u64, index, start_ns, end_ns, ok, ops });
    }
    history
}
