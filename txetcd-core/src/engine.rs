//! The transaction engine: what happens to one transaction between its first read and its answer.
//!
//! Everything here is bytes: keys as etcd has them (without the client's namespace) and encoded values. The
//! tables above turn structs into bytes, the client below turns requests into messages. A transaction passes
//! through these rooms, one file each:
//!
//! ```text
//!  policy      runs the closure: attempt, commit, and again after a conflict, until a deadline
//!    |
//!  view        what one attempt reads: its own writes over one snapshot; every read is recorded here
//!    |- snapshot    the store at one revision
//!    |- known       what is known of it without asking
//!    |- batch       reads that one attempt asks for together travel together
//!    |- reader      and so do those of all transactions
//!    |- read_set    what was read: what must still hold at commit
//!    |- write_set   what is to be written, not sent before commit
//!    |- cache       what is known of whole tables, and what this process is about to write to them
//!    `- schema      the tables' indexes, whose entries follow from the rows that are written
//!    |
//!  attempt     what the closure has left: what it read, and what it wants to write
//!    |
//!  sequencer   orders finished transactions, and forms groups of them that leave together
//!    |
//!  plan        read sets + write sets -> guards, operations, and questions for the next attempt, within etcd's limits
//!    |
//!  committer   sends the request on a lane, and settles what happened if the answer is lost
//!    |- lane        the key that tells whether a request was applied
//!    |
//!  conflict    what a refusal means for each transaction, and brings for its next attempt
//! ```
//!
//! `telemetry` watches from outside what becomes of a transaction, and tells it to whoever runs the program.
//!
//! Two places carry the guarantees (`docs/guarantees.md`). Reads that count for conflicts go through
//! [`View`](view::View) only. Whether a request was applied is decided in `committer` only.

pub(crate) mod attempt;
pub(crate) mod batch;
pub(crate) mod bookkeeping;
pub(crate) mod bounds;
pub(crate) mod cache;
pub(crate) mod committer;
pub(crate) mod conflict;
pub(crate) mod known;
pub(crate) mod lane;
pub(crate) mod leases;
pub(crate) mod lock;
pub(crate) mod naming;
pub(crate) mod page_size;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod read_set;
pub(crate) mod reader;
pub(crate) mod schema;
pub(crate) mod sequencer;
pub(crate) mod slot_set;
pub(crate) mod snapshot;
pub(crate) mod telemetry;
pub(crate) mod view;
pub(crate) mod write_set;

use std::sync::Arc;
use std::time::Duration;

use txetcd_client::Client;

use crate::catalogue::agreement::Agreed;
use crate::catalogue::slots::Slots;
use cache::feed::{CachedTables, Chosen};
use lane::Lanes;
use reader::Reader;
use sequencer::Sequencer;
use snapshot::Snapshot;
use telemetry::Telemetry;

/// The engine of one [`Database`](crate::Database), shared by its transactions.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) client: Client,
    pub(crate) limits: Limits,
    pub(crate) policy: policy::Policy,
    reader: Arc<Reader>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) sequencer: Sequencer,
    pub(crate) cached_tables: CachedTables,
    pub(crate) telemetry: Telemetry,
    pub(crate) slots: Arc<Slots>,
    pub(crate) agreed: Agreed,
}

/// What the server accepts in one transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// etcd's `--max-txn-ops`.
    pub(crate) ops: usize,
    /// etcd's `--max-request-bytes`.
    pub(crate) bytes: usize,
    /// How many bytes the namespace adds to every key.
    pub(crate) namespace: usize,
}

impl Limits {
    /// How many operations a request has, but for those of the lane.
    pub(crate) fn alone_ops(self) -> usize {
        self.ops.saturating_sub(plan::LANE_OPS)
    }

    /// How many operations each of several units of a request has, with its witness. The other half is for what stands
    /// around them.
    pub(crate) fn unit_ops(self) -> usize {
        self.ops / 2 - plan::LANE_OPS
    }

    /// How many units a request has: beside them stand the lane, and the generations of some tables.
    pub(crate) fn units(self) -> usize {
        self.ops / 2 - 8
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { ops: 128, bytes: 1536 * 1024, namespace: 0 }
    }
}

/// How the engine works.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) limits: Limits,
    pub(crate) policy: policy::Policy,
    /// The time to live of the lease under which bookkeeping keys are.
    pub(crate) session_ttl: Duration,
    /// Tables that are cached though their declarations do not say so.
    pub(crate) cached: Vec<Chosen>,
    /// How many bytes all cached tables may have.
    pub(crate) cache_bytes: usize,
    /// Whether transactions that meet at rows may be applied as one.
    pub(crate) merges: bool,
    /// A transaction that takes so long is slow.
    pub(crate) slow: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            policy: policy::Policy::default(),
            session_ttl: Duration::from_secs(30),
            cached: Vec::new(),
            cache_bytes: 256 << 20,
            merges: true,
            slow: Duration::from_secs(1),
        }
    }
}

impl Engine {
    pub(crate) fn new(client: Client, options: Options) -> Self {
        let Options { limits, policy, session_ttl, cached, cache_bytes, merges, slow } = options;
        let limits = Limits { namespace: client.namespace().len(), ..limits };
        let reader = Arc::new(Reader::new(client.clone(), limits.ops));
        let lanes = Arc::new(Lanes::new(client.clone(), session_ttl));
        Self {
            client,
            limits,
            policy,
            reader,
            lanes,
            sequencer: Sequencer::new(merges),
            cached_tables: CachedTables::new(cached, cache_bytes),
            telemetry: Telemetry::new(slow),
            slots: Arc::default(),
            agreed: Agreed::default(),
        }
    }

    /// The store as of the first read, or as of `revision`.
    pub(crate) fn snapshot(&self, revision: Option<i64>) -> Snapshot {
        Snapshot::new(self.reader.clone(), revision)
    }
}
