//! Which of etcd's answers means what.
//!
//! Codes and messages are those of etcd's `api/v3rpc/rpctypes/error.go`. Two questions are answered for each:
//! the [`Kind`], and whether a write that got this answer may have been applied. It surely was not if etcd
//! refused it before proposing it, or if it never left this machine; after everything else it may have been,
//! *or may still be*.

use std::error::Error as StdError;

use tonic::{Code, Status};

use super::{Error, Kind};

/// The typed form of what `etcd-client` reports for a request to `endpoint`.
pub(crate) fn typed(error: etcd_client::Error, endpoint: &str) -> Error {
    use etcd_client::Error as E;
    match error {
        E::GRpcStatus(status) => from_status(&status, endpoint),
        E::TransportError(error) => unreachable(endpoint, &error, !never_sent(&error)),
        E::InvalidArgs(message) => Error::new(Kind::InvalidArgument, message),
        E::InvalidUri(error) => Error::new(Kind::InvalidArgument, format!("not an endpoint: {error}")),
        E::LeaseKeepAliveError(message) if message.contains("not found") => {
            Error::new(Kind::NotFound, format!("{endpoint}: {message}"))
        }
        other => Error::from_status(Kind::Unavailable, format!("{endpoint}: {other}"), true),
    }
}

fn from_status(status: &Status, endpoint: &str) -> Error {
    // The channel's own errors arrive as a status with the error as source; what failed is in the chain.
    if let Some(error) = status.source()
        && never_sent(error)
    {
        return unreachable(endpoint, error, false);
    }
    let message = status.message();
    let says = |text: &str| message.contains(text);
    let plain = message.strip_prefix("etcdserver: ").unwrap_or(message);
    let (kind, perhaps_applied, text) = match status.code() {
        _ if says("authentication failed") => {
            (Kind::Unauthenticated, false, format!("{endpoint} does not accept this user and password"))
        }
        Code::InvalidArgument if says("user name is empty") => (
            Kind::Unauthenticated,
            false,
            format!("{endpoint} wants a user and password: give them with `builder().user(name, password)`"),
        ),
        Code::Unauthenticated => (Kind::Unauthenticated, false, format!("{endpoint}: {plain}")),
        Code::FailedPrecondition if says("authentication is not enabled") => (
            Kind::InvalidArgument,
            false,
            format!(
                "a user and password were given, but authentication is not enabled at {endpoint}: \
                 leave them out, or enable it"
            ),
        ),
        Code::PermissionDenied => {
            (Kind::PermissionDenied, false, format!("{endpoint}: the user may not do this ({plain})"))
        }
        Code::InvalidArgument if says("request is too large") || says("too many operations") => (
            Kind::TooLarge,
            false,
            format!(
                "{endpoint}: {plain}: make the transaction smaller, or raise the server's --max-txn-ops \
                 or --max-request-bytes"
            ),
        ),
        Code::InvalidArgument | Code::FailedPrecondition | Code::Unimplemented | Code::AlreadyExists => {
            (Kind::InvalidArgument, false, format!("{endpoint}: {plain}"))
        }
        Code::NotFound => (Kind::NotFound, false, format!("{endpoint}: {plain}")),
        Code::OutOfRange if says("compacted") => {
            (Kind::Compacted, false, format!("{endpoint}: the revision has been compacted"))
        }
        Code::OutOfRange if says("future revision") => {
            (Kind::FutureRevision, false, format!("{endpoint}: the revision is in the future"))
        }
        Code::ResourceExhausted if says("space exceeded") => (
            Kind::Unavailable,
            false,
            format!(
                "{endpoint}: the store has reached its space quota: compact and defragment it, or raise \
                 --quota-backend-bytes"
            ),
        ),
        Code::ResourceExhausted if says("too many requests") => {
            (Kind::Unavailable, false, format!("{endpoint}: {plain}"))
        }
        // The server could not take the message: refused on arrival.
        Code::ResourceExhausted => (Kind::TooLarge, false, format!("{endpoint}: {plain}")),
        Code::DeadlineExceeded => (Kind::Timeout, true, format!("{endpoint} did not answer in time")),
        _ => (Kind::Unavailable, true, format!("{endpoint}: {plain}")),
    };
    Error::from_status(kind, text, perhaps_applied)
}

fn unreachable(endpoint: &str, error: &(dyn StdError + 'static), perhaps_applied: bool) -> Error {
    let cause = chain(error).last().map_or_else(String::new, ToString::to_string);
    Error::from_status(Kind::Unavailable, format!("cannot reach {endpoint}: {cause}"), perhaps_applied)
}

/// Whether the connection could not even be made, so that nothing was sent.
fn never_sent(error: &(dyn StdError + 'static)) -> bool {
    chain(error).any(|cause| cause.is::<tonic::ConnectError>())
}

fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: Code, message: &str) -> Error {
        typed(etcd_client::Error::GRpcStatus(Status::new(code, message)), "http://h:1")
    }

    #[test]
    fn etcds_answers_have_kinds_and_outcomes() {
        use Kind::*;
        for (code, message, kind, perhaps) in [
            (Code::Unavailable, "etcdserver: leader changed", Unavailable, true),
            (Code::Unavailable, "etcdserver: request timed out", Unavailable, true),
            (Code::DeadlineExceeded, "context deadline exceeded", Timeout, true),
            (Code::Cancelled, "context canceled", Unavailable, true),
            (Code::Unknown, "h2 protocol error", Unavailable, true),
            (Code::InvalidArgument, "etcdserver: request is too large", TooLarge, false),
            (Code::InvalidArgument, "etcdserver: too many operations in txn request", TooLarge, false),
            (Code::InvalidArgument, "etcdserver: duplicate key given in txn request", InvalidArgument, false),
            (
                Code::InvalidArgument,
                "etcdserver: authentication failed, invalid user ID or password",
                Unauthenticated,
                false,
            ),
            (Code::InvalidArgument, "etcdserver: user name is empty", Unauthenticated, false),
            (Code::Unauthenticated, "etcdserver: invalid auth token", Unauthenticated, false),
            (Code::PermissionDenied, "etcdserver: permission denied", PermissionDenied, false),
            (Code::NotFound, "etcdserver: requested lease not found", NotFound, false),
            (Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted", Compacted, false),
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision is a future revision",
                FutureRevision,
                false,
            ),
            (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded", Unavailable, false),
            (Code::ResourceExhausted, "etcdserver: too many requests", Unavailable, false),
            (Code::ResourceExhausted, "grpc: received message larger than max (2 vs. 1)", TooLarge, false),
        ] {
            let error = of(code, message);
            assert_eq!((error.kind(), error.is_perhaps_applied()), (kind, perhaps), "{message}");
            assert!(error.to_string().contains("http://h:1"), "{error}");
        }
    }
}
