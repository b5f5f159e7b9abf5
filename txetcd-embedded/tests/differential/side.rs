//! [`Side`]: one of two servers during one sequence, and how it carries out an operation.

use etcd_client::proto::{
    PbAlarmRequest, PbCompactionRequest, PbHashKvRequest, PbLeaseGrantRequest, PbLeaseLeasesRequest,
    PbLeaseRevokeRequest, PbLeaseTimeToLiveRequest, PbMemberListRequest, PbPutRequest, PbRangeRequest,
    PbStatusRequest,
};

use crate::normal::Normal;
use crate::operation::Operation;
use crate::support::rpc::{Call, Outcome, Rpc};
use crate::watching::Watching;
use crate::world::World;

/// Everything a test writes is here. Few keys order after it.
pub(crate) const PREFIX: &[u8] = b"\xfftxetcd-differential/";
pub(crate) const PREFIX_END: &[u8] = b"\xfftxetcd-differential0";

/// One of them during one sequence.
pub(crate) struct Side {
    pub(crate) rpc: Rpc,
    /// Its revision before the sequence.
    pub(crate) base: i64,
    /// Sequences have leases of their own.
    pub(crate) leases: i64,
    /// Once there was a watcher.
    pub(crate) watching: Option<Watching>,
    /// The revisions at which it was asked to compact.
    compactions: Vec<i64>,
}

impl Side {
    /// Begins a sequence, with a put to which its revisions are relative.
    pub(crate) async fn new(rpc: &Rpc, leases: i64) -> Self {
        let put = PbPutRequest { key: PREFIX.to_vec(), ..Default::default() };
        let base = rpc.call(put).await.unwrap().header.unwrap().revision;
        Self { rpc: rpc.clone(), base, leases, watching: None, compactions: Vec::new() }
    }

    pub(crate) async fn revision(&self) -> i64 {
        let range = PbRangeRequest { key: PREFIX.to_vec(), ..Default::default() };
        self.rpc.call(range).await.unwrap().header.unwrap().revision
    }

    pub(crate) async fn watching(&mut self) -> &mut Watching {
        if self.watching.is_none() {
            self.watching = Some(Watching::open(&self.rpc, self.base).await);
        }
        self.watching.as_mut().unwrap()
    }

    /// Carries out one operation, where `now` is the newest revision of the sequence.
    pub(crate) async fn perform(&mut self, operation: &Operation, now: i64, world: &World) -> String {
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
                if !world.keeps_deletes() && self.compactions.contains(&start) {
                    start += 1;
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
