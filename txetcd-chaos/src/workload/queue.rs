//! A queue: what is surely pushed is finished, and nothing is finished twice.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use txetcd::{Database, Error, Session};

use super::{Worker, set};
use crate::record::Event;

/// How long to wait for an item before pushing one.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the last items may take.
const LONG: Duration = Duration::from_secs(120);

pub(super) async fn work(worker: &mut Worker) {
    let mut own = None;
    while !worker.is_done() {
        step(worker, &mut own).await;
    }
}

/// Pushes an item, or finishes one.
pub(crate) async fn step(worker: &mut Worker, own: &mut Option<Session>) {
    let outcome = match worker.random.u32(..2) {
        0 => push(worker).await,
        _ => finish(worker, own).await,
    };
    match outcome {
        Ok(()) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => worker.expect("queue", &error),
    }
}

async fn push(worker: &Worker) -> Result<(), Error> {
    let number = worker.unique();
    worker.db.client().queue("work").push(number.to_be_bytes()).await?;
    worker.event(Event::Pushed { number });
    Ok(())
}

async fn finish(worker: &mut Worker, own: &mut Option<Session>) -> Result<(), Error> {
    let session = set::session(worker, own).await?;
    let item = worker.db.client().queue("work").pop_within(session, PATIENCE).await?;
    match worker.random.u32(..20) {
        // It dies with the item, or forgets it: another one gets it.
        0 => session.lease().revoke().await,
        1 => Ok(()),
        _ => {
            let number = u64::from_be_bytes(item.value().try_into().expect("a number"));
            worker.event(Event::Finished { number, ok: None });
            let finished = item.ack().await;
            if !finished.as_ref().is_err_and(Error::is_commit_unknown) {
                worker.event(Event::Finished { number, ok: Some(finished.is_ok()) });
            }
            finished
        }
    }
}

/// Finishes what is left, and tells what is wrong.
///
/// # Errors
///
/// That of a request.
pub async fn judge(db: &Database, events: &[Event]) -> Result<Vec<String>, Error> {
    let mut finished: BTreeMap<u64, Finished> = BTreeMap::new();
    for event in events {
        if let Event::Finished { number, ok } = event {
            let count = finished.entry(*number).or_default();
            match ok {
                None => count.perhaps += 1,
                Some(ok) => {
                    count.perhaps -= 1;
                    count.surely += i32::from(*ok);
                }
            }
        }
    }
    let queue = db.client().queue("work");
    let session = db.client().session(LONG).await?;
    let mut last = Instant::now();
    while queue.count().await? > 0 {
        match queue.pop_within(&session, PATIENCE).await {
            Ok(item) => {
                let number = u64::from_be_bytes(item.value().try_into().expect("a number"));
                item.ack().await?;
                finished.entry(number).or_default().surely += 1;
                last = Instant::now();
            }
            // Somebody else may have finished the last one: a request that is late can arrive even now.
            Err(error) if error.is_timeout() && last.elapsed() < LONG => {}
            Err(error) => return Err(error),
        }
    }
    let mut wrong = Vec::new();
    for (number, Finished { surely, .. }) in &finished {
        if *surely > 1 {
            wrong.push(format!("queue: {number} was finished {surely} times"));
        }
    }
    for event in events {
        if let Event::Pushed { number } = event
            && finished.get(number).is_none_or(|count| count.surely + count.perhaps == 0)
        {
            wrong.push(format!("queue: {number} was pushed, and is lost"));
        }
    }
    Ok(wrong)
}

/// How often an item was finished.
#[derive(Default)]
struct Finished {
    surely: i32,
    perhaps: i32,
}
