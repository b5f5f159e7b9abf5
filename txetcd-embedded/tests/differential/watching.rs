//! [`Watching`]: a watch stream with any number of watchers, and what each of them is told.
//!
//! How changes are packed into messages is left to a server, and so is the order among watchers. What each
//! of them is told, and in which order, is not.

use std::collections::BTreeMap;
use std::time::Duration;

use etcd_client::proto::{PbPutRequest, PbWatchResponse};
use etcd_client::{WatchFilterType, WatchOptions, WatchStream};
use tokio::time::{Instant, timeout};

use crate::normal::Normal;
use crate::operation::Watch;
use crate::support::rpc::Rpc;

/// What watchers were told, by their ids.
pub(crate) type Told = BTreeMap<i64, Vec<String>>;

/// A watcher of one key, which is put to see that everything before is told. The key is before all that the
/// test reads, and among the watchers of a revision the embedded store tells this one last.
const MARKER: i64 = 1000;
const MARK: &[u8] = b"\xfftxetcd-differential-mark";

/// The id in messages that speak for all watchers.
const ALL: i64 = -1;

/// How long a server may take to tell something.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait for progress before asking again: etcd forgets the request while a watcher catches up.
const ASK_AGAIN: Duration = Duration::from_millis(30);

/// A watch stream of one server.
pub(crate) struct Watching {
    stream: WatchStream,
    /// The revision from which others are counted.
    base: i64,
    watchers: BTreeMap<i64, Watcher>,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watcher {
    /// It begins with what came after it.
    Live,
    /// It was to catch up first.
    Past,
    /// It begins at a revision to come, counted from the base.
    Future(i64),
    /// It was ended by a compaction.
    Ended,
}

impl Watching {
    pub(crate) async fn open(rpc: &Rpc, base: i64) -> Self {
        let options = WatchOptions::new().with_watch_id(MARKER);
        let stream = rpc.client().await.watch(MARK, Some(options)).await.unwrap();
        let mut watching = Self { stream, base, watchers: BTreeMap::new(), told: Told::new() };
        watching.until(|message| message.created).await.unwrap();
        watching
    }

    /// Adds a watcher of a range from a revision on, where `now` is the newest one, and answers what is said
    /// to that.
    pub(crate) async fn create(
        &mut self,
        watch: &Watch,
        (key, end): (Vec<u8>, Vec<u8>),
        start: i64,
        now: i64,
    ) -> String {
        let mut options = WatchOptions::new().with_range(end).with_start_revision(start);
        options = options.with_watch_id(i64::from(watch.id));
        if watch.prev_kv {
            options = options.with_prev_key();
        }
        if watch.fragment {
            options = options.with_fragment();
        }
        let mut filters = Vec::new();
        filters.extend(watch.no_put.then_some(WatchFilterType::NoPut));
        filters.extend(watch.no_delete.then_some(WatchFilterType::NoDelete));
        self.stream.watch(key, Some(options.with_filters(filters))).await.unwrap();
        let Some(created) = self.until(|message| message.created).await else { return never() };
        if !created.canceled {
            let watcher = match start - self.base {
                _ if start == 0 => Watcher::Live,
                start if start > now => Watcher::Future(start),
                _ => Watcher::Past,
            };
            self.watchers.insert(created.watch_id, watcher);
        }
        format!("{created:?}")
    }

    /// Removes a watcher, and answers what is said to that: nothing where it is not there.
    pub(crate) async fn cancel(&mut self, id: i64) -> String {
        self.stream.cancel(id).await.unwrap();
        if self.watchers.remove(&id).is_none() {
            return String::new();
        }
        let canceled = self.until(|message| message.canceled && message.watch_id == id).await;
        canceled.map_or_else(never, |canceled| format!("{canceled:?}"))
    }

    /// The watchers because of which etcd tells no progress at the revision `now`.
    pub(crate) fn stuck(&self, now: i64) -> Vec<i64> {
        let is_stuck = |watcher: Watcher| match watcher {
            Watcher::Live | Watcher::Past => false,
            Watcher::Future(start) => start > now,
            Watcher::Ended => true,
        };
        self.watchers.iter().filter(|&(_, watcher)| is_stuck(*watcher)).map(|(&id, _)| id).collect()
    }

    /// Whether some watcher may still be catching up, unless progress was told since.
    pub(crate) fn may_lag(&self) -> bool {
        self.watchers.values().any(|&watcher| watcher == Watcher::Past)
    }

    /// Asks for progress until there is an answer that covers the revision `now`.
    pub(crate) async fn progress(&mut self, now: i64) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.stream.request_progress().await.unwrap();
            while let Some(message) = self.read(ASK_AGAIN).await {
                let revision = message.header.map_or(0, |header| header.revision);
                if message.watch_id == ALL && is_progress(&message) && revision == now {
                    return format!("{message:?}");
                }
                self.note(message);
            }
        }
        never()
    }

    /// What was told since the last time. It is waited for as much as is `expected` at least.
    pub(crate) async fn told(&mut self, rpc: &Rpc, expected: Option<&Told>) -> Told {
        let put = PbPutRequest { key: MARK.to_vec(), ..Default::default() };
        let mark = rpc.call(put).await.unwrap().header.unwrap().revision - self.base;
        let is_mark = |message: &PbWatchResponse| {
            let last = message.events.last().and_then(|event| event.kv.as_ref());
            message.watch_id == MARKER && last.is_some_and(|kv| kv.mod_revision == mark)
        };
        if self.until(is_mark).await.is_none() {
            self.told.insert(MARKER, vec![never()]);
        }
        let lacks = |told: &Told| {
            expected
                .into_iter()
                .flatten()
                .any(|(id, expected)| told.get(id).map_or(0, Vec::len) < expected.len())
        };
        while lacks(&self.told) {
            let Some(message) = self.read(PATIENCE).await else { break };
            self.note(message);
        }
        std::mem::take(&mut self.told)
    }

    /// Reads up to the message that is looked for.
    async fn until(&mut self, is_it: impl Fn(&PbWatchResponse) -> bool) -> Option<PbWatchResponse> {
        loop {
            let message = self.read(PATIENCE).await?;
            if is_it(&message) {
                return Some(message);
            }
            self.note(message);
        }
    }

    async fn read(&mut self, patience: Duration) -> Option<PbWatchResponse> {
        let message = timeout(patience, self.stream.message()).await.ok()?;
        let mut message = message.unwrap().expect("the stream goes on").0;
        message.normalize(self.base);
        Some(message)
    }

    fn note(&mut self, message: PbWatchResponse) {
        let id = message.watch_id;
        // The answers to requests for progress that were given up.
        if id == MARKER || (id == ALL && is_progress(&message)) {
            return;
        }
        let told = self.told.entry(id).or_default();
        if message.events.is_empty() {
            told.push(format!("{message:?}"));
        }
        if message.compact_revision != 0 {
            self.watchers.insert(id, Watcher::Ended);
        }
        let newest = message.header.map_or(0, |header| header.revision);
        for event in message.events {
            let revision = event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
            assert!(revision <= newest, "told of {revision} at {newest}");
            told.push(format!("{event:?}"));
        }
    }
}

fn is_progress(message: &PbWatchResponse) -> bool {
    message.events.is_empty() && !message.created && !message.canceled
}

/// For what did not come in time.
fn never() -> String {
    "nothing came".to_owned()
}
