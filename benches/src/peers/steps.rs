//! [`Steps`]: which transactions a task runs, one after the other; and Zipf's law.

use std::sync::Arc;

use super::job::{ACCOUNTS, Workload};

/// The exponent of Zipf's law; YCSB's.
const EXPONENT: f64 = 0.99;

/// One transaction: what to do, and to which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Reads this row and writes it with one more change.
    Increment(u32),
    /// Moves 1 from one row to another one, and counts the change in both.
    Transfer { from: u32, to: u32 },
    /// A new person, with entries in two indexes.
    Insert(u64),
    /// Reads this row.
    Read(u32),
}

impl Step {
    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::Read(_))
    }
}

/// Draws the transactions of one task.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    workload: Workload,
    /// The number of the task among those of all processes.
    task: u32,
    inserts: u64,
    zipf: Option<Arc<Zipf>>,
    random: fastrand::Rng,
}

impl Steps {
    /// For the task that has the number 0; [`of`](Self::of) makes those of the others.
    pub(crate) fn new(workload: Workload) -> Self {
        let zipf =
            (workload == Workload::ZipfTransfers).then(|| Arc::new(Zipf::new(ACCOUNTS as usize, EXPONENT)));
        Self { workload, task: 0, inserts: 0, zipf, random: fastrand::Rng::new() }
    }

    pub(crate) fn of(&self, task: u32) -> Self {
        Self { task, random: fastrand::Rng::new(), ..self.clone() }
    }

    pub(crate) fn next(&mut self) -> Step {
        match self.workload {
            Workload::OwnKey => Step::Increment(self.task),
            Workload::Counter => Step::Increment(0),
            Workload::Transfers | Workload::ZipfTransfers => {
                let from = self.account();
                let mut to = self.account();
                while to == from {
                    to = self.account();
                }
                Step::Transfer { from, to }
            }
            Workload::Insert => {
                self.inserts += 1;
                Step::Insert(person(self.task, self.inserts - 1))
            }
            Workload::ReadMostly if self.random.u32(..100) < 5 => Step::Increment(self.account()),
            Workload::ReadMostly => Step::Read(self.account()),
        }
    }

    fn account(&mut self) -> u32 {
        match &self.zipf {
            Some(zipf) => zipf.rank(self.random.f64()) as u32,
            None => self.random.u32(..ACCOUNTS),
        }
    }
}

/// The id of the person that a task inserts as its `nth`.
pub(crate) fn person(task: u32, nth: u64) -> u64 {
    u64::from(task) << 32 | nth
}

/// The task that inserted the person with this id.
pub(crate) fn inserter(id: u64) -> u32 {
    (id >> 32) as u32
}

/// Zipf's law over ranks from 0: rank `k` is drawn with a probability in proportion to `1 / (k + 1)^exponent`.
#[derive(Debug)]
struct Zipf {
    /// For each rank, how likely it or a lower one is.
    cumulative: Vec<f64>,
}

impl Zipf {
    fn new(ranks: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = (1..=ranks)
            .map(|rank| {
                sum += (rank as f64).powf(-exponent);
                sum
            })
            .collect();
        cumulative.iter_mut().for_each(|share| *share /= sum);
        Self { cumulative }
    }

    /// The rank for a number that is drawn evenly from 0 to 1.
    fn rank(&self, drawn: f64) -> usize {
        self.cumulative.partition_point(|share| *share <= drawn).min(self.cumulative.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Step, Steps, Zipf, inserter};
    use crate::peers::job::{ACCOUNTS, Workload};

    #[test]
    fn ranks_have_the_probabilities_of_zipfs_law() {
        // With exponent 1 and three ranks: 6/11, 3/11, 2/11.
        let zipf = Zipf::new(3, 1.0);
        for (drawn, rank) in [(0.0, 0), (0.545, 0), (0.546, 1), (0.818, 1), (0.819, 2), (1.0, 2)] {
            assert_eq!(zipf.rank(drawn), rank, "{drawn}");
        }
        let mut random = fastrand::Rng::with_seed(1);
        let zipf = Zipf::new(1_000, 0.99);
        let (mut first, mut tenth, draws) = (0, 0, 1_000_000);
        for _ in 0..draws {
            match zipf.rank(random.f64()) {
                0 => first += 1,
                9 => tenth += 1,
                _ => {}
            }
        }
        let harmonic: f64 = (1..=1_000).map(|rank| f64::from(rank).powf(-0.99)).sum();
        let expected = f64::from(draws) / harmonic;
        assert!((f64::from(first) / expected - 1.0).abs() < 0.02, "{first} instead of {expected}");
        let expected = expected * 10_f64.powf(-0.99);
        assert!((f64::from(tenth) / expected - 1.0).abs() < 0.05, "{tenth} instead of {expected}");
    }

    #[test]
    fn a_task_keeps_to_its_rows() {
        let mut own = Steps::new(Workload::OwnKey).of(7);
        assert_eq!([own.next(), own.next()], [Step::Increment(7); 2]);
        let mut inserts = Steps::new(Workload::Insert).of(7);
        let (Step::Insert(one), Step::Insert(other)) = (inserts.next(), inserts.next()) else {
            panic!("these are no inserts");
        };
        assert_ne!(one, other);
        assert_eq!([inserter(one), inserter(other)], [7; 2]);
    }

    #[test]
    fn transfers_are_between_two_accounts_and_five_of_a_hundred_write() {
        let mut transfers = Steps::new(Workload::ZipfTransfers);
        for _ in 0..10_000 {
            let Step::Transfer { from, to } = transfers.next() else { panic!("this is no transfer") };
            assert!(from != to && from < ACCOUNTS && to < ACCOUNTS);
        }
        let mut mostly = Steps::new(Workload::ReadMostly);
        let writes = (0..100_000).filter(|_| mostly.next().writes()).count();
        assert!((4_500..5_500).contains(&writes), "{writes}");
    }
}
