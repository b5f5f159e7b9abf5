//! [`Txn`]: conditions, what to do if they hold, and what to do otherwise, in one atomic request.

use etcd_client::proto::PbTxnResponse;

use crate::client::Repeat;
use crate::compare::Compare;
use crate::kv::GetRequest;
use crate::namespace::Namespace;
use crate::op::{Op, OpResponse};

/// An etcd transaction.
///
/// etcd looks at all conditions first, on the state before the request, those of nested transactions
/// included; then it runs the operations of the branch in order. A key may be put only once. By default at
/// most 128 conditions or operations stand on a path through the nesting, and the request is at most 1.5 MiB.
///
/// ```
/// use txetcd_client::{Compare, Op, Txn};
/// Txn::when([Compare::value("k").eq("v")]).then([Op::put("k", "w")]).or_else([Op::get("k")]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Txn {
    compares: Vec<Compare>,
    then: Vec<Op>,
    or_else: Vec<Op>,
}

impl Txn {
    /// The conditions. All must hold; none at all always hold.
    pub fn when(compares: impl IntoIterator<Item = Compare>) -> Self {
        Self { compares: compares.into_iter().collect(), ..Self::default() }
    }

    /// More conditions.
    #[must_use]
    pub fn and_when(mut self, compares: impl IntoIterator<Item = Compare>) -> Self {
        self.compares.extend(compares);
        self
    }

    /// What to do if the conditions hold.
    #[must_use]
    pub fn then(mut self, ops: impl IntoIterator<Item = Op>) -> Self {
        self.then.extend(ops);
        self
    }

    /// What to do if they do not.
    #[must_use]
    pub fn or_else(mut self, ops: impl IntoIterator<Item = Op>) -> Self {
        self.or_else.extend(ops);
        self
    }

    /// How many conditions or operations stand on the longest path: what etcd's `--max-txn-ops` limits.
    pub fn op_count(&self) -> usize {
        let nested = self.then.iter().chain(&self.or_else).filter_map(|op| match op {
            Op::Txn(txn) => Some(txn.op_count()),
            _ => None,
        });
        self.compares.len().max(self.then.len()).max(self.or_else.len()) + nested.max().unwrap_or(0)
    }

    /// About how many bytes the request has, rather too many than too few, if a namespace of so many bytes is
    /// put in front of its keys: what etcd's `--max-request-bytes` limits.
    pub fn request_size(&self, namespace: usize) -> usize {
        /// Tags and lengths of the messages around the keys and values of an operation.
        const FRAMING: usize = 24;
        // An operation has at most two keys.
        let each = FRAMING + 2 * namespace;
        let compares: usize = self.compares.iter().map(|compare| compare.size() + each).sum();
        let ops = self.then.iter().chain(&self.or_else).map(|op| match op {
            Op::Get(request) => request.size() + each,
            Op::Put(request) => request.size() + each,
            Op::Delete(request) => request.size() + each,
            Op::Txn(txn) => txn.request_size(namespace),
        });
        compares + ops.sum::<usize>() + FRAMING
    }

    /// Whether this only reads.
    pub fn is_read_only(&self) -> bool {
        self.then.iter().chain(&self.or_else).all(|op| match op {
            Op::Get(_) => true,
            Op::Put(_) | Op::Delete(_) => false,
            Op::Txn(txn) => txn.is_read_only(),
        })
    }

    /// How a transaction that only reads is repeated. etcd lets a member that lags answer it if all reads allow that.
    pub(crate) fn read_repeat(&self) -> Repeat {
        let lags = |op: &Op| match op {
            Op::Get(request) => request.repeat() == Repeat::Always,
            _ => false,
        };
        if self.then.iter().chain(&self.or_else).all(lags) { Repeat::Always } else { Repeat::Linearizable }
    }

    /// Whether it only asks whether its conditions hold.
    pub(crate) fn is_without_ops(&self) -> bool {
        self.then.is_empty() && self.or_else.is_empty()
    }

    /// Conditions alone, with a read of what the first one compares, whose answer is nobody's. etcd would let a member that
    /// lags answer them without: where there are no reads, all of them allow that (`IsTxnSerializable` in its source).
    pub(crate) fn with_a_read(self) -> Self {
        let keys = self.compares.first().map(|compare| compare.keys().clone());
        self.or_else(keys.map(|keys| GetRequest::new(keys).keys_only().limit(1).into()))
    }

    pub(crate) fn to_wire(&self, namespace: &Namespace) -> etcd_client::Txn {
        let ops = |ops: &[Op]| ops.iter().map(|op| op.to_wire(namespace)).collect::<Vec<_>>();
        let compares: Vec<_> = self.compares.iter().map(|compare| compare.to_wire(namespace)).collect();
        etcd_client::Txn::new().when(compares).and_then(ops(&self.then)).or_else(ops(&self.or_else))
    }
}

/// The outcome of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct TxnResponse {
    revision: i64,
    succeeded: bool,
    responses: Vec<OpResponse>,
}

impl TxnResponse {
    pub(crate) fn from_wire(response: PbTxnResponse, namespace: &Namespace) -> Self {
        Self {
            revision: response.header.map_or(0, |header| header.revision),
            succeeded: response.succeeded,
            responses: response
                .responses
                .into_iter()
                .filter_map(|response| OpResponse::from_wire(response, namespace))
                .collect(),
        }
    }

    /// The same, with the revision that the outermost one knows.
    pub(crate) fn at(self, revision: i64) -> Self {
        Self { revision, ..self }
    }

    /// The same, without the answers.
    pub(crate) fn without_responses(self) -> Self {
        Self { responses: Vec::new(), ..self }
    }

    /// The store's revision after the transaction. 0 in a nested one: only the outermost knows.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Whether the conditions held, so that `then` ran.
    pub fn succeeded(&self) -> bool {
        self.succeeded
    }

    /// The answers of the operations that ran, in their order.
    pub fn responses(&self) -> &[OpResponse] {
        &self.responses
    }

    /// The answers, taken.
    pub fn into_responses(self) -> Vec<OpResponse> {
        self.responses
    }
}
