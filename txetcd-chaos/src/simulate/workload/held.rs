//! A set under a lock, and a queue: the workloads that clusters have, step by step.

use std::sync::Arc;

use txetcd::{Database, Error, Session};

use super::Step;
use crate::record::Entry;
use crate::simulate::record::Record;
use crate::workload::{Worker, queue, set};

/// What such steps have in common.
pub(super) struct Held {
    worker: Worker,
    set: set::Own,
    consumer: Option<Session>,
}

impl Held {
    pub(super) fn new(db: &Database, record: &Record, number: u64, seed: u64) -> Self {
        let worker = Worker::new(db.clone(), number, seed, record.recorder.clone(), Arc::default());
        Self { worker, set: set::Own::default(), consumer: None }
    }
}

pub(super) async fn add(step: &mut Step) -> Result<(), Error> {
    let Held { worker, set, .. } = &mut step.held;
    set::step(worker, set).await;
    Ok(())
}

pub(super) async fn push_or_finish(step: &mut Step) -> Result<(), Error> {
    let Held { worker, consumer, .. } = &mut step.held;
    queue::step(worker, consumer).await;
    Ok(())
}

pub(super) async fn conclude(step: &mut Step) -> Result<(), Error> {
    let mut events = Vec::new();
    for entry in step.record.recorder.take() {
        match entry {
            Entry::Event(event) => events.push(event),
            Entry::Wrong(what) => step.record.violation(what),
            Entry::Lists(_) | Entry::Registers(_) => {}
        }
    }
    let mut wrong = set::judge(&step.db, &events).await?;
    wrong.extend(queue::judge(&step.db, &events).await?);
    wrong.into_iter().for_each(|what| step.record.violation(what));
    Ok(())
}
