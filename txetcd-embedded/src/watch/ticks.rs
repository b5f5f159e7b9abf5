//! [`Ticks`]: when watchers that are idle are to be told of progress.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How long a watcher that asked for progress goes without any message.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(600);

/// A clock that stands still until it is started.
#[derive(Default)]
pub(crate) struct Ticks(Option<Interval>);

impl Ticks {
    /// Starts the clock, if it does not run.
    pub(crate) fn start(&mut self) {
        self.0.get_or_insert_with(|| {
            let mut ticks = interval_at(Instant::now() + PROGRESS_INTERVAL, PROGRESS_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
    }

    /// Waits for the next tick, for ever where it does not run.
    pub(crate) async fn next(&mut self) {
        match &mut self.0 {
            Some(ticks) => {
                ticks.tick().await;
            }
            None => std::future::pending().await,
        }
    }
}
