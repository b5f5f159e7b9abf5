//! Why a request was not carried out: refused by a rule of etcd, or failed in the storage underneath.

use tonic::{Code, Status};

use crate::storage::error::StorageError;

/// A rule of etcd that a request broke. Codes and messages are etcd's own
/// (`api/v3rpc/rpctypes/error.go`). A refused request has had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    EmptyKey,
    KeyNotFound,
    ValueProvided,
    LeaseProvided,
    TooManyOperations,
    DuplicateKey,
    InvalidSortOption,
    Compacted,
    FutureRevision,
    LeaseNotFound,
    LeaseExists,
    LeaseTtlTooLarge,
    RequestTooLarge,
    MemberNotFound,
    MemberNotLearner,
    NotEnoughMembers,
    BadTransferee,
}

impl Refusal {
    pub(crate) fn code(self) -> Code {
        match self {
            Self::EmptyKey
            | Self::KeyNotFound
            | Self::ValueProvided
            | Self::LeaseProvided
            | Self::TooManyOperations
            | Self::DuplicateKey
            | Self::InvalidSortOption
            | Self::RequestTooLarge => Code::InvalidArgument,
            Self::Compacted | Self::FutureRevision | Self::LeaseTtlTooLarge => Code::OutOfRange,
            Self::LeaseNotFound | Self::MemberNotFound => Code::NotFound,
            Self::LeaseExists | Self::MemberNotLearner | Self::NotEnoughMembers | Self::BadTransferee => {
                Code::FailedPrecondition
            }
        }
    }

    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::EmptyKey => "etcdserver: key is not provided",
            Self::KeyNotFound => "etcdserver: key not found",
            Self::ValueProvided => "etcdserver: value is provided",
            Self::LeaseProvided => "etcdserver: lease is provided",
            Self::TooManyOperations => "etcdserver: too many operations in txn request",
            Self::DuplicateKey => "etcdserver: duplicate key given in txn request",
            Self::InvalidSortOption => "etcdserver: invalid sort option",
            Self::Compacted => "etcdserver: mvcc: required revision has been compacted",
            Self::FutureRevision => "etcdserver: mvcc: required revision is a future revision",
            Self::LeaseNotFound => "etcdserver: requested lease not found",
            Self::LeaseExists => "etcdserver: lease already exists",
            Self::LeaseTtlTooLarge => "etcdserver: too large lease TTL",
            Self::RequestTooLarge => "etcdserver: request is too large",
            Self::MemberNotFound => "etcdserver: member not found",
            Self::MemberNotLearner => "etcdserver: can only promote a learner member",
            Self::NotEnoughMembers => "etcdserver: re-configuration failed due to not enough started members",
            Self::BadTransferee => "etcdserver: bad leader transferee",
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Status::new(refusal.code(), refusal.message())
    }
}

/// What stops a request.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    /// The storage could not be read or written. While writing, this ends the whole batch.
    Storage(StorageError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<redb::StorageError> for Failure {
    fn from(error: redb::StorageError) -> Self {
        Self::Storage(error.into())
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Storage(error) => unreadable(&error),
        }
    }
}

/// The answer to a request that could not read what is stored.
pub(crate) fn unreadable(error: &StorageError) -> Status {
    Status::internal(format!("txetcd-embedded: the store could not be read: {error}"))
}
