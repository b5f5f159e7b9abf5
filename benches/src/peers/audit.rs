//! Compares what the store holds at the end with what was acknowledged.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::job::Workload;
use super::layout::AMOUNT;
use super::report::Tally;
use super::steps::inserter;

/// A row of the workloads but the inserting one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) amount: i64,
    pub(crate) changes: u64,
}

/// All that one who was measured left in the store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) accounts: BTreeMap<u32, Account>,
    pub(crate) people: Vec<u64>,
    /// The people to which the entries of the unique index lead.
    pub(crate) by_email: Vec<u64>,
    /// The same of the other index.
    pub(crate) by_town: Vec<u64>,
}

/// What is wrong, in words; `tallies` are those of all tasks of all processes, in order.
pub(crate) fn audit(workload: Workload, tallies: &[Tally], found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    let rows = workload.rows(tallies.len() as u32);
    if !found.accounts.keys().copied().eq(0..rows) {
        wrong.push(format!("there are {} rows instead of {rows}", found.accounts.len()));
    }
    let sum: i64 = found.accounts.values().map(|account| account.amount).sum();
    if sum != i64::from(rows) * AMOUNT {
        wrong.push(format!("the rows hold {sum} instead of {}", i64::from(rows) * AMOUNT));
    }
    match workload {
        Workload::OwnKey => {
            for (account, (task, tally)) in found.accounts.values().zip(tallies.iter().enumerate()) {
                expect(&mut wrong, &format!("changes of row {task}"), account.changes, possible(*tally, 1));
            }
        }
        Workload::Insert => people(&mut wrong, tallies, found),
        Workload::Transfers | Workload::ZipfTransfers => changes(&mut wrong, tallies, found, 2),
        Workload::Counter | Workload::ReadMostly => changes(&mut wrong, tallies, found, 1),
    }
    wrong
}

/// All changes, of which each write makes so many.
fn changes(wrong: &mut Vec<String>, tallies: &[Tally], found: &Found, each: u64) {
    let changes = found.accounts.values().map(|account| account.changes).sum();
    expect(wrong, "changes", changes, possible(tallies.iter().copied().sum(), each));
}

fn people(wrong: &mut Vec<String>, tallies: &[Tally], found: &Found) {
    let mut inserted = vec![0; tallies.len()];
    for id in &found.people {
        match inserted.get_mut(inserter(*id) as usize) {
            Some(inserted) => *inserted += 1,
            None => wrong.push(format!("nobody inserted the person {id}")),
        }
    }
    for (task, (inserted, tally)) in inserted.into_iter().zip(tallies).enumerate() {
        expect(wrong, &format!("people inserted by task {task}"), inserted, possible(*tally, 1));
    }
    let sorted = |ids: &[u64]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    let people = sorted(&found.people);
    for (index, entries) in [("email", &found.by_email), ("town", &found.by_town)] {
        if sorted(entries) != people {
            wrong.push(format!(
                "{} entries by {index} do not lead to {} people",
                entries.len(),
                people.len()
            ));
        }
    }
}

/// What is possible after so many writes of which each counts so much.
fn possible(tally: Tally, each: u64) -> RangeInclusive<u64> {
    tally.acknowledged * each..=(tally.acknowledged + tally.unknown) * each
}

fn expect(wrong: &mut Vec<String>, what: &str, found: u64, possible: RangeInclusive<u64>) {
    if !possible.contains(&found) {
        let (least, most) = possible.into_inner();
        let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
        wrong.push(format!("{what}: {found} instead of {expected}"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Found, audit};
    use crate::peers::job::Workload;
    use crate::peers::layout::AMOUNT;
    use crate::peers::report::Tally;
    use crate::peers::steps::person;

    fn tallies<const N: usize>(tallies: [(u64, u64); N]) -> [Tally; N] {
        tallies.map(Tally::from)
    }

    /// Rows with these changes.
    fn rows(changes: impl IntoIterator<Item = u64>) -> Found {
        let account = |changes| Account { amount: AMOUNT, changes };
        Found { accounts: (0..).zip(changes.into_iter().map(account)).collect(), ..Found::default() }
    }

    fn accounts(changes: u64) -> Found {
        rows([changes].into_iter().chain(std::iter::repeat_n(0, 999)))
    }

    #[test]
    fn a_lost_increment_and_one_too_many_are_seen() {
        let tallies = tallies([(3, 0), (4, 2)]);
        for (changes, wrong) in [(6, 1), (7, 0), (9, 0), (10, 1)] {
            assert_eq!(audit(Workload::Counter, &tallies, &rows([changes])).len(), wrong, "{changes}");
        }
        assert_eq!(audit(Workload::Counter, &tallies, &rows([3, 4])).len(), 2);
        for (changes, wrong) in [([3, 4], 0), ([3, 6], 0), ([4, 4], 1), ([2, 3], 2), ([4, 3], 2), ([3, 7], 1)]
        {
            assert_eq!(audit(Workload::OwnKey, &tallies, &rows(changes)).len(), wrong, "{changes:?}");
        }
        for (changes, wrong) in [(6, 1), (7, 0), (9, 0), (10, 1)] {
            assert_eq!(audit(Workload::ReadMostly, &tallies, &accounts(changes)).len(), wrong, "{changes}");
        }
    }

    #[test]
    fn a_lost_transfer_and_lost_money_are_seen() {
        let tallies = tallies([(3, 0), (4, 1)]);
        for workload in [Workload::Transfers, Workload::ZipfTransfers] {
            for (changes, wrong) in [(13, 1), (14, 0), (16, 0), (17, 1)] {
                assert_eq!(audit(workload, &tallies, &accounts(changes)).len(), wrong, "{changes}");
            }
            let mut found = accounts(14);
            found.accounts.get_mut(&7).unwrap().amount += 1;
            assert_eq!(audit(workload, &tallies, &found).len(), 1);
            found.accounts.get_mut(&8).unwrap().amount -= 1;
            assert_eq!(audit(workload, &tallies, &found).len(), 0);
            found.accounts.remove(&9);
            assert_eq!(audit(workload, &tallies, &found).len(), 2);
        }
    }

    #[test]
    fn a_lost_row_and_a_lost_entry_are_seen() {
        let tallies = tallies([(2, 0), (1, 1)]);
        let people = vec![person(0, 0), person(0, 1), person(1, 0)];
        let found = Found {
            by_email: people.clone(),
            by_town: people.iter().rev().copied().collect(),
            people,
            ..Found::default()
        };
        assert_eq!(audit(Workload::Insert, &tallies, &found), [""; 0]);

        let mut broken = found.clone();
        broken.by_email.pop();
        assert_eq!(audit(Workload::Insert, &tallies, &broken).len(), 1);
        broken.by_town[0] = person(1, 1);
        assert_eq!(audit(Workload::Insert, &tallies, &broken).len(), 2);

        let mut broken = found.clone();
        broken.people.remove(0);
        assert_eq!(audit(Workload::Insert, &tallies, &broken).len(), 3);

        let mut broken = found;
        for ids in [&mut broken.people, &mut broken.by_email, &mut broken.by_town] {
            ids.push(person(2, 0));
        }
        assert_eq!(audit(Workload::Insert, &tallies, &broken).len(), 1);
    }
}
