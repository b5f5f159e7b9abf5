//! From symbolic operations to the requests that they mean on one server.

use etcd_client::proto::{
    PbCompare, PbDeleteRequest, PbPutRequest, PbRangeRequest, PbTargetUnion, PbTxnOpRequest, PbTxnRequest,
    PbTxnRequestOp,
};

use crate::operation::{Compare, Delete, Operand, Put, Range, Revision, Span, Step, Txn};
use crate::side::{PREFIX, PREFIX_END, Side};

impl Side {
    fn key(&self, key: u8) -> Vec<u8> {
        [PREFIX, &[b'a' + key]].concat()
    }

    pub(crate) fn span(&self, span: Span) -> (Vec<u8>, Vec<u8>) {
        match span {
            Span::One(key) => (self.key(key), Vec::new()),
            Span::Between(start, end) => (self.key(start), self.key(end)),
            Span::From(key) => (self.key(key), vec![0]),
            Span::All => (PREFIX.to_vec(), PREFIX_END.to_vec()),
        }
    }

    pub(crate) fn lease(&self, lease: u8) -> i64 {
        self.leases + i64::from(lease)
    }

    fn lease_or_none(&self, lease: Option<u8>) -> i64 {
        lease.map_or(0, |lease| self.lease(lease))
    }

    pub(crate) fn revision_of(&self, revision: Revision, now: i64) -> i64 {
        match revision {
            Revision::Negative => -1,
            Revision::Zero => 0,
            // Not before the sequence, where the servers' pasts differ.
            Revision::Back(steps) => self.base + (now - i64::from(steps)).max(0),
            Revision::Ahead(steps) => self.base + now + i64::from(steps),
        }
    }

    pub(crate) fn range(&self, range: &Range, now: i64, old: bool) -> PbRangeRequest {
        let (key, range_end) = self.span(range.span);
        let [min_mod, max_mod, min_create, max_create] =
            range.filters.map(|revision| self.revision_of(revision, now));
        PbRangeRequest {
            key,
            range_end,
            limit: range.limit,
            revision: self.revision_of(range.revision, now),
            // Up to 3.5 an order that does not exist is let through, and such a target crashes the server.
            sort_order: if old { range.order.min(2) } else { range.order },
            sort_target: if old { range.target.min(4) } else { range.target },
            serializable: range.serializable,
            keys_only: range.keys_only,
            count_only: range.count_only,
            min_mod_revision: min_mod,
            max_mod_revision: max_mod,
            min_create_revision: min_create,
            max_create_revision: max_create,
        }
    }

    pub(crate) fn put(&self, put: &Put) -> PbPutRequest {
        PbPutRequest {
            key: self.key(put.key),
            value: put.value.clone(),
            lease: self.lease_or_none(put.lease),
            prev_kv: put.prev_kv,
            ignore_value: put.ignore_value,
            ignore_lease: put.ignore_lease,
        }
    }

    pub(crate) fn delete(&self, delete: &Delete) -> PbDeleteRequest {
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

    pub(crate) fn txn(&self, txn: &Txn, now: i64, old: bool) -> PbTxnRequest {
        let steps = |steps: &[Step]| -> Vec<PbTxnRequestOp> {
            let request = |step: &Step| match step {
                Step::Range(range) => {
                    let mut request = self.range(range, now, old);
                    request.keys_only &= !old;
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
