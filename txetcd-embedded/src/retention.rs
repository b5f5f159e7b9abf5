//! [`Retention`]: which of the past is given up without being asked.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What is younger than this is kept however many revisions there are, so that a snapshot can be read to
/// its end, and a watch resumed, while others write at full speed.
const GRACE: Duration = Duration::from_secs(10);

/// How often the pace of revisions is noted.
const PACE: Duration = Duration::from_secs(1);

/// How much of the past to keep.
pub(crate) struct Retention {
    /// Revisions to keep; all of them if it is not said.
    keep: Option<u64>,
    /// When it was asked last, and the newest revision then.
    last: Option<(Instant, i64)>,
    /// The same for some earlier moments, in order, of which none is long past.
    earlier: VecDeque<(Instant, i64)>,
}

impl Retention {
    pub(crate) fn new(keep: Option<u64>) -> Self {
        Self { keep, last: None, earlier: VecDeque::new() }
    }

    /// The revision to compact at now, if it is time. It is not every time one more is beyond the limit,
    /// but a tenth of those to keep at once.
    pub(crate) fn due(&mut self, newest: i64, compacted: i64, now: Instant) -> Option<i64> {
        let keep = i64::try_from(self.keep?).unwrap_or(i64::MAX);
        if let Some(last) = self.last.replace((now, newest)) {
            let passed = |&(at, _): &(Instant, i64)| last.0.duration_since(at) >= PACE;
            // Nothing older can matter once this one is old.
            if now.duration_since(last.0) >= GRACE {
                self.earlier.clear();
                self.earlier.push_back(last);
            } else if self.earlier.back().is_none_or(passed) {
                self.earlier.push_back(last);
            }
        }
        let is_old = |&&(at, _): &&(Instant, i64)| now.duration_since(at) >= GRACE;
        let old = self.earlier.iter().take_while(is_old).count().checked_sub(1)?;
        // The last one that is old stays, for the next time.
        self.earlier.drain(..old);
        let &(_, old) = self.earlier.front()?;
        let beyond = newest.saturating_sub(keep);
        let worthwhile = compacted.saturating_add(keep / 10);
        (beyond > worthwhile && old > compacted).then_some(beyond.min(old))
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
        assert_eq!(retention.due(1002, 500, after(16)), Some(900));
        assert_eq!(retention.due(1003, 900, after(40)), None);
        assert_eq!(retention.due(1500, 900, after(80)), Some(1003));
    }

    #[test]
    fn a_burst_is_old_when_its_end_is() {
        let start = Instant::now();
        let mut retention = Retention::new(Some(10));
        for revision in 2..400 {
            assert_eq!(retention.due(revision, -1, start + Duration::from_millis(1)), None);
        }
        assert_eq!(retention.due(400, -1, start + GRACE * 2), Some(390));
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
