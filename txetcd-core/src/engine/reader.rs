//! [`Reader`]: what all transactions of a process ask for at the same moment is one request.
//!
//! A [`Call`] is what one transaction asks for at once. Workers send the calls that wait, all that fit into one
//! request. A new worker starts with a call as long as there are fewer than [`WORKERS`], so a lone transaction
//! never waits for company; and while they are busy, calls gather. They do not wait longer than [`PATIENCE`] for an
//! answer to others.
//!
//! Nobody depends on a caller who holds its future without polling it: requests are tasks, and answers travel
//! through channels. Nothing is left by one who drops it: its call leaves the queue, and a request ends when nobody
//! waits for its answers any more. So no task outlives the [`Database`](crate::Database).
//!
//! What a request reads, and at which revision, is up to the [`snapshot`](super::snapshot).

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use txetcd_client::{Client, Error, GetRequest, GetResponse, Op, Result, Txn, error::Kind};

use super::lock::lock;
use super::snapshot::{Opening, unexpected_answer};

/// How many requests are under way before a call waits for company.
const WORKERS: usize = 2;
/// How long a request holds up the calls that come after it. Only they need a timer, which is not for nothing: one that
/// fires before all others wakes the thread that waits for the network.
const PATIENCE: Duration = Duration::from_millis(5);
/// How many requests are under way at most, if none is answered.
const REQUESTS: usize = 32;

/// Sends the reads of all transactions of a [`Database`](crate::Database).
pub(crate) struct Reader {
    client: Client,
    max_ops: usize,
    queue: Mutex<Queue>,
    /// Tells a worker of a call that waits for company.
    gathers: Notify,
    places: Arc<Semaphore>,
}

/// The calls that wait, and how many workers there are for them.
#[derive(Default)]
struct Queue {
    /// By their numbers, which are in the order in which they came.
    calls: BTreeMap<u64, Call>,
    next: u64,
    workers: usize,
}

/// Reads that are answered together.
struct Call {
    requests: Vec<GetRequest>,
    /// What the revision of the answers is told to.
    opening: Option<Opening>,
    answer: oneshot::Sender<Result<Vec<GetResponse>>>,
}

impl Reader {
    /// Reads through this client, at most `max_ops` keys in a request.
    pub(crate) fn new(client: Client, max_ops: usize) -> Self {
        let places = Arc::new(Semaphore::new(REQUESTS));
        Self { client, max_ops, queue: Mutex::default(), gathers: Notify::new(), places }
    }

    /// The most that can be asked for in one call.
    pub(crate) fn max_ops(&self) -> usize {
        self.max_ops
    }

    /// Answers all requests in their order, as of one moment, of which `opening` learns the revision.
    ///
    /// Only single keys travel with the calls of others, if there is room for others: pages are large, and etcd
    /// looks at a whole range to answer a part of it.
    pub(crate) async fn read(
        self: &Arc<Self>,
        requests: Vec<GetRequest>,
        opening: Option<Opening>,
    ) -> Result<Vec<GetResponse>> {
        let joins = requests.len() < self.max_ops && requests.iter().all(GetRequest::is_of_one_key);
        let (answer, answered) = oneshot::channel();
        let call = Call { requests, opening, answer };
        let _waiting = if joins {
            Some(self.join(call))
        } else {
            send_alone(&self.client, call);
            None
        };
        let gone = |_| Err(Error::new(Kind::Unavailable, "the runtime is shutting down"));
        answered.await.unwrap_or_else(gone)
    }

    fn join(self: &Arc<Self>, call: Call) -> Waiting<'_> {
        let (number, hires) = lock(&self.queue).push(call);
        if hires {
            tokio::spawn(Worker { reader: self.clone(), ended: false }.run());
        } else {
            self.gathers.notify_one();
        }
        Waiting { reader: self, number }
    }
}

impl Queue {
    /// The call's number, and whether a worker has to be started, which is counted already.
    fn push(&mut self, call: Call) -> (u64, bool) {
        let number = self.next;
        self.next += 1;
        self.calls.insert(number, call);
        let hires = self.workers < WORKERS;
        self.workers += usize::from(hires);
        (number, hires)
    }

    /// The first calls that have room in one request.
    fn take(&mut self, mut room: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        while let Some(first) = self.calls.first_entry()
            && first.get().requests.len() <= room
        {
            room -= first.get().requests.len();
            calls.push(first.remove());
        }
        calls
    }
}

