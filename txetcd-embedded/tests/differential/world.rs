//! [`World`]: two servers, and one sequence of operations carried out on both.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::proto::{
    PbCompactionRequest, PbCompare, PbDeleteRequest, PbLeaseGrantRequest, PbLeaseRevokeRequest,
    PbLeaseTimeToLiveRequest, PbPutRequest, PbRangeRequest, PbStatusRequest, PbTargetUnion, PbTxnOpRequest,
    PbTxnRequest, PbTxnRequestOp,
};
use etcd_client::{EventType, WatchFilterType, WatchOptions};
use proptest::test_runner::TestCaseError;

use crate::normal::Normal;
use crate::operation::{Compare, Delete, Operand, Operation, Put, Range, Revision, Span, Step, Txn, Watch};
use crate::support::rpc::{Call, Outcome, Rpc};

/// Everything a test writes is here. Few keys order after it.
const PREFIX: &[u8] = b"\xfftxetcd-differential/";
const PREFIX_END: &[u8] = b"\xfftxetcd-differential0";

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
struct Side<'w> {
    rpc: &'w Rpc,
    /// Its revision before the sequence.
    base: i64,
    /// Sequences have leases of their own.
    leases: i64,
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
            let mut answers = Vec::new();
            for side in &sides {
                answers.push(side.perform(operation, now, !self.is_newest()).await);
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
        let mut parts = self.version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next(), parts.next()) >= (Some(3), Some(7))
    }
}

impl Side<'_> {
    async fn revision(&self) -> i64 {
        let range = PbRangeRequest { key: PREFIX.to_vec(), ..Default::default() };
        self.rpc.call(range).await.unwrap().header.unwrap().revision
    }

    async fn perform(&self, operation: &Operation, now: i64, mask_leases: bool) -> String {
        match operation {
            Operation::Range(range) => {
                let mut answer = self.normal(self.range(range, now)).await;
                if let (Ok(answer), true) = (&mut answer, mask_leases && range.keys_only) {
                    answer.kvs.iter_mut().for_each(|kv| kv.lease = 0);
                }
                format!("{answer:?}")
            }
            Operation::Put(put) => self.answer(self.put(put)).await,
            Operation::Delete(delete) => self.answer(self.delete(delete)).await,
            Operation::Txn(txn) => self.answer(self.txn(txn, now, mask_leases)).await,
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
            Operation::Watch(watch) => self.watch(watch, now).await,
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
    async fn watch(&self, watch: &Watch, now: i64) -> String {
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

    fn key(&self, key: u8) -> Vec<u8> {
        [PREFIX, &[b'a' + key]].concat()
    }

    fn span(&self, span: Span) -> (Vec<u8>, Vec<u8>) {
        match span {
            Span::One(key) => (self.key(key), Vec::new()),
            Span::Between(start, end) => (self.key(start), self.key(end)),
            Span::From(key) => (self.key(key), vec![0]),
            Span::All => (PREFIX.to_vec(), PREFIX_END.to_vec()),
        }
    }

    fn lease(&self, lease: u8) -> i64 {
        self.leases + i64::from(lease)
    }

    fn lease_or_none(&self, lease: Option<u8>) -> i64 {
        lease.map_or(0, |lease| self.lease(lease))
    }

    fn revision_of(&self, revision: Revision, now: i64) -> i64 {
        match revision {
            Revision::Zero => 0,
            // Not before the sequence, where the servers' pasts differ.
            Revision::Back(steps) => self.base + (now - i64::from(steps)).max(0),
            Revision::Ahead(steps) => self.base + now + i64::from(steps),
        }
    }

    fn range(&self, range: &Range, now: i64) -> PbRangeRequest {
        let (key, range_end) = self.span(range.span);
        let [min_mod, max_mod, min_create, max_create] =
            range.filters.map(|revision| self.revision_of(revision, now));
        PbRangeRequest {
            key,
            range_end,
            limit: range.limit,
            revision: self.revision_of(range.revision, now),
            sort_order: range.order,
            sort_target: range.target,
            serializable: range.serializable,
            keys_only: range.keys_only,
            count_only: range.count_only,
            min_mod_revision: min_mod,
            max_mod_revision: max_mod,
            min_create_revision: min_create,
            max_create_revision: max_create,
        }
    }

    fn put(&self, put: &Put) -> PbPutRequest {
        PbPutRequest {
            key: self.key(put.key),
            value: put.value.clone(),
            lease: self.lease_or_none(put.lease),
            prev_kv: put.prev_kv,
            ignore_value: put.ignore_value,
            ignore_lease: put.ignore_lease,
        }
    }

    fn delete(&self, delete: &Delete) -> PbDeleteRequest {
        let (key, range_end) = self.span(delete.span);
        PbDeleteRequest { key, range_end, prev_kv: delete.prev_kv }
    }

    fn compare(&self, compare: &Compare, now: i64) -> PbCompare {
        let (key, range_end) = self.span(compare.span);
        let target_union = match &compare.operand {
            Operand::Version(version) => Some(PbTargetUnion::Version(*version)),
            Operand::Create(revision) => {
                Some(PbTargetUnion::CreateRevision(self.revision_of(*revision, now)))
            }
            Operand::Mod(revision) => Some(PbTargetUnion::ModRevision(self.revision_of(*revision, now))),
            Operand::Value(value) => Some(PbTargetUnion::Value(value.clone())),
            Operand::Lease(lease) => Some(PbTargetUnion::Lease(self.lease_or_none(*lease))),
            Operand::Missing => None,
        };
        PbCompare { result: compare.result, target: compare.target, key, range_end, target_union }
    }

    fn txn(&self, txn: &Txn, now: i64, old: bool) -> PbTxnRequest {
        let steps = |steps: &[Step]| -> Vec<PbTxnRequestOp> {
            let request = |step: &Step| match step {
                Step::Range(range) => {
                    let mut request = self.range(range, now);
                    request.keys_only &= !old;
                    // Up to 3.5 a sort target that does not exist crashes the server.
                    if old && request.sort_target > 4 {
                        request.sort_target = 0;
                    }
                    Some(PbTxnOpRequest::RequestRange(request))
                }
                Step::Put(put) => Some(PbTxnOpRequest::RequestPut(self.put(put))),
                Step::Delete(delete) => Some(PbTxnOpRequest::RequestDeleteRange(self.delete(delete))),
                Step::Txn(txn) => Some(PbTxnOpRequest::RequestTxn(self.txn(txn, now, old))),
                Step::Nothing => None,
            };
            steps.iter().map(|step| PbTxnRequestOp { request: request(step) }).collect()
        };
        PbTxnRequest {
            compare: txn.compares.iter().map(|compare| self.compare(compare, now)).collect(),
            success: steps(&txn.success),
            failure: steps(&txn.failure),
        }
    }
}
