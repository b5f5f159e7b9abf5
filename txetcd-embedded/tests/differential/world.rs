//! [`World`]: two servers, and one sequence of operations carried out on both.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::proto::{
    PbCompactionRequest, PbDeleteRequest, PbLeaseGrantRequest, PbLeaseRevokeRequest,
    PbLeaseTimeToLiveRequest, PbPutRequest, PbRangeRequest, PbStatusRequest,
};
use etcd_client::{EventType, WatchFilterType, WatchOptions};
use proptest::test_runner::TestCaseError;

use crate::normal::Normal;
use crate::operation::{Operation, Revision, Watch};
use crate::support::rpc::{Call, Outcome, Rpc};

/// Everything a test writes is here. Few keys order after it.
pub(crate) const PREFIX: &[u8] = b"\xfftxetcd-differential/";
pub(crate) const PREFIX_END: &[u8] = b"\xfftxetcd-differential0";

/// How long a watch may take to deliver everything.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two servers that are compared.
pub(crate) struct World {
    embedded: Rpc,
    etcd: Rpc,
    version: String,
    /// Carried out on both so far.
    operations: AtomicU64,
}

/// One of them during one sequence.
pub(crate) struct Side<'w> {
    rpc: &'w Rpc,
    /// Its revision before the sequence.
    pub(crate) base: i64,
    /// Sequences have leases of their own.
    pub(crate) leases: i64,
}

impl World {
    pub(crate) async fn new(embedded: Rpc, etcd: Rpc) -> Self {
        let version = etcd.call(PbStatusRequest::default()).await.unwrap().version;
        Self { embedded, etcd, version, operations: AtomicU64::new(0) }
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// Deletes what the test wrote.
    pub(crate) async fn clear(&self) {
        for rpc in [&self.embedded, &self.etcd] {
            let everything =
                PbDeleteRequest { key: PREFIX.to_vec(), range_end: PREFIX_END.to_vec(), prev_kv: false };
            rpc.call(everything).await.unwrap();
        }
    }

    /// Carries out a sequence on both and compares each answer.
    pub(crate) async fn run(&self, operations: &[Operation]) -> Result<(), TestCaseError> {
        self.clear().await;
        let leases = fastrand::i64(1 << 32..1 << 62);
        let mut sides = Vec::new();
        for rpc in [&self.embedded, &self.etcd] {
            let put = PbPutRequest { key: PREFIX.to_vec(), ..Default::default() };
            let base = rpc.call(put).await.unwrap().header.unwrap().revision;
            sides.push(Side { rpc, base, leases });
        }
        for (index, operation) in operations.iter().enumerate() {
            self.operations.fetch_add(1, Ordering::Relaxed);
            // Where the sequence stands, counted from its base; the two agree on it.
            let now = sides[0].revision().await - sides[0].base;
            let mut answers: Vec<String> = Vec::new();
            for side in &sides {
                let expected = answers.first().filter(|_| !self.progress_is_reliable()).cloned();
                answers.push(side.perform(operation, now, !self.is_newest(), expected).await);
            }
            // Older versions look at what is wrong with a request in another order.
            let both_refuse = answers.iter().all(|answer| answer.starts_with("Err("));
            let excused = both_refuse && !self.is_newest();
            if answers[0] != answers[1] && !excused {
                return Err(TestCaseError::fail(format!(
                    "operation {index}, {operation:?}\nembedded: {}\netcd:     {}",
                    answers[0], answers[1]
                )));
            }
        }
        for side in &sides {
            for lease in 0..8 {
                let _ = side.rpc.call(PbLeaseRevokeRequest { id: side.lease(lease) }).await;
            }
        }
        Ok(())
    }

    /// Whether this etcd is one that the store follows in everything. Those before say a key's lease also
    /// where only keys are asked for.
    fn is_newest(&self) -> bool {
        self.numbers() >= vec![3, 7, 0]
    }

    /// Whether progress, asked for, is told only after everything before it.
    fn progress_is_reliable(&self) -> bool {
        self.numbers() >= vec![3, 5, 8]
    }

    fn numbers(&self) -> Vec<u32> {
        self.version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    }
}

impl Side<'_> {
    async fn revision(&self) -> i64 {
        let range = PbRangeRequest { key: PREFIX.to_vec(), ..Default::default() };
        self.rpc.call(range).await.unwrap().header.unwrap().revision
    }

