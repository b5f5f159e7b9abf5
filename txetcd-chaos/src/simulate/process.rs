//! [`Process`]: a connection and the tasks that use it. In some runs it stands still, is dropped and is killed on the
//! way, and another one takes its place.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::timeout;
use txetcd::embedded::Store;
use txetcd::{Database, DatabaseBuilder};

use super::follower::Follower;
use super::network::Link;
use super::record::{Record, pause};
use super::workload::{Step, cached};

/// How long connecting is waited for.
const CONNECTING: Duration = Duration::from_secs(5);

/// What a transaction may take without faults, in the run's own time.
const LONG: Duration = Duration::from_secs(120);

/// Transactions of each task without faults.
const LAST: usize = 2;

/// A connection, and what lies between it and the store.
pub(super) struct Process {
    db: Database,
    link: Arc<Link>,
    record: Record,
    follower: Option<Follower>,
}

impl Process {
    /// Runs its transactions, in one life or several, and returns the last one.
    pub(super) async fn live(store: Store, record: Record, mut random: Rng) -> Self {
        let lives = if record.settings.breaks { random.usize(1..=3) } else { 1 };
        for _ in 1..lives {
            let process = Self::start(&store, &record, &mut random).await;
            let mut tasks = process.tasks(&mut random);
            let life = Duration::from_millis(random.u64(..=10_000));
            drop(timeout(life, process.join(&mut tasks)).await);
            if random.bool() {
                process.link.kill();
            }
            // What they are in the middle of, the engine ends as it can.
            tasks.abort_all();
            process.join(&mut tasks).await;
        }
        let process = Self::start(&store, &record, &mut random).await;
        let mut tasks = process.tasks(&mut random);
        process.join(&mut tasks).await;
        process
    }

    async fn start(store: &Store, record: &Record, random: &mut Rng) -> Self {
        loop {
            let link = Link::new(record, random.fork());
            let builder = cached(connect(store, record), record, random).faults(link.faults());
            match timeout(CONNECTING, builder.connect()).await {
                Ok(Ok(db)) => {
                    let follower = record.settings.follow.then(|| Follower::start(&db, record));
                    return Self { db, link, record: record.clone(), follower };
                }
                Ok(Err(error)) if !error.is_transient() => {
                    record.violation(format!("cannot connect: {error}"))
                }
                Ok(Err(_)) | Err(_) => {}
            }
            pause(100, random).await;
        }
    }

    fn tasks(&self, random: &mut Rng) -> JoinSet<()> {
        let settings = &self.record.settings;
        let mut tasks = JoinSet::new();
        for _ in 0..settings.tasks {
            let (mut step, mut random) = (self.step(random), random.fork());
            let (transactions, thinking) = (settings.transactions, settings.thinking);
            tasks.spawn(async move {
                for _ in 0..transactions {
                    pause(thinking, &mut random).await;
                    step.under_faults().await;
                }
            });
        }
        tasks
    }

    async fn join(&self, tasks: &mut JoinSet<()>) {
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                self.record.violation(format!("a task panicked: {error}"));
            }
        }
    }

    /// The liveness phase: without faults everything ends well.
    pub(super) async fn calm_down(self, mut random: Rng) {
        self.link.calm();
        let mut tasks = JoinSet::new();
        for _ in 0..self.record.settings.tasks {
            let (mut step, record) = (self.step(&mut random), self.record.clone());
            tasks.spawn(async move {
                for _ in 0..LAST {
                    match timeout(LONG, step.run()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => record.violation(format!("without faults: {error}")),
                        Err(_) => record.violation(format!("without faults, a transaction takes {LONG:?}")),
                    }
                }
            });
        }
        self.join(&mut tasks).await;
        if let Some(follower) = self.follower
            && timeout(LONG, follower.catch_up()).await.is_err()
        {
            self.record.violation(format!("without faults, a view does not catch up within {LONG:?}"));
        }
    }

    fn step(&self, random: &mut Rng) -> Step {
        Step::new(self.db.clone(), self.record.clone(), random.fork())
    }
}

/// A connection as all processes have it.
pub(super) fn connect(store: &Store, record: &Record) -> DatabaseBuilder {
    let settings = &record.settings;
    Database::builder()
        .store(store)
        .session_ttl(settings.session_ttl)
        .request_timeout(settings.request_timeout)
        .transaction_timeout(settings.transaction_timeout)
        .max_txn_ops(settings.max_txn_ops)
}
