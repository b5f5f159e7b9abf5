//! Txn. Three steps, as in etcd: every compare of the tree is evaluated on the state before the request,
//! which fixes the branches; then everything that could be refused is checked, on the same state; only
//! then is anything changed, in order, each operation seeing those before it.

use super::{compare, delete, put, range};
use crate::failure::{Failure, Refusal};
use crate::proto::{
    DeleteRangeRequest, PutRequest, RangeRequest, Request, RequestOp, Response, ResponseHeader, ResponseOp,
    TxnRequest, TxnResponse, header,
};
use crate::storage::batch::Batch;
use crate::storage::tables::Tables;

/// Whether a transaction only reads, whichever way its compares go. As in etcd, one that nests another
/// does not count as such.
pub(crate) fn is_read_only(request: &TxnRequest) -> bool {
    let reads = |operation: &RequestOp| matches!(operation.request, Some(Request::RequestRange(_)));
    request.success.iter().chain(&request.failure).all(reads)
}

/// Answers a transaction that only reads.
pub(crate) fn read(tables: &impl Tables, request: &TxnRequest) -> Result<TxnResponse, Failure> {
    let branch = Branch::choose(tables, request)?;
    branch.check(tables)?;
    let mut responses = Vec::with_capacity(branch.steps.len());
    for step in &branch.steps {
        if let Step::Range(request) = step {
            responses.push(response(Response::ResponseRange(range::range(tables, request)?)));
        }
    }
    Ok(TxnResponse { header: header(tables.revision()), succeeded: branch.succeeded, responses })
}

/// Carries out a transaction.
pub(crate) fn apply(batch: &mut Batch<'_>, request: &TxnRequest) -> Result<TxnResponse, Failure> {
    let branch = Branch::choose(batch, request)?;
    branch.check(batch)?;
    let mut answer = branch.apply(batch)?;
    answer.header = header(batch.revision());
    Ok(answer)
}

/// The branch that a transaction takes.
struct Branch<'r> {
    succeeded: bool,
    steps: Vec<Step<'r>>,
}

enum Step<'r> {
    Range(&'r RangeRequest),
    Put(&'r PutRequest),
    Delete(&'r DeleteRangeRequest),
    Txn(Branch<'r>),
}

impl<'r> Branch<'r> {
    fn choose(tables: &impl Tables, request: &'r TxnRequest) -> Result<Self, Failure> {
        let succeeded = compare::all_hold(tables, &request.compare)?;
        let operations = if succeeded { &request.success } else { &request.failure };
        let mut steps = Vec::with_capacity(operations.len());
        for operation in operations {
            steps.push(match &operation.request {
                Some(Request::RequestRange(request)) => Step::Range(request),
                Some(Request::RequestPut(request)) => Step::Put(request),
                Some(Request::RequestDeleteRange(request)) => Step::Delete(request),
                Some(Request::RequestTxn(request)) => Step::Txn(Self::choose(tables, request)?),
                None => return Err(Refusal::KeyNotFound.into()),
            });
        }
        Ok(Self { succeeded, steps })
    }

    fn check(&self, tables: &impl Tables) -> Result<(), Failure> {
        for step in &self.steps {
            match step {
                Step::Range(request) => check_revision(tables, request.revision)?,
                Step::Put(request) => put::check(tables, request)?,
                Step::Delete(_) => {}
                Step::Txn(branch) => branch.check(tables)?,
            }
        }
        Ok(())
    }

    /// The response's own header stays at revision 0, as etcd leaves it in nested transactions.
    fn apply(&self, batch: &mut Batch<'_>) -> Result<TxnResponse, Failure> {
        let mut responses = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            responses.push(response(match step {
                Step::Range(request) => Response::ResponseRange(range::range(batch, request)?),
                Step::Put(request) => Response::ResponsePut(put::apply(batch, request)?),
                Step::Delete(request) => Response::ResponseDeleteRange(delete::apply(batch, request)?),
                Step::Txn(branch) => Response::ResponseTxn(branch.apply(batch)?),
            }));
        }
        let header = Some(ResponseHeader::default());
        Ok(TxnResponse { header, succeeded: self.succeeded, responses })
    }
}

/// Unlike a range of its own, one within a transaction may not ask for a negative revision.
fn check_revision(tables: &impl Tables, revision: i64) -> Result<(), Refusal> {
    if revision > tables.revision() {
        Err(Refusal::FutureRevision)
    } else if revision != 0 && revision < tables.compacted() {
        Err(Refusal::Compacted)
    } else {
        Ok(())
    }
}

fn response(response: Response) -> ResponseOp {
    ResponseOp { response: Some(response) }
}
