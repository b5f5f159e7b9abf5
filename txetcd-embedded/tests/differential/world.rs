//! [`World`]: two servers, and one sequence of operations carried out on both.

use std::sync::atomic::{AtomicU64, Ordering};

use etcd_client::proto::{
    PbAlarmRequest, PbCompactionRequest, PbDeleteRequest, PbHashKvRequest, PbLeaseGrantRequest,
    PbLeaseLeasesRequest, PbLeaseRevokeRequest, PbLeaseTimeToLiveRequest, PbMemberListRequest, PbPutRequest,
    PbRangeRequest, PbStatusRequest,
};
use proptest::test_runner::TestCaseError;

use crate::normal::Normal;
use crate::operation::Operation;
use crate::support::rpc::{Call, Outcome, Rpc};
use crate::watching::Watching;

/// Everything a test writes is here. Few keys order after it.
pub(crate) const PREFIX: &[u8] = b"\xfftxetcd-differential/";
pub(crate) const PREFIX_END: &[u8] = b"\xfftxetcd-differential0";

/// Two servers that are compared.
pub(crate) struct World {
    embedded: Rpc,
    etcd: Rpc,
    version: String,
    /// Carried out on both so far.
    operations: AtomicU64,
}

/// One of them during one sequence.
pub(crate) struct Side {
    rpc: Rpc,
    /// Its revision before the sequence.
    pub(crate) base: i64,
    /// Sequences have leases of their own.
    pub(crate) leases: i64,
    /// Once there was a watcher.
    watching: Option<Watching>,
    /// The revisions at which it was asked to compact.
    compactions: Vec<i64>,
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
        let mut sides = [Side::new(&self.embedded, leases).await, Side::new(&self.etcd, leases).await];
        let result = self.compare(&mut sides, operations).await;
        for side in &sides {
            for lease in 0..8 {
                let _ = side.rpc.call(PbLeaseRevokeRequest { id: side.lease(lease) }).await;
            }
        }
        result.map_err(TestCaseError::fail)
    }

    async fn compare(&self, sides: &mut [Side; 2], operations: &[Operation]) -> Result<(), String> {
        for (index, operation) in operations.iter().enumerate() {
            self.operations.fetch_add(1, Ordering::Relaxed);
            let what = format!("operation {index}, {operation:?}");
            if operation.concerns_watchers() {
                self.compare_told(sides, &what).await?;
            }
            // Where the sequence stands, counted from its base; the two agree on it.
            let now = sides[0].revision().await - sides[0].base;
            let mut answers = Vec::new();
            for side in &mut *sides {
                answers.push(side.perform(operation, now, self).await);
            }
            // Older versions look at what is wrong with a request in another order.
            let both_refuse = answers.iter().all(|answer| answer.starts_with("Err("));
            if !(both_refuse && !self.is_newest()) {
                same(&what, &answers)?;
            }
        }
        self.compare_told(sides, "the end").await?;
        let now = sides[0].revision().await - sides[0].base;
        for id in sides[0].watching.as_ref().map_or(Vec::new(), |watching| watching.stuck(now)) {
            let mut answers = Vec::new();
            for side in &mut *sides {
                answers.push(side.watching().await.cancel(id).await);
            }
            same(&format!("at the end, cancel {id}"), &answers)?;
        }
        let mut answers = Vec::new();
        for side in &mut *sides {
            answers.push(side.perform(&Operation::Progress, now, self).await);
        }
        same("progress at the end", &answers)?;
        self.compare_told(sides, "after the end").await
    }

    /// Compares what the watchers of both were told since the last time.
    async fn compare_told(&self, [embedded, etcd]: &mut [Side; 2], when: &str) -> Result<(), String> {
        let (Some(one), Some(other)) = (&mut embedded.watching, &mut etcd.watching) else { return Ok(()) };
        let one = one.told(&embedded.rpc, None).await;
        let other = other.told(&etcd.rpc, Some(&one)).await;
        same(&format!("the watchers before {when}"), &[format!("{one:#?}"), format!("{other:#?}")])
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

impl Side {
    /// Begins a sequence, with a put to which its revisions are relative.
    async fn new(rpc: &Rpc, leases: i64) -> Self {
        let put = PbPutRequest { key: PREFIX.to_vec(), ..Default::default() };
        let base = rpc.call(put).await.unwrap().header.unwrap().revision;
        Self { rpc: rpc.clone(), base, leases, watching: None, compactions: Vec::new() }
    }

    async fn revision(&self) -> i64 {
        let range = PbRangeRequest { key: PREFIX.to_vec(), ..Default::default() };
        self.rpc.call(range).await.unwrap().header.unwrap().revision
    }

    async fn watching(&mut self) -> &mut Watching {
        if self.watching.is_none() {
            self.watching = Some(Watching::open(&self.rpc, self.base).await);
        }
        self.watching.as_mut().unwrap()
    }

    /// Carries out one operation, where `now` is the newest revision of the sequence.
    async fn perform(&mut self, operation: &Operation, now: i64, world: &World) -> String {
        let old = !world.is_newest();
        match operation {
            Operation::Range(range) => {
                let mut answer = self.normal(self.range(range, now, old)).await;
                if let (Ok(answer), true) = (&mut answer, old && range.keys_only) {
                    answer.kvs.iter_mut().for_each(|kv| kv.lease = 0);
                }
                format!("{answer:?}")
            }
            Operation::RangeStream(_) if old => String::new(),
            Operation::RangeStream(range) => {
                let mut request = self.range(range, now, old);
                if request.sort_order == 0 {
                    // etcd orders each piece by itself, and so loses keys where there are several.
                    request.sort_target = 0;
                }
                let mut answer = self.rpc.range_stream(request).await;
                if let Ok(answer) = &mut answer {
                    answer.normalize(self.base);
                }
                format!("{answer:?}")
            }
            Operation::Put(put) => self.answer(self.put(put)).await,
            Operation::Delete(delete) => self.answer(self.delete(delete)).await,
            Operation::Txn(txn) => self.answer(self.txn(txn, now, old)).await,
            Operation::Compact { revision, physical } => {
                if !self.caught_up(now, world).await {
                    return String::new();
                }
                // Never before the sequence, where the servers differ in what is compacted.
                let revision = self.revision_of(*revision, now).max(self.base);
                self.compactions.push(revision);
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
            Operation::Brief { ttl } => self.brief(*ttl).await,
            Operation::Leases => self.leases().await,
            Operation::Watch(watch) => {
                let (span, mut start) = (self.span(watch.span), self.revision_of(watch.start, now));
                if world.numbers() < vec![3, 5, 0] {
                    // Such an etcd takes a negative one for none.
                    start = start.max(0);
                }
                self.watching().await.create(watch, span, start, now).await
            }
            Operation::Cancel { watcher } => match &mut self.watching {
                Some(watching) => watching.cancel(i64::from(*watcher)).await,
                None => String::new(),
            },
            Operation::Progress => match &mut self.watching {
                Some(watching) if world.progress_is_reliable() && watching.stuck(now).is_empty() => {
                    watching.progress(now).await
                }
                _ => String::new(),
            },
            Operation::Hash(revision) => self.hash(self.revision_of(*revision, now), old).await,
            Operation::Status => self.answer(PbStatusRequest::default()).await,
            Operation::Members => self.answer(PbMemberListRequest::default()).await,
            Operation::Alarms if old => String::new(),
            Operation::Alarms => self.answer(PbAlarmRequest::default()).await,
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

    /// What a hash is said to be of, and whether it is the same when it is asked for again.
    async fn hash(&self, revision: i64, old: bool) -> String {
        // etcd remembers a hash that it took for a compaction, and what was compacted before that.
        if self.compactions.contains(&revision) {
            return String::new();
        }
        let request = PbHashKvRequest { revision };
        let first = self.rpc.call(request).await.map(|answer| answer.hash);
        let second = self.rpc.call(request).await.map(|answer| answer.hash);
        let mut answer = self.normal(request).await;
        if let (Ok(answer), true) = (&mut answer, old) {
            // It came with 3.6.
            answer.hash_revision = 0;
        }
        format!("{answer:?}, repeated {}", first == second)
    }

    async fn brief(&self, ttl: i64) -> String {
        let mut answer = self.normal(PbLeaseGrantRequest { ttl, id: 0 }).await;
        let mut revoked = None;
        if let Ok(granted) = &mut answer {
            revoked = Some(self.answer(PbLeaseRevokeRequest { id: granted.id }).await);
            granted.id = granted.id.signum();
        }
        format!("{answer:?} {revoked:?}")
    }

    /// The sequence's own leases; others were left by one that failed.
    async fn leases(&self) -> String {
        let mut answer = self.rpc.call(PbLeaseLeasesRequest::default()).await;
        if let Ok(answer) = &mut answer {
            answer.header.normalize(self.base);
            answer.leases.iter_mut().for_each(|lease| lease.id -= self.leases);
        }
        format!("{answer:?}")
    }

    /// Waits until every watcher has caught up, if that can be known: one that has not is ended by a
    /// compaction.
    async fn caught_up(&mut self, now: i64, world: &World) -> bool {
        let Some(watching) = &mut self.watching else { return true };
        if !world.progress_is_reliable() || !watching.stuck(now).is_empty() {
            return !watching.may_lag();
        }
        watching.progress(now).await;
        true
    }
}

fn same(what: &str, answers: &[String]) -> Result<(), String> {
    if answers[0] == answers[1] {
        return Ok(());
    }
    Err(format!("{what}\nembedded: {}\netcd:     {}", answers[0], answers[1]))
}
