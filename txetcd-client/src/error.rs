//! The one error type of txetcd.
//!
//! [`Error`] is opaque: programs ask it with `is_*` predicates and show its message. It lives in the lowest
//! room because it crosses all of them; which etcd answer means what is in `error/status.rs`.

pub(crate) mod status;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// A result with txetcd's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what to do about it.
///
/// Cheap to clone. The message names the table, the key or the endpoint where there is one. It never holds a
/// stored value, a password or a token; nor does `Debug`.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: Kind,
    message: Cow<'static, str>,
    perhaps_applied: bool,
    transient: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The kinds of error; each has its predicate on [`Error`].
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Conflict,
    AlreadyExists,
    UniqueViolation,
    ReferenceViolation,
    NotFound,
    Decode,
    SchemaMismatch,
    TooLarge,
    Compacted,
    FutureRevision,
    ReadOnly,
    LockLost,
    Unavailable,
    Timeout,
    CommitUnknown,
    StoreChanged,
    Unauthenticated,
    PermissionDenied,
    InvalidArgument,
}

impl Error {
    /// An error of a kind, with a message for people.
    #[doc(hidden)]
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        let transient = matches!(kind, Kind::Unavailable | Kind::Timeout);
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            perhaps_applied: false,
            transient,
            source: None,
        }))
    }

    /// The same error with another one as its source.
    #[doc(hidden)]
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.change(|inner| inner.source = Some(Arc::new(source)))
    }

    /// The same error for a request that may have been applied all the same.
    pub(crate) fn perhaps_applied(self) -> Self {
        self.change(|inner| inner.perhaps_applied = true)
    }

    /// The same error for a request that changes nothing, or whose outcome was found out.
    #[doc(hidden)]
    #[must_use]
    pub fn settled(self) -> Self {
        self.change(|inner| inner.perhaps_applied = false)
    }

    /// The same error for what will not go away by itself.
    pub(crate) fn lasting(self) -> Self {
        self.change(|inner| inner.transient = false)
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        let Inner { kind, perhaps_applied, transient, .. } = *self.0;
        let mut inner = Inner {
            kind,
            message: self.0.message.clone(),
            perhaps_applied,
            transient,
            source: self.0.source.clone(),
        };
        change(&mut inner);
        Self(Arc::new(inner))
    }

    #[doc(hidden)]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Whether the request that failed may have been applied, or may still be: its outcome is open.
    ///
    /// True only for requests that write and whose answer was lost; such a request must not be sent again as
    /// it is. The errors of a database's transactions are settled already and say false, except where
    /// [`is_commit_unknown`](Self::is_commit_unknown) holds.
    pub fn is_perhaps_applied(&self) -> bool {
        self.0.perhaps_applied || self.0.kind == Kind::CommitUnknown
    }

    /// The transaction lost against others until its deadline or attempt limit; the message names the keys.
    pub fn is_conflict(&self) -> bool {
        self.0.kind == Kind::Conflict
    }

    /// An `insert` met a row that is there already.
    pub fn is_already_exists(&self) -> bool {
        self.0.kind == Kind::AlreadyExists
    }

    /// A row refers to one that is not there, or one that is referred to was to be deleted.
    pub fn is_reference_violation(&self) -> bool {
        self.0.kind == Kind::ReferenceViolation
    }

    /// Another row has this value in a unique index.
    pub fn is_unique_violation(&self) -> bool {
        self.0.kind == Kind::UniqueViolation
    }

    /// What was asked for is not there: a lease that has expired, for instance. (A row that is not there is `None`, not an error.)
    pub fn is_not_found(&self) -> bool {
        self.0.kind == Kind::NotFound
    }

    /// Stored bytes are not a key or value of the table's type.
    pub fn is_decode(&self) -> bool {
        self.0.kind == Kind::Decode
    }

    /// The table is declared differently from what the catalogue has.
    pub fn is_schema_mismatch(&self) -> bool {
        self.0.kind == Kind::SchemaMismatch
    }

    /// The request has too many operations or bytes for etcd.
    pub fn is_too_large(&self) -> bool {
        self.0.kind == Kind::TooLarge
    }

    /// The revision asked for is no longer in the store's history.
    pub fn is_compacted(&self) -> bool {
        self.0.kind == Kind::Compacted
    }

    /// The revision asked for is not there yet.
    pub fn is_future_revision(&self) -> bool {
        self.0.kind == Kind::FutureRevision
    }

    /// A write on a database that was opened read-only.
    pub fn is_read_only(&self) -> bool {
        self.0.kind == Kind::ReadOnly
    }

    /// The lock that guards the commit is no longer held; or the session is lost on which a lock, or the wait
    /// for one, hangs.
    pub fn is_lock_lost(&self) -> bool {
        self.0.kind == Kind::LockLost
    }

    /// The store could not be reached, or had no leader or no space.
    pub fn is_unavailable(&self) -> bool {
        self.0.kind == Kind::Unavailable
    }

    /// The store did not answer within the time given.
    pub fn is_timeout(&self) -> bool {
        self.0.kind == Kind::Timeout
    }

    /// The store could not be asked in time whether the commit was applied: it may have been, or not.
    pub fn is_commit_unknown(&self) -> bool {
        self.0.kind == Kind::CommitUnknown
    }

    /// The endpoints answer for another cluster than the one that was connected to, or its revision went back,
    /// because it was restored from a backup. What was read before is worthless; the client gives no other answer any
    /// more.
    pub fn is_store_changed(&self) -> bool {
        self.0.kind == Kind::StoreChanged
    }

    /// User or password are wrong or missing.
    pub fn is_unauthenticated(&self) -> bool {
        self.0.kind == Kind::Unauthenticated
    }

    /// The user may not do this.
    pub fn is_permission_denied(&self) -> bool {
        self.0.kind == Kind::PermissionDenied
    }

    /// An argument, option or URL is wrong; the message says which and what would be right.
    pub fn is_invalid_argument(&self) -> bool {
        self.0.kind == Kind::InvalidArgument
    }

    /// Whether the same request may succeed a little later.
    #[doc(hidden)]
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }
}

/// The server answered something else than it was asked.
#[doc(hidden)]
pub fn unexpected_answer() -> Error {
    Error::new(Kind::Unavailable, "the server's answer does not fit the request: is it an etcd v3 server?")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What `main` prints of an error that it returns.
        write!(f, "{:?}: {}", self.0.kind, self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
