//! [`Retention`]: which of the past is given up without being asked.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is younger than this is kept however many revisions there are, so that a snapshot can be read to
/// its end, and a watch resumed, while others write at full speed.
const GRACE: Duration = Duration::from_secs(10);

/// How often the pace of revisions is noted.
const PACE: Duration = Duration::from_secs(1);

/// How much of the past to keep.
pub(crate) struct Retention {
    /// Revisions to keep; all of them if it is not said.
    keep: Option<u64>,
    /// Which revision was the newest at some moments of the recent past, in order.
    newest_at: VecDeque<(Instant, i64)>,
}

impl Retention {
    pub(crate) fn new(keep: Option<u64>) -> Self {
        Self { keep, newest_at: VecDeque::new() }
    }

    /// The revision to compact at now, if it is time. It is not every time one more is beyond the limit,
    /// but a tenth of those to keep at once.
    pub(crate) fn due(&mut self, newest: i64, compacted: i64, now: Instant) -> Option<i64> {
        let keep = i64::try_from(self.keep?).unwrap_or(i64::MAX);
        if self.newest_at.back().is_none_or(|&(at, _)| now.duration_since(at) >= PACE) {
            self.newest_at.push_back((now, newest));
        }
        let beyond = newest.saturating_sub(keep);
        if beyond <= compacted.saturating_add(keep / 10) {
            return None;
        }
        let mut old = None;
        while let Some(&(at, revision)) = self.newest_at.front() {
            if now.duration_since(at) < GRACE {
                break;
            }
            old = Some(revision);
            self.newest_at.pop_front();
        }
        old.map(|old| old.min(beyond)).filter(|&revision| revision > compacted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_both_beyond_the_limit_and_old_goes() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut retention = Retention::new(Some(100));
        assert_eq!(retention.due(500, -1, start), None);
        assert_eq!(retention.due(900, -1, after(5)), None);
        assert_eq!(retention.due(1000, -1, after(11)), Some(500));
        assert_eq!(retention.due(1001, 500, after(12)), None);
        assert_eq!(retention.due(1002, 500, after(40)), Some(902));
    }

    #[test]
    fn a_few_more_than_the_limit_stay() {
        let start = Instant::now();
        let mut retention = Retention::new(Some(100));
        assert_eq!(retention.due(200, 95, start), None);
        assert_eq!(retention.due(204, 95, start + GRACE), None);
        assert_eq!(retention.due(206, 95, start + GRACE * 2), Some(106));
    }

    #[test]
    fn everything_stays_where_no_limit_is_set() {
        let mut retention = Retention::new(None);
        assert_eq!(retention.due(1_000_000, -1, Instant::now() + GRACE * 10), None);
    }
}
