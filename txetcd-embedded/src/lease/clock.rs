//! [`Clock`]: how long each lease still has. Renewals happen here and cost no write.
//!
//! A lease is stored with the time it had left when it was granted. That may be more than it really has
//! after a crash, which only lets it live longer, never shorter. Where less than the full time is stored,
//! because the store was closed in between, the first renewal has to write before it may answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Further away than any process lives; for times that the platform's clock cannot express.
const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// The deadlines of all leases.
#[derive(Default)]
pub(crate) struct Clock(Mutex<Deadlines>);

#[derive(Default)]
struct Deadlines {
    by_id: BTreeMap<i64, Deadline>,
    in_order: BTreeSet<(Instant, i64)>,
}

#[derive(Clone, Copy)]
struct Deadline {
    ttl: i64,
    at: Instant,
    /// Whether the full time is what is stored.
    stored_full: bool,
}

/// The outcome of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// The lease does not exist, or its time is over.
    Unknown,
    /// The lease has its full time again, in seconds.
    Renewed(i64),
    /// The full time must be stored first.
    NeedsWrite,
}

/// What is left of a lease, in whole seconds, and what it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeToLive {
    pub(crate) left: i64,
    pub(crate) granted: i64,
}

impl Clock {
    /// Starts, or starts again, the time of a lease.
    pub(crate) fn start(&self, id: i64, ttl: i64, left: Duration) {
        let now = Instant::now();
        let at = now.checked_add(left).unwrap_or(now + FAR);
        let stored_full = left >= seconds(ttl);
        self.lock().set(id, Deadline { ttl, at, stored_full });
    }

    /// Forgets a lease.
    pub(crate) fn stop(&self, id: i64) {
        self.lock().remove(id);
    }

    /// Gives a lease its full time again, if that needs no write.
    pub(crate) fn renew(&self, id: i64) -> Renewal {
        let mut deadlines = self.lock();
        let now = Instant::now();
        match deadlines.by_id.get(&id).copied() {
            Some(lease) if lease.at > now => {
                if !lease.stored_full {
                    return Renewal::NeedsWrite;
                }
                let at = now.checked_add(seconds(lease.ttl)).unwrap_or(now + FAR);
                deadlines.set(id, Deadline { at, ..lease });
                Renewal::Renewed(lease.ttl)
            }
            _ => Renewal::Unknown,
        }
    }

    /// What is left of a lease.
    pub(crate) fn time_to_live(&self, id: i64) -> Option<TimeToLive> {
        let deadlines = self.lock();
        let lease = deadlines.by_id.get(&id)?;
        let left = lease.at.saturating_duration_since(Instant::now()).as_secs();
        Some(TimeToLive { left: i64::try_from(left).unwrap_or(i64::MAX), granted: lease.ttl })
    }

    /// All leases, the one that ends first coming first.
    pub(crate) fn ids(&self) -> Vec<i64> {
        self.lock().in_order.iter().map(|&(_, id)| id).collect()
    }

    /// When the next lease ends.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.lock().in_order.first().map(|&(at, _)| at)
    }

    /// Takes out the leases whose time is over. From here on they cannot be renewed.
    pub(crate) fn take_expired(&self) -> Vec<i64> {
        let now = Instant::now();
        let mut deadlines = self.lock();
        let mut expired = Vec::new();
        while let Some(&(at, id)) = deadlines.in_order.first() {
            if at > now {
                break;
            }
            deadlines.remove(id);
            expired.push(id);
        }
        expired
    }

    /// Every lease with its granted seconds and the time it has left.
    pub(crate) fn remaining(&self) -> Vec<(i64, i64, Duration)> {
        let now = Instant::now();
        let deadlines = self.lock();
        let lease =
            |(&id, lease): (&i64, &Deadline)| (id, lease.ttl, lease.at.saturating_duration_since(now));
        deadlines.by_id.iter().map(lease).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Deadlines> {
        // Every change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deadlines {
    fn set(&mut self, id: i64, lease: Deadline) {
        if let Some(old) = self.by_id.insert(id, lease) {
            self.in_order.remove(&(old.at, id));
        }
        self.in_order.insert((lease.at, id));
    }

    fn remove(&mut self, id: i64) {
        if let Some(old) = self.by_id.remove(&id) {
            self.in_order.remove(&(old.at, id));
        }
    }
}

/// The length of a time to live, which is never negative.
pub(crate) fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_whose_time_is_over_cannot_be_renewed() {
        let clock = Clock::default();
        clock.start(1, 10, Duration::ZERO);
        assert_eq!(clock.renew(1), Renewal::Unknown);
        assert_eq!(clock.take_expired(), [1]);
        assert_eq!(clock.time_to_live(1), None);
    }

    #[test]
    fn a_renewal_writes_only_where_less_is_stored() {
        let clock = Clock::default();
        clock.start(1, 10, Duration::from_secs(3));
        assert_eq!(clock.renew(1), Renewal::NeedsWrite);
        clock.start(1, 10, seconds(10));
        assert_eq!(clock.renew(1), Renewal::Renewed(10));
    }

    #[test]
    fn leases_are_listed_by_deadline() {
        let clock = Clock::default();
        clock.start(1, 30, seconds(30));
        clock.start(2, 9_000_000_000, seconds(9_000_000_000));
        clock.start(3, 10, seconds(10));
        clock.stop(1);
        assert_eq!(clock.ids(), [3, 2]);
    }
}
