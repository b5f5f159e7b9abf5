//! [`Numbers`]: what became of the transactions that this process has numbered.

use std::collections::VecDeque;

/// Of how many transactions that is remembered at least.
const REMEMBERED: usize = if cfg!(test) { 1 << 4 } else { 1 << 16 };

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Fate {
    Open,
    Committed(i64),
    /// It was not applied. Or it is so old that this is not remembered: then nothing that is open depends on it, and who
    /// has read something of it before it was settled runs again.
    Failed,
}

/// The fates of the newest transactions; the first one has the number 1.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    fates: VecDeque<Fate>,
    /// How many are not remembered.
    forgotten: u64,
}

impl Numbers {
    /// The number of another transaction.
    pub(super) fn next(&mut self) -> u64 {
        self.fates.push_back(Fate::Open);
        self.forgotten + self.fates.len() as u64
    }

    /// Whether it is time to forget some.
    pub(super) fn are_many(&self) -> bool {
        self.fates.len() >= 2 * REMEMBERED && self.fates.len().is_multiple_of(REMEMBERED)
    }

    /// Forgets all but the newest, and none from this number on.
    pub(super) fn forget_before(&mut self, number: u64) {
        let newest = self.forgotten + self.fates.len() as u64;
        let last = newest.saturating_sub(REMEMBERED as u64).min(number.saturating_sub(1));
        while self.forgotten < last && self.fates.pop_front().is_some() {
            self.forgotten += 1;
        }
    }

    pub(super) fn fate(&self, number: u64) -> Fate {
        self.at(number).and_then(|at| self.fates.get(at)).copied().unwrap_or(Fate::Failed)
    }

    pub(super) fn settle(&mut self, number: u64, fate: Fate) {
        if let Some(settled) = self.at(number).and_then(|at| self.fates.get_mut(at)) {
            *settled = fate;
        }
    }

    fn at(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.forgotten + 1)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_something_depends_on_is_not_forgotten() {
        let mut numbers = Numbers::default();
        let first = numbers.next();
        numbers.settle(first, Fate::Committed(7));
        for _ in 1..2 * REMEMBERED {
            let number = numbers.next();
            numbers.settle(number, Fate::Committed(8));
        }
        assert!(numbers.are_many());
        numbers.forget_before(first);
        assert_eq!(numbers.fate(first), Fate::Committed(7));
        numbers.forget_before(u64::MAX);
        assert_eq!(numbers.fate(first), Fate::Failed);
        assert_eq!(numbers.fate(REMEMBERED as u64), Fate::Failed);
        assert_eq!(numbers.fate(REMEMBERED as u64 + 1), Fate::Committed(8));
        assert_eq!(numbers.next(), 2 * REMEMBERED as u64 + 1);
    }
}
