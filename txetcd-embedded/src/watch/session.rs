//! [`Session`]: one watch stream. It is advanced only while somebody polls the stream, and holds no task
//! of its own, so that it is gone the moment the stream is dropped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tonic::{Status, Streaming};

use super::ticks::Ticks;
use super::watcher::{Filters, Watcher};
use crate::engine::Engine;
use crate::failure::{Refusal, unreadable};
use crate::key_range::KeyRange;
use crate::proto::{Event, WatchRequest, WatchRequestUnion, WatchResponse};
use crate::storage::error::StorageError;
use crate::storage::log;
use crate::storage::snapshot::Snapshot;
use crate::storage::tables::Tables;

/// What is read from the log at a time: etcd's number of revisions, and a bound on the bytes held.
const REVISIONS_AT_A_TIME: usize = 1000;
const BYTES_AT_A_TIME: usize = 1024 * 1024;

/// The next revision of a watcher that is told of nothing any more.
const NEVER: i64 = i64::MAX;

/// The id in messages that speak for no watcher, or for all of them.
const NO_WATCHER: i64 = -1;

/// One watch stream.
pub(crate) struct Session {
    engine: Arc<Engine>,
    requests: Streaming<WatchRequest>,
    /// Whether the client may still send requests.
    listening: bool,
    watchers: BTreeMap<i64, Watcher>,
    next_id: i64,
    outbox: VecDeque<WatchResponse>,
    /// Whether the client asked for progress and was not answered yet.
    progress_wanted: bool,
    /// Started once a watcher asks to be told of progress.
    ticks: Ticks,
}

impl Session {
    pub(crate) fn new(engine: Arc<Engine>, requests: Streaming<WatchRequest>) -> Self {
        Self {
            engine,
            requests,
            listening: true,
            watchers: BTreeMap::new(),
            next_id: 0,
            outbox: VecDeque::new(),
            progress_wanted: false,
            ticks: Ticks::default(),
        }
    }

    /// The next message for the client.
    pub(crate) async fn next(&mut self) -> Result<WatchResponse, Status> {
        loop {
            if let Some(response) = self.outbox.pop_front() {
                return Ok(response);
            }
            let newer = self.engine.newer();
            let revision = self.engine.revision();
            let behind = self.watchers.values().any(|watcher| watcher.next <= revision);
            if !behind {
                self.answer_progress(revision);
                if !self.outbox.is_empty() {
                    continue;
                }
            }
            tokio::select! {
                biased;
                request = self.requests.message(), if self.listening => match request? {
                    Some(request) => self.handle(request),
                    None => self.listening = false,
                },
                () = std::future::ready(()), if behind => {
                    self.catch_up().map_err(|error| unreadable(&error))?;
                    if self.outbox.is_empty() {
                        // There may be much more in which nobody here is interested.
                        tokio::task::yield_now().await;
                    }
                }
                () = newer => {}
                () = self.ticks.next() => self.notify_idle(),
            }
        }
    }

    fn handle(&mut self, request: WatchRequest) {
        match request.request_union {
            Some(WatchRequestUnion::CreateRequest(request)) => {
                // An empty key stands for the smallest one.
                let key = if request.key.is_empty() { vec![0] } else { request.key };
                let watcher = Watcher {
                    id: request.watch_id,
                    key,
                    range_end: request.range_end,
                    next: request.start_revision,
                    prev_kv: request.prev_kv,
                    most_bytes: request.fragment.then(|| self.engine.watch_message_bytes()),
                    progress_notify: request.progress_notify,
                    filters: Filters::new(&request.filters),
                    idle: true,
                };
                self.create(watcher);
            }
            Some(WatchRequestUnion::CancelRequest(request)) => self.cancel(request.watch_id),
            Some(WatchRequestUnion::ProgressRequest(_)) => self.progress_wanted = true,
            None => {}
        }
    }

    /// Adds a watcher; an id of 0 asks for a free one, and a revision of 0 for what comes next.
    fn create(&mut self, mut watcher: Watcher) {
        let header = self.engine.newest_header();
        let refusal = if watcher.next < 0 {
            Some(Refusal::Compacted.message())
        } else if KeyRange::new(&watcher.key, &watcher.range_end) == KeyRange::Empty {
            Some("mvcc: watcher range is empty")
        } else if watcher.id != 0 && self.watchers.contains_key(&watcher.id) {
            Some("mvcc: duplicate watch ID provided on the WatchStream")
        } else {
            None
        };
        let mut response = WatchResponse { created: true, header: Some(header), ..Default::default() };
        if let Some(reason) = refusal {
            response.watch_id = NO_WATCHER;
            response.canceled = true;
            response.cancel_reason = reason.to_owned();
            self.outbox.push_back(response);
            return;
        }
        if watcher.id == 0 {
            while self.watchers.contains_key(&self.next_id) {
                self.next_id += 1;
            }
            watcher.id = self.next_id;
            self.next_id += 1;
        }
        if watcher.next == 0 {
            watcher.next = header.revision + 1;
        }
        if watcher.progress_notify {
            self.ticks.start();
        }
        response.watch_id = watcher.id;
        self.outbox.push_back(response);
        self.watchers.insert(watcher.id, watcher);
    }

