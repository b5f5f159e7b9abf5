//! [`Op`]: one operation of a transaction.

use etcd_client::TxnOp;
use etcd_client::proto::{PbResponseOp, PbTxnOpResponse};

use crate::key_set::KeySet;
use crate::kv::{DeleteRequest, DeleteResponse, GetRequest, GetResponse, PutRequest, PutResponse};
use crate::namespace::Namespace;
use crate::txn::{Txn, TxnResponse};

/// An operation in a branch of a [`Txn`]. For options, make it from a request:
/// `Op::from(GetRequest::new("k").keys_only())`.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Reads keys.
    Get(GetRequest),
    /// Writes a key.
    Put(PutRequest),
    /// Deletes keys.
    Delete(DeleteRequest),
    /// A transaction inside the transaction.
    Txn(Txn),
}

impl Op {
    /// Reads keys.
    pub fn get(keys: impl Into<KeySet>) -> Self {
        GetRequest::new(keys).into()
    }

    /// Puts a value at a key.
    pub fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        PutRequest::new(key, value).into()
    }

    /// Deletes keys.
    pub fn delete(keys: impl Into<KeySet>) -> Self {
        DeleteRequest::new(keys).into()
    }

    /// A nested transaction. Its conditions are looked at before any operation of the whole request runs.
    pub fn txn(txn: Txn) -> Self {
        Self::Txn(txn)
    }

    pub(crate) fn to_wire(&self, namespace: &Namespace) -> TxnOp {
        match self {
            Self::Get(request) => {
                let (key, options) = request.to_wire(namespace);
                TxnOp::get(key, Some(options))
            }
            Self::Put(request) => {
                let (key, value, options) = request.to_wire(namespace);
                TxnOp::put(key, value, Some(options))
            }
            Self::Delete(request) => {
                let (key, options) = request.to_wire(namespace);
                TxnOp::delete(key, Some(options))
            }
            Self::Txn(txn) => TxnOp::txn(txn.to_wire(namespace)),
        }
    }
}

impl From<GetRequest> for Op {
    fn from(request: GetRequest) -> Self {
        Self::Get(request)
    }
}

impl From<PutRequest> for Op {
    fn from(request: PutRequest) -> Self {
        Self::Put(request)
    }
}

impl From<DeleteRequest> for Op {
    fn from(request: DeleteRequest) -> Self {
        Self::Delete(request)
    }
}

impl From<Txn> for Op {
    fn from(txn: Txn) -> Self {
        Self::Txn(txn)
    }
}

/// What an operation of a transaction answered.
#[derive(Debug, Clone, PartialEq)]
pub enum OpResponse {
    /// To [`Op::Get`].
    Get(GetResponse),
    /// To [`Op::Put`].
    Put(PutResponse),
    /// To [`Op::Delete`].
    Delete(DeleteResponse),
    /// To [`Op::Txn`].
    Txn(TxnResponse),
}

impl OpResponse {
    /// The answer to a get.
    pub fn into_get(self) -> Option<GetResponse> {
        if let Self::Get(response) = self { Some(response) } else { None }
    }

    /// The answer to a nested transaction.
    pub fn into_txn(self) -> Option<TxnResponse> {
        if let Self::Txn(response) = self { Some(response) } else { None }
    }

    /// `None` for an answer that this library does not know.
    pub(crate) fn from_wire(response: PbResponseOp, namespace: &Namespace) -> Option<Self> {
        Some(match response.response? {
            PbTxnOpResponse::ResponseRange(r) => Self::Get(GetResponse::from_wire(r, namespace)),
            PbTxnOpResponse::ResponsePut(r) => Self::Put(PutResponse::from_wire(r, namespace)),
            PbTxnOpResponse::ResponseDeleteRange(r) => Self::Delete(DeleteResponse::from_wire(r, namespace)),
            PbTxnOpResponse::ResponseTxn(r) => Self::Txn(TxnResponse::from_wire(r, namespace)),
        })
    }
}
