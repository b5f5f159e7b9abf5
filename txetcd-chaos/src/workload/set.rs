//! A set that is written under a lock: read in one transaction and put, unread, in the next. Only the lock keeps others
//! from coming in between, and only its guard notices when the lock is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use txetcd::{Database, Error, Session};

use super::Worker;
use super::tables::Guarded;
use crate::record::Event;

/// How many elements a part has.
const PART: usize = 300;
/// The time of a session: short, so that faults end some.
const TTL: Duration = Duration::from_secs(3);
/// How long to wait for the lock before looking whether the run has ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a worker keeps from one step to the next.
#[derive(Default)]
pub(crate) struct Own {
    session: Option<Session>,
    part: u64,
}

pub(super) async fn work(worker: &mut Worker) {
    let mut own = Own::default();
    while !worker.is_done() {
        step(worker, &mut own).await;
    }
}

/// Adds some elements under the lock.
pub(crate) async fn step(worker: &mut Worker, own: &mut Own) {
    match add(worker, own).await {
        Ok(()) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => worker.expect("set", &error),
    }
}

/// A session that is alive; another one if it was lost.
pub(super) async fn session<'s>(worker: &Worker, own: &'s mut Option<Session>) -> Result<&'s Session, Error> {
    if own.as_ref().is_none_or(|own| !own.is_alive()) {
        *own = None;
        *own = Some(worker.db.client().session(TTL).await?);
    }
    Ok(own.as_ref().expect("a session"))
}

async fn add(worker: &mut Worker, Own { session: own, part }: &mut Own) -> Result<(), Error> {
    let session = session(worker, own).await?;
    let lock = worker.db.client().lock("set").acquire_within(session, PATIENCE).await?;
    for _ in 0..worker.random.u32(1..10) {
        let found = worker.db.read(async |txn| Guarded::table().get(txn, part).await).await?;
        let mut elements = found.map(|row| row.elements).unwrap_or_default();
        if elements.len() >= PART {
            *part += 1;
            continue;
        }
        let element = worker.unique();
        elements.push(element);
        let row = Guarded { part: *part, elements };
        worker
            .db
            .write(async |txn| {
                txn.guard(&lock)?;
                Guarded::table().put(txn, &row)
            })
            .await?;
        worker.event(Event::Added { element });
        if worker.random.u32(..40) == 0 {
            // Its lock is lost without its knowing, and it stands still while another one has it.
            session.lease().revoke().await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    if worker.random.bool() { lock.release().await } else { Ok(()) }
}

/// What is wrong at the end: the elements that were surely added and are not there, or twice.
///
/// # Errors
///
/// That of a transaction.
pub async fn judge(db: &Database, events: &[Event]) -> Result<Vec<String>, Error> {
    let parts = db.read(async |txn| Guarded::table().all(txn).collect().await).await?;
    let held: Vec<u64> = parts.into_iter().flat_map(|part| part.elements).collect();
    let distinct: BTreeSet<u64> = held.iter().copied().collect();
    let mut wrong = Vec::new();
    if distinct.len() != held.len() {
        wrong.push(format!("set: {} elements are there twice", held.len() - distinct.len()));
    }
    for event in events {
        if let Event::Added { element } = event
            && !distinct.contains(element)
        {
            wrong.push(format!("set: {element} was added, and is not there"));
        }
    }
    Ok(wrong)
}