/// A call that may be in the queue.
struct Waiting<'r> {
    reader: &'r Reader,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let unsent = lock(&self.reader.queue).calls.remove(&self.number);
        // It tells its snapshot: not under the lock.
        drop(unsent);
    }
}

/// Sends what waits, one request after the other, until nothing does.
struct Worker {
    reader: Arc<Reader>,
    ended: bool,
}

impl Worker {
    async fn run(mut self) {
        // The semaphore is never closed.
        while let Ok(place) = self.reader.places.clone().acquire_owned().await {
            // Tasks that were just answered, or are about to ask for another reason, come along.
            tokio::task::yield_now().await;
            let Some(calls) = self.next() else { break };
            let mut request = Box::pin(send(self.reader.client.clone(), calls, Some(place)));
            tokio::select! {
                biased;
                () = &mut request => {}
                () = self.holds_up() => drop(tokio::spawn(request)),
            }
        }
    }

    /// Ends when calls have waited for an answer to others long enough.
    async fn holds_up(&self) {
        if lock(&self.reader.queue).calls.is_empty() {
            self.reader.gathers.notified().await;
        }
        tokio::time::sleep(PATIENCE).await;
    }

    /// The calls of the next request. Without any the worker has ended.
    fn next(&mut self) -> Option<Vec<Call>> {
        let mut queue = lock(&self.reader.queue);
        let calls = queue.take(self.reader.max_ops);
        if calls.is_empty() {
            queue.workers -= 1;
            self.ended = true;
            return None;
        }
        Some(calls)
    }
}

impl Drop for Worker {
    /// A worker that did not come to its end was dropped by its runtime. The last one leaves no caller waiting.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut queue = lock(&self.reader.queue);
        queue.workers -= 1;
        let orphans = if queue.workers == 0 { mem::take(&mut queue.calls) } else { BTreeMap::new() };
        drop(queue);
        drop(orphans);
    }
}

/// Sends calls as one request, and answers them.
async fn send(client: Client, mut calls: Vec<Call>, _place: Option<OwnedSemaphorePermit>) {
    let requests = calls.iter().flat_map(|call| call.requests.iter().cloned()).collect();
    let answered = tokio::select! {
        biased;
        answered = get(&client, requests) => answered,
        () = abandoned(&mut calls) => return,
    };
    match answered {
        Ok((revision, answers)) => {
            let mut answers = answers.into_iter();
            for call in calls {
                let mine = answers.by_ref().take(call.requests.len()).collect();
                call.answer(revision, mine);
            }
        }
        // It is not about what was asked for, or there is no doubt about who asked. The client has repeated what
        // can be repeated.
        Err(error) if error.is_transient() || calls.len() == 1 => {
            calls.into_iter().for_each(|call| call.fail(error.clone()));
        }
        // Perhaps one of the calls asks for what cannot be had: the others must not suffer from it.
        Err(_) => calls.into_iter().for_each(|call| send_alone(&client, call)),
    }
}

/// Sends a call that does not travel with others.
fn send_alone(client: &Client, call: Call) {
    tokio::spawn(send(client.clone(), vec![call], None));
}

/// Ends when nobody waits for an answer any more.
async fn abandoned(calls: &mut [Call]) {
    for call in calls {
        call.answer.closed().await;
    }
}

/// Sends one request; returns the store's revision at that moment, too.
async fn get(client: &Client, mut requests: Vec<GetRequest>) -> Result<(i64, Vec<GetResponse>)> {
    if requests.len() == 1
        && let Some(only) = requests.pop()
    {
        let response = client.send_get(only, None).await?;
        return Ok((response.revision(), vec![response]));
    }
    let expected = requests.len();
    let response = client.txn(Txn::default().then(requests.into_iter().map(Op::from))).await?;
    let revision = response.revision();
    let answers: Vec<_> = response.into_responses().into_iter().filter_map(|op| op.into_get()).collect();
    if answers.len() != expected {
        return Err(unexpected_answer());
    }
    Ok((revision, answers))
}

impl Call {
    /// Whoever waits for the revision learns it even if the caller does not look at the answers.
    fn answer(self, revision: i64, answers: Vec<GetResponse>) {
        if let Some(opening) = self.opening {
            opening.fix(revision);
        }
        // The caller may have gone.
        drop(self.answer.send(Ok(answers)));
    }

    fn fail(self, error: Error) {
        drop(self.answer.send(Err(error)));
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}
