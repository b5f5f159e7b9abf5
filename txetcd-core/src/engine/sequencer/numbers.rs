//! [`Numbers`]: what became of the transactions that this process has numbered.

use std::collections::VecDeque;

/// Of how many transactions that is remembered. Who has read something of an older one before it was settled runs
/// again.
const REMEMBERED: usize = 1 << 16;

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Fate {
    Open,
    Committed(i64),
    /// It was not applied, or that is not remembered.
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
        if self.fates.len() == REMEMBERED {
            self.fates.pop_front();
            self.forgotten += 1;
        }
        self.fates.push_back(Fate::Open);
        self.forgotten + self.fates.len() as u64
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