    /// Carries out one operation. Where the end of a watch cannot be told from its progress, it is taken to
    /// be where it was `expected`.
    async fn perform(&self, operation: &Operation, now: i64, old: bool, expected: Option<String>) -> String {
        match operation {
            Operation::Range(range) => {
                let mut answer = self.normal(self.range(range, now, old)).await;
                if let (Ok(answer), true) = (&mut answer, old && range.keys_only) {
                    answer.kvs.iter_mut().for_each(|kv| kv.lease = 0);
                }
                format!("{answer:?}")
            }
            Operation::Put(put) => self.answer(self.put(put)).await,
            Operation::Delete(delete) => self.answer(self.delete(delete)).await,
            Operation::Txn(txn) => self.answer(self.txn(txn, now, old)).await,
            Operation::Compact { revision, physical } => {
                // Never before the sequence, where the servers differ in what is compacted.
                let revision = self.revision_of(*revision, now).max(self.base);
                self.answer(PbCompactionRequest { revision, physical: *physical }).await
            }
            Operation::Grant { lease, ttl } => {
                self.answer(PbLeaseGrantRequest { ttl: *ttl, id: self.lease(*lease) }).await
            }
            Operation::Revoke(lease) => self.answer(PbLeaseRevokeRequest { id: self.lease(*lease) }).await,
            Operation::TimeToLive { lease, keys } => {
                self.answer(PbLeaseTimeToLiveRequest { id: self.lease(*lease), keys: *keys }).await
            }
            Operation::KeepAlive(lease) => self.keep_alive(self.lease(*lease)).await,
            Operation::Watch(watch) => self.watch(watch, now, expected).await,
        }
    }

    async fn normal<C: Call<Response: Normal>>(&self, request: C) -> Outcome<C::Response> {
        let mut answer = self.rpc.call(request).await;
        if let Ok(response) = &mut answer {
            response.normalize(self.base);
        }
        answer
    }

    async fn answer<C: Call<Response: Normal>>(&self, request: C) -> String {
        format!("{:?}", self.normal(request).await)
    }

    async fn keep_alive(&self, id: i64) -> String {
        // The client tells the first answer's TTL of 0 as an error.
        let (mut keeper, mut answers) = match self.rpc.client().await.lease_keep_alive(id).await {
            Ok(stream) => stream,
            Err(error) => return error.to_string(),
        };
        keeper.keep_alive().await.unwrap();
        let answer = answers.message().await.unwrap().unwrap();
        format!("{} {}", answer.ttl(), answer.header().unwrap().revision() - self.base)
    }

    /// Everything a watch tells up to now: its events, or how it ended.
    async fn watch(&self, watch: &Watch, now: i64, expected: Option<String>) -> String {
        let (key, end) = self.span(watch.span);
        let mut options = WatchOptions::new().with_range(end);
        options = options.with_start_revision(self.revision_of(watch.start, now));
        if watch.prev_kv {
            options = options.with_prev_key();
        }
        if watch.fragment {
            options = options.with_fragment();
        }
        let mut filters = Vec::new();
        filters.extend(watch.no_put.then_some(WatchFilterType::NoPut));
        filters.extend(watch.no_delete.then_some(WatchFilterType::NoDelete));
        let options = options.with_filters(filters);
        let mut stream = self.rpc.client().await.watch(key, Some(options)).await.unwrap();
        let mut told = String::new();
        let told_all = tokio::time::timeout(PATIENCE, async {
            loop {
                // A watch that waits for a revision to come is asked for nothing: etcd would not answer.
                let ahead = matches!(watch.start, Revision::Ahead(_)) && !told.is_empty();
                if ahead {
                    break;
                }
                // etcd drops a request for progress while a watch is catching up, so ask until it answers.
                stream.request_progress().await.unwrap();
                let Ok(message) = tokio::time::timeout(Duration::from_millis(50), stream.message()).await
                else {
                    continue;
                };
                let Some(mut message) = message.unwrap() else { break };
                let header = message.0.header.unwrap_or_default();
                if message.created() || message.canceled() {
                    told += &format!(
                        "created {} canceled {} reason {:?} compacted {} at {};",
                        message.created(),
                        message.canceled(),
                        message.cancel_reason(),
                        message.compact_revision().max(self.base) - self.base,
                        if header.revision == 0 { 0 } else { header.revision - self.base },
                    );
                    if message.canceled() {
                        break;
                    }
                } else if message.events().is_empty() {
                    if expected.as_ref().is_some_and(|expected| *expected != told) {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        continue;
                    }
                    assert!(header.revision - self.base >= now, "progress behind what was written");
                    break;
                }
                for event in message.events() {
                    let kind = if event.event_type() == EventType::Put { "put" } else { "delete" };
                    told += kind;
                    told += " ";
                }
                message.0.events.normalize(self.base);
                for event in &message.0.events {
                    told += &format!("{event:?};");
                }
            }
        })
        .await;
        if told_all.is_err() {
            told += "and no more";
        }
        told
    }
}
