//! [`Policy`]: how often and how long a transaction is tried.
//!
//! An attempt is one run of the closure and one commit. After a conflict the closure runs again on what the
//! failed commit brought with it, or on the cache once it has changed. Every other time there is a pause before,
//! with jitter, which begins with the time that a commit takes and grows, so that contenders get out of each
//! other's way; the attempt after it may start from stale rows, and then its commit brings the new ones for the
//! next attempt, which follows at once.
//! The deadline and the attempt limit end in `is_conflict`.

use std::time::Duration;

use tokio::time::Instant;
use txetcd_client::{Error, deadline_after, error::Kind};

use super::conflict::Conflict;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// How long a transaction may take, with all its attempts.
    pub(crate) timeout: Duration,
    /// How many attempts it has.
    pub(crate) max_attempts: Option<u32>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), max_attempts: None }
    }
}

/// One attempt of so many asks the store, whatever the cache says.
const ASKS_STORE: u32 = 8;
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The attempts of one transaction.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: Policy,
    deadline: Instant,
    made: u32,
}

impl Policy {
    pub(crate) fn start(self) -> Attempts {
        Attempts { policy: self, deadline: deadline_after(self.timeout), made: 0 }
    }
}

impl Attempts {
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Waits before the next attempt, after a commit that took so long and met a conflict. Returns what the
    /// next attempt starts with, or the error that ends the transaction.
    pub(crate) async fn again(
        &mut self,
        conflict: Box<Conflict>,
        took: Duration,
    ) -> Result<Box<Conflict>, Error> {
        self.made += 1;
        if self.was_last() {
            return Err(self.lost(&conflict));
        }
        let pause = match self.made {
            // It lost against another transaction of this process, and nothing was sent.
            _ if conflict.is_local => Duration::ZERO,
            made if made % 2 == 1 => Duration::ZERO,
            made => {
                took.saturating_mul(1 << (made / 2 - 1).min(10)).min(LONGEST_PAUSE).mul_f64(fastrand::f64())
            }
        };
        if Instant::now() + pause >= self.deadline {
            return Err(self.lost(&conflict));
        }
        if pause.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pause).await;
        }
        Ok(conflict)
    }

    /// Whether the next attempt may read the cache: once in a while the store is asked, in case that what the cache has
    /// does not do.
    pub(crate) fn may_read_cache(&self) -> bool {
        self.made % ASKS_STORE != ASKS_STORE - 1
    }

    /// Counts an attempt whose snapshot was compacted.
    ///
    /// # Errors
    /// If there is to be no other one.
    pub(crate) fn again_after_compaction(&mut self) -> Result<(), Error> {
        self.made += 1;
        if !self.was_last() && Instant::now() < self.deadline {
            return Ok(());
        }
        Err(Error::new(
            Kind::Compacted,
            format!(
                "the transaction was not finished {}: what it read was compacted meanwhile. Nothing was written: \
                 read less in it, or let the store keep its history for longer",
                self.so_far()
            ),
        ))
    }

    /// Whether the attempt that was counted last is the last one.
    fn was_last(&self) -> bool {
        self.policy.max_attempts.is_some_and(|max| self.made >= max)
    }

    fn so_far(&self) -> String {
        let attempts = match self.made {
            1 => "one attempt".to_owned(),
            made => format!("{made} attempts"),
        };
        if self.was_last() {
            format!("in {attempts}")
        } else {
            format!("within {:?}, in {attempts}", self.policy.timeout)
        }
    }

    fn lost(&self, conflict: &Conflict) -> Error {
        Error::new(
            Kind::Conflict,
            format!(
                "the transaction lost against others {}; {}. Nothing was written: try again, or make fewer \
                 transactions meet at these keys",
                self.so_far(),
                conflict.what_changed()
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempt::Attempt;
    use super::super::read_set::ReadSet;
    use super::super::write_set::WriteSet;
    use super::*;

    #[tokio::test]
    async fn whoever_one_loses_against_the_store_is_asked_once_in_a_while() {
        for is_local in [true, false] {
            let (mut attempts, mut asked) = (Policy::default().start(), Vec::new());
            for made in 1..=16 {
                let lost = Attempt::of(ReadSet::default(), WriteSet::default());
                let conflict = Conflict { is_local, ..Conflict::to_be_read_anew(&lost) };
                attempts.again(Box::new(conflict), Duration::ZERO).await.expect("there is time");
                if !attempts.may_read_cache() {
                    asked.push(made);
                }
            }
            assert_eq!(asked, [7, 15], "local: {is_local}");
        }
    }

    #[test]
    fn an_error_says_how_often_it_was_tried() {
        for (most, says) in [(1, "in one attempt:"), (2, "in 2 attempts:")] {
            let mut attempts = Policy { max_attempts: Some(most), ..Policy::default() }.start();
            let error = (0..most).find_map(|_| attempts.again_after_compaction().err()).expect("an end");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
