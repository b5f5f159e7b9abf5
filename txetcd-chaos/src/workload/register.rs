//! Registers: rows that are replaced as a whole, and count their changes.
//!
//! Each change reads the row before, so a register that was changed `n` times stands for the list of its first `n`
//! values, of which only the length and the last element are stored. So their history is judged as one of lists.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use txetcd::Error;

use super::Worker;
use super::tables::Register;
use crate::clock;
use crate::history::{Op, Transaction};
use crate::record::Entry;

/// How often a register is changed, and a little more.
const LONG: u64 = 40;
/// The first key of a pool is so many times its size, after those of the lists.
const POOL: u64 = 1_000_000_000_000;

/// What a transaction did with a register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The register.
    pub key: u64,
    /// What was read: the value, and how many there were before and with it.
    pub read: Option<(u64, u64)>,
    /// The value that it was changed to.
    pub written: Option<u64>,
}

pub(super) async fn work(worker: &mut Worker, keys: u64) {
    let mut first = keys * POOL;
    while !worker.is_done() {
        let mut accesses: Vec<Access> = Vec::new();
        for _ in 0..worker.random.u32(1..4) {
            let key = first + worker.random.u64(..keys);
            // A second change in the same transaction would leave no trace.
            if accesses.iter().all(|access| access.key != key) {
                let written = worker.random.bool().then(|| worker.unique());
                accesses.push(Access { key, read: None, written });
            }
        }
        if access(worker, accesses).await > LONG {
            first += keys;
        }
    }
}

/// Returns how often the registers that were read had been changed, at most.
async fn access(worker: &Worker, accesses: Vec<Access>) -> u64 {
    let start_ns = clock::now();
    let (process, index) = (worker.number, worker.unique());
    let begun = Transaction { process, index, start_ns, end_ns: start_ns, ok: None, ops: accesses };
    worker.write_down(&Entry::Registers(begun.clone()));
    let registers = Register::table();
    let outcome = worker.db.write(async |txn| {
        let mut done = begun.ops.clone();
        for access in &mut done {
            let row = registers.get(txn, &access.key).await?;
            access.read = row.map(|row| (row.value, row.writes));
            if let Some(value) = access.written {
                let writes = access.read.map_or(0, |(_, writes)| writes) + 1;
                registers.put(txn, &Register { key: access.key, value, writes })?;
            }
        }
        Ok::<_, Error>(done)
    });
    let outcome = outcome.await;
    let end_ns = clock::now();
    let transaction = match outcome {
        Ok(ops) => Transaction { end_ns, ok: Some(true), ops, ..begun },
        Err(error) => {
            worker.expect("registers", &error);
            Transaction { end_ns, ok: if error.is_commit_unknown() { None } else { Some(false) }, ..begun }
        }
    };
    worker.write_down(&Entry::Registers(transaction.clone()));
    transaction.ops.iter().filter_map(|access| access.read).map(|(_, writes)| writes).max().unwrap_or(0)
}

/// The history of registers as one of lists.
///
/// # Errors
///
/// If two values were the same change of a register: one of them was lost.
pub fn as_lists(
    history: impl Iterator<Item = Transaction<Access>> + Clone,
) -> Result<Vec<Transaction>, String> {
    // The values of each register, by how many there were with each.
    let mut values: BTreeMap<u64, BTreeMap<u64, u64>> = BTreeMap::new();
    for transaction in history.clone().filter(|transaction| transaction.ok == Some(true)) {
        for Access { key, read, written } in transaction.ops {
            let known = values.entry(key).or_default();
            let before = read.map_or(0, |(_, writes)| writes);
            for (writes, value) in read
                .map(|(value, writes)| (writes, value))
                .into_iter()
                .chain(written.map(|value| (before + 1, value)))
            {
                let held = *known.entry(writes).or_insert(value);
                if held != value {
                    return Err(format!("register {key}: both {held} and {value} were change {writes}"));
                }
            }
        }
    }
    // A change that nobody read, of a transaction that is not known to be applied, is left out of the lists.
    let list =
        |key: u64, writes: u64| values[&key].range(..=writes).map(|(_, value)| *value).collect::<Vec<_>>();
    let placed: std::collections::HashSet<u64> =
        values.values().flat_map(|values| values.values().copied()).collect();
    let as_list = |transaction: Transaction<Access>| {
        let mut ops = Vec::new();
        for Access { key, read, written } in transaction.ops {
            ops.push(Op::Read(
                key,
                read.filter(|_| transaction.ok == Some(true)).map(|(_, writes)| list(key, writes)),
            ));
            let counts = |value: &u64| transaction.ok.is_some() || placed.contains(value);
            ops.extend(written.filter(counts).map(|value| Op::Append(key, value)));
        }
        let Transaction { process, index, start_ns, end_ns, ok, .. } = transaction;
        Transaction { process, index, start_ns, end_ns, ok, ops }
    };
    Ok(history.map(as_list).collect())
}

#[cfg(test)]
mod tests {
    use super::{Access, as_lists};
    use crate::check::check;
    use crate::history::{Op, Transaction};

    fn transaction(
        index: u64,
        ok: Option<bool>,
        read: Option<(u64, u64)>,
        written: Option<u64>,
    ) -> Transaction<Access> {
        let start_ns = index as i64 * 10;
        let ops = vec![Access { key: 1, read, written }];
        Transaction { process: 0, index, start_ns, end_ns: start_ns + 5, ok, ops }
    }

    #[test]
    fn a_register_is_a_list_of_its_values() {
        let history = [
            transaction(0, Some(true), None, Some(7)),
            transaction(1, None, None, Some(8)),
            transaction(2, None, None, Some(9)),
            transaction(3, Some(true), Some((9, 3)), Some(10)),
        ];
        let lists = as_lists(history.into_iter()).unwrap();
        // Nobody saw 8, which is left out.
        assert_eq!(lists[1].ops, [Op::Read(1, None)]);
        assert_eq!(lists[2].ops, [Op::Read(1, None), Op::Append(1, 9)]);
        assert_eq!(lists[3].ops, [Op::Read(1, Some(vec![7, 9])), Op::Append(1, 10)]);
        assert!(check(&lists).unwrap().is_valid());
    }

    #[test]
    fn an_old_value_and_a_lost_change_are_found() {
        let first = transaction(0, Some(true), None, Some(7));
        let second = transaction(1, Some(true), Some((7, 1)), Some(8));
        let old = transaction(2, Some(true), Some((7, 1)), None);
        let lists = as_lists([first.clone(), second.clone(), old].into_iter()).unwrap();
        assert!(!check(&lists).unwrap().is_valid());
        let lost = transaction(2, Some(true), Some((7, 1)), Some(9));
        let error = as_lists([first, second, lost].into_iter()).unwrap_err();
        assert_eq!(error, "register 1: both 8 and 9 were change 2");
    }
}