    /// Removes a watcher; a request to cancel an unknown one is not answered.
    fn cancel(&mut self, id: i64) {
        if self.watchers.remove(&id).is_some() {
            let header = Some(self.engine.newest_header());
            let response = WatchResponse { header, watch_id: id, canceled: true, ..Default::default() };
            self.outbox.push_back(response);
        }
    }

    /// Tells the watchers that are behind of the next changes.
    fn catch_up(&mut self) -> Result<(), StorageError> {
        let snapshot = self.engine.snapshot();
        self.cancel_compacted(snapshot.compacted());
        let newest = snapshot.revision();
        let Some(from) =
            self.watchers.values().map(|watcher| watcher.next).filter(|&next| next <= newest).min()
        else {
            return Ok(());
        };
        let (told, told_to) = self.collect(&snapshot, from)?;
        for (id, events) in told {
            if let Some(watcher) = self.watchers.get_mut(&id) {
                watcher.idle = false;
                self.outbox.extend(watcher.messages(self.engine.header(told_to), events));
            }
        }
        for watcher in self.watchers.values_mut() {
            watcher.next = watcher.next.max(told_to + 1);
        }
        Ok(())
    }

    /// The events from revision `from` on for each watcher, in whole revisions, and the last revision
    /// that they cover.
    fn collect(
        &self,
        snapshot: &Snapshot,
        from: i64,
    ) -> Result<(BTreeMap<i64, Vec<Event>>, i64), StorageError> {
        let newest = snapshot.revision();
        let mut told: BTreeMap<i64, Vec<Event>> = BTreeMap::new();
        let mut covered = from;
        let (mut revisions, mut bytes) = (0, 0);
        let mut complete = true;
        log::changes(snapshot, from, newest, |revision, change| {
            if revision != covered || revisions == 0 {
                if revisions == REVISIONS_AT_A_TIME || bytes >= BYTES_AT_A_TIME {
                    complete = false;
                    return Ok(false);
                }
                revisions += 1;
                covered = revision;
            }
            let mut wanting = self
                .watchers
                .values()
                .filter(|watcher| watcher.wants(revision, change.kind, change.key))
                .peekable();
            if wanting.peek().is_none() {
                return Ok(true);
            }
            let event = log::event(snapshot, revision, change)?;
            let mut previous = None;
            for watcher in wanting {
                let mut event = event.clone();
                if watcher.prev_kv {
                    if previous.is_none() {
                        previous = Some(log::previous(snapshot, revision, change.key)?);
                    }
                    event.prev_kv.clone_from(previous.as_ref().unwrap_or(&None));
                }
                bytes += size(&event);
                told.entry(watcher.id).or_default().push(event);
            }
            Ok(true)
        })?;
        Ok((told, if complete { newest } else { covered }))
    }

    /// Ends the watchers whose next revision can no longer be read. As in etcd such a watcher is there until
    /// it is cancelled, too: its id is taken, and no progress is told on request.
    fn cancel_compacted(&mut self, compacted: i64) {
        for watcher in self.watchers.values_mut().filter(|watcher| watcher.next < compacted) {
            watcher.next = NEVER;
            self.outbox.push_back(WatchResponse {
                // etcd leaves the revision out of this header.
                header: Some(self.engine.header(0)),
                watch_id: watcher.id,
                canceled: true,
                compact_revision: compacted,
                ..Default::default()
            });
        }
    }

    /// Answers a request for progress, which is due once everything up to `revision` has been told. As in
    /// etcd there is no answer without watchers, nor while one waits for a revision to come.
    fn answer_progress(&mut self, revision: i64) {
        if !std::mem::take(&mut self.progress_wanted) {
            return;
        }
        let waits = self.watchers.values().any(|watcher| watcher.next > revision + 1);
        if !waits && !self.watchers.is_empty() {
            self.outbox.push_back(self.progress(NO_WATCHER, revision));
        }
    }

    /// Tells the progress to watchers that asked for that and have not been told of anything for long.
    fn notify_idle(&mut self) {
        let revision = self.engine.revision();
        let mut due = Vec::new();
        for watcher in self.watchers.values_mut().filter(|watcher| watcher.progress_notify) {
            if std::mem::replace(&mut watcher.idle, true) && watcher.next == revision + 1 {
                due.push(watcher.id);
            }
        }
        for id in due {
            self.outbox.push_back(self.progress(id, revision));
        }
    }

    fn progress(&self, watch_id: i64, revision: i64) -> WatchResponse {
        WatchResponse { header: Some(self.engine.header(revision)), watch_id, ..Default::default() }
    }
}

/// Roughly what an event takes in memory.
fn size(event: &Event) -> usize {
    let values = event.kv.iter().chain(&event.prev_kv);
    values.map(|key_value| key_value.key.len() + key_value.value.len() + 64).sum()
}
