//! What is refused before anything is read: malformed, too many or too large requests.

use prost::Message;
use tonic::Status;

use crate::failure::Refusal;
use crate::kv::overlap;
use crate::proto::{DeleteRangeRequest, PutRequest, RangeRequest, Request, RequestOp, TxnRequest};

/// etcd's `--max-txn-ops`: the longest of a transaction's lists, summed along a path of nesting.
const MAX_OPERATIONS: usize = 128;

/// etcd's `--max-request-bytes`: 1.5 MiB for a write as etcd would propose it to the cluster.
const MAX_PROPOSAL: usize = 1536 * 1024;

/// What etcd wraps around a write when it proposes it: its id, a tag and a length.
const PROPOSAL_OVERHEAD: usize = 18;

/// The largest message that etcd receives: 512 KiB more than the largest proposal.
pub(crate) const MAX_MESSAGE: usize = MAX_PROPOSAL + 512 * 1024;

/// `SortOrder` and `SortTarget` have three and five values.
const SORT_ORDERS: std::ops::RangeInclusive<i32> = 0..=2;
const SORT_TARGETS: std::ops::RangeInclusive<i32> = 0..=4;

pub(crate) fn range(request: &RangeRequest) -> Result<(), Refusal> {
    needs_key(&request.key)?;
    if SORT_ORDERS.contains(&request.sort_order) && SORT_TARGETS.contains(&request.sort_target) {
        Ok(())
    } else {
        Err(Refusal::InvalidSortOption)
    }
}

pub(crate) fn put(request: &PutRequest) -> Result<(), Refusal> {
    needs_key(&request.key)?;
    if request.ignore_value && !request.value.is_empty() {
        return Err(Refusal::ValueProvided);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(Refusal::LeaseProvided);
    }
    Ok(())
}

pub(crate) fn delete(request: &DeleteRangeRequest) -> Result<(), Refusal> {
    needs_key(&request.key)
}

pub(crate) fn txn(request: &TxnRequest) -> Result<(), Refusal> {
    operations(request, MAX_OPERATIONS)?;
    overlap::check(&request.success)?;
    overlap::check(&request.failure)
}

/// Refuses a message that etcd would not have received, with the code and words of its gRPC library.
pub(crate) fn message(request: &impl Message) -> Result<(), Status> {
    let size = request.encoded_len();
    if size <= MAX_MESSAGE {
        return Ok(());
    }
    Err(Status::resource_exhausted(format!(
        "grpc: received message larger than max ({size} vs. {MAX_MESSAGE})"
    )))
}

/// Refuses a write that etcd would not have proposed.
pub(crate) fn proposal(request: &impl Message) -> Result<(), Refusal> {
    if request.encoded_len() + PROPOSAL_OVERHEAD <= MAX_PROPOSAL {
        Ok(())
    } else {
        Err(Refusal::RequestTooLarge)
    }
}

fn operations(request: &TxnRequest, left: usize) -> Result<(), Refusal> {
    let longest = request.compare.len().max(request.success.len()).max(request.failure.len());
    let Some(left) = left.checked_sub(longest) else { return Err(Refusal::TooManyOperations) };
    for compare in &request.compare {
        needs_key(&compare.key)?;
    }
    for operation in request.success.iter().chain(&request.failure) {
        self::operation(operation, left)?;
    }
    Ok(())
}

fn operation(operation: &RequestOp, left: usize) -> Result<(), Refusal> {
    match &operation.request {
        Some(Request::RequestRange(request)) => range(request),
        Some(Request::RequestPut(request)) => put(request),
        Some(Request::RequestDeleteRange(request)) => delete(request),
        Some(Request::RequestTxn(request)) => operations(request, left),
        // etcd says it so.
        None => Err(Refusal::KeyNotFound),
    }
}

fn needs_key(key: &[u8]) -> Result<(), Refusal> {
    if key.is_empty() { Err(Refusal::EmptyKey) } else { Ok(()) }
}
