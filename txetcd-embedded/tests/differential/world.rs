//! [`World`]: two servers, and one sequence of operations carried out on both.

use std::sync::atomic::{AtomicU64, Ordering};

use etcd_client::proto::{PbDeleteRequest, PbLeaseRevokeRequest, PbStatusRequest};
use proptest::test_runner::TestCaseError;

use crate::operation::Operation;
use crate::side::{PREFIX, PREFIX_END, Side};
use crate::support::rpc::Rpc;

/// Two servers that are compared.
pub(crate) struct World {
    embedded: Rpc,
    etcd: Rpc,
    version: String,
    /// Carried out on both so far.
    operations: AtomicU64,
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
            if !both_refuse || self.is_newest() {
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
    pub(crate) fn is_newest(&self) -> bool {
        self.numbers() >= vec![3, 7, 0]
    }

    /// Whether progress, asked for, is told only after everything before it.
    pub(crate) fn progress_is_reliable(&self) -> bool {
        self.numbers() >= vec![3, 5, 8]
    }

    /// Whether a compaction keeps the deletes of its own revision, at which a watch may begin.
    pub(crate) fn keeps_deletes(&self) -> bool {
        self.numbers() >= vec![3, 5, 16]
    }

    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    }
}

fn same(what: &str, answers: &[String]) -> Result<(), String> {
    if answers[0] == answers[1] {
        return Ok(());
    }
    Err(format!("{what}\nembedded: {}\netcd:     {}", answers[0], answers[1]))
}
