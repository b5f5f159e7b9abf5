//! [`Follower`]: a live view of the lists, compared with what the store itself says of the same revision.

use tokio::sync::oneshot;
use txetcd::{Database, Error, Live};

use super::aborted::Aborted;
use super::record::Record;
use super::workload::append::List;

/// A live view and the task that looks at it.
pub(super) struct Follower {
    task: Aborted,
    end: oneshot::Sender<()>,
}

impl Follower {
    pub(super) fn start(db: &Database, record: &Record) -> Self {
        let (end, ended) = oneshot::channel();
        let watching = Watching { db: db.clone(), record: record.clone() };
        Self { task: Aborted::spawn(watching.run(ended)), end }
    }

    /// Lets it see all that there is, and ends it. There are no faults any more.
    pub(super) async fn catch_up(self) {
        // It has ended if something was wrong, which it has said.
        let _ = self.end.send(());
        drop(self.task.ended().await);
    }
}

struct Watching {
    db: Database,
    record: Record,
}

impl Watching {
    async fn run(self, mut ended: oneshot::Receiver<()>) {
        let live = loop {
            match List::table().live(&self.db).await {
                Ok(live) => break live,
                Err(error) if error.is_transient() => {}
                Err(error) => return self.record.violation(format!("no live view: {error}")),
            }
        };
        let mut seen = 0;
        loop {
            let changed = tokio::select! {
                biased;
                _ = &mut ended => break,
                changed = live.changed() => changed,
            };
            if let Err(error) = changed {
                return self.record.violation(format!("a live view ended: {error}"));
            }
            if live.revision() < seen {
                self.record.violation(format!("a live view went back from {seen} to {}", live.revision()));
            }
            seen = live.revision();
            self.compare(&live).await;
        }
        if let Err(error) = self.up_to_date(&live).await {
            self.record.violation(format!("without faults, a live view fails: {error}"));
        }
    }

    async fn up_to_date(&self, live: &Live<List>) -> Result<(), Error> {
        let newest = self.db.status().await?.revision();
        live.wait_for(newest).await?;
        self.compare(live).await;
        Ok(())
    }

    async fn compare(&self, live: &Live<List>) {
        let revision = live.revision();
        let shown: Result<Vec<List>, Error> = live.iter().map(|row| Ok((*row?.1).clone())).collect();
        let stored = self.db.at(revision).read(async |txn| List::table().all(txn).collect().await).await;
        // It may have been compacted meanwhile, or not be told.
        let Ok(stored) = stored else { return };
        match shown {
            Ok(shown) if shown == stored => {}
            Ok(shown) => self.record.violation(format!(
                "a live view shows something else at revision {revision} than there is: {shown:?}, not {stored:?}"
            )),
            Err(error) => self.record.violation(format!("a live view shows a row that fails: {error}")),
        }
    }
}
