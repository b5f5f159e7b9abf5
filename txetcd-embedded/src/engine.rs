//! [`Engine`]: the running store. Readers take its newest [`Snapshot`]; writers hand a closure to its one
//! [`Writer`] and wait until that is on disk.
//!
//! Everything that serves requests holds the engine, and the writer does not. So the last of them to go ends the
//! writer, and with it closes the file.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use tokio::runtime::{self, Handle};
use tokio::sync::futures::OwnedNotified;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tonic::Status;

use crate::failure::{Failure, Refusal};
use crate::lease::clock::Clock;
use crate::newest::Newest;
use crate::proto::ResponseHeader;
use crate::storage::batch::Batch;
use crate::storage::error::StorageError;
use crate::storage::meta::Meta;
use crate::storage::place::Bytes;
use crate::storage::snapshot::Snapshot;
use crate::storage::tables::Tables;
use crate::writer::{Job, Writer};

/// Writes that may wait for the writer; more of them wait to be let in, which bounds the memory.
const WAITING_WRITES: usize = 4096;

/// The etcd whose behaviour the store follows. Clients read features from it.
pub(crate) const VERSION: &str = "3.7.0";

/// The term of a cluster that never elects anyone.
pub(crate) const RAFT_TERM: u64 = 1;

/// A running store.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    admission: Arc<Semaphore>,
    /// Present until the engine is dropped, as is the thread.
    jobs: Option<mpsc::UnboundedSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// Where the writer runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WriterHome {
    /// A thread of its own.
    Thread,
    /// A task of the current tokio runtime.
    Runtime,
}

/// What readers and the writer share.
pub(crate) struct Shared {
    pub(crate) cluster_id: u64,
    pub(crate) member_id: u64,
    pub(crate) newest: Newest,
    pub(crate) clock: Clock,
    /// Where messages of watches are cut.
    pub(crate) watch_message_bytes: usize,
    /// Why the store accepts no writes any more, once that is so.
    pub(crate) broken: OnceLock<String>,
}

impl Shared {
    /// How a state of the store describes itself.
    pub(crate) fn meta(&self, snapshot: &Snapshot) -> Meta {
        let &Self { cluster_id, member_id, .. } = self;
        Meta { cluster_id, member_id, revision: snapshot.revision(), compacted: snapshot.compacted() }
    }
}

impl Engine {
    /// Starts the writer.
    pub(crate) fn start(
        shared: Shared,
        writer: impl FnOnce(Arc<Shared>) -> Writer,
        home: WriterHome,
    ) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let (jobs, inbox) = mpsc::unbounded_channel();
        let writing = writer(Arc::clone(&shared)).run(inbox);
        let thread = match home {
            WriterHome::Thread => {
                let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
                let thread = std::thread::Builder::new().name("txetcd-writer".to_owned());
                Some(thread.spawn(move || runtime.block_on(writing))?)
            }
            WriterHome::Runtime => {
                Handle::try_current().map_err(io::Error::other)?.spawn(writing);
                None
            }
        };
        let admission = Arc::new(Semaphore::new(WAITING_WRITES));
        Ok(Self { shared, admission, jobs: Some(jobs), thread })
    }

    /// Where messages of watches are cut.
    pub(crate) fn watch_message_bytes(&self) -> usize {
        self.shared.watch_message_bytes
    }

    /// The newest committed state. It contains every write that was answered before.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.newest.get()
    }

    /// Completes with the first newer state after this call.
    pub(crate) fn newer(&self) -> OwnedNotified {
        self.shared.newest.changed()
    }

    /// The newest state as the bytes of a store of its own.
    pub(crate) fn copy(&self) -> Result<Bytes, StorageError> {
        let snapshot = self.snapshot();
        snapshot.place().copy(&snapshot, self.shared.meta(&snapshot))
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The bytes that the store takes.
    pub(crate) fn size(&self) -> i64 {
        i64::try_from(self.snapshot().place().size()).unwrap_or(i64::MAX)
    }

    /// Why the store accepts no writes, if it does not.
    pub(crate) fn failure(&self) -> Option<String> {
        self.shared.broken.get().cloned()
    }

    pub(crate) fn member_id(&self) -> u64 {
        self.shared.member_id
    }

    /// A header with the ids and a revision.
    pub(crate) fn header(&self, revision: i64) -> ResponseHeader {
        let Shared { cluster_id, member_id, .. } = *self.shared;
        ResponseHeader { cluster_id, member_id, revision, raft_term: RAFT_TERM }
    }

    /// The newest committed revision.
    pub(crate) fn revision(&self) -> i64 {
        self.shared.newest.revision()
    }

    /// A header with the newest revision.
    pub(crate) fn newest_header(&self) -> ResponseHeader {
        self.header(self.revision())
    }

    /// Completes the header of a response, which carries its revision already.
    pub(crate) fn complete(&self, header: &mut Option<ResponseHeader>) {
        let revision = header.as_ref().map_or(0, |header| header.revision);
        *header = Some(self.header(revision));
    }

    /// Applies a write and answers once it is durable. From the first poll that finds room in the queue
    /// on, the write happens whether or not the future is polled again.
    pub(crate) async fn write<R: Send + 'static>(
        &self,
        apply: impl FnOnce(&mut Batch<'_>) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Status> {
        // The semaphore is never closed, so there is always a permit.
        let admission = Arc::clone(&self.admission).acquire_owned().await.ok();
        let (reply, answer) = oneshot::channel();
        let job = Task { apply: Some(apply), outcome: None, reply, _admission: admission };
        let queued = self.jobs.as_ref().is_some_and(|jobs| jobs.send(Box::new(job)).is_ok());
        if !queued {
            return Err(Status::unavailable("txetcd-embedded: the store's writer has ended"));
        }
        answer.await.unwrap_or_else(|_| {
            let message = "txetcd-embedded: the store's writer ended while the request was with it";
            Err(Status::unavailable(message))
        })
    }
}

impl Drop for Engine {
    /// Waits for the writer thread, if it has one, which finishes what it was given: when this returns, everything is on
    /// disk and the file is closed.
    fn drop(&mut self) {
        drop(self.jobs.take());
        let Some(thread) = self.thread.take() else { return };
        // Answering a request may drop the last task that held the engine, on the writer thread itself.
        let joined = thread.thread().id() == std::thread::current().id() || thread.join().is_ok();
        if !joined {
            tracing::error!("the writer thread of an embedded store panicked");
        }
    }
}

/// A write on its way through the writer.
struct Task<F, R> {
    apply: Option<F>,
    outcome: Option<Result<R, Refusal>>,
    reply: oneshot::Sender<Result<R, Status>>,
    /// The room that the write takes in the queue.
    _admission: Option<OwnedSemaphorePermit>,
}

impl<F, R> Job for Task<F, R>
where
    F: FnOnce(&mut Batch<'_>) -> Result<R, Failure> + Send,
    R: Send,
{
    fn apply(&mut self, batch: &mut Batch<'_>) -> Result<(), StorageError> {
        let Some(apply) = self.apply.take() else { return Ok(()) };
        self.outcome = Some(match apply(batch) {
            Ok(response) => Ok(response),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(Failure::Storage(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // A client that no longer listens has nothing to be told.
            let _ = self.reply.send(outcome.map_err(Status::from));
        }
    }

    fn fail(self: Box<Self>, status: Status) {
        let _ = self.reply.send(Err(status));
    }
}
