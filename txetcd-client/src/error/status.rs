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
        E::GRpcStatus(status) => from_status(status, endpoint),
        E::TransportError(error) => broken(endpoint, &error).with_source(error),
        E::InvalidArgs(message) => Error::new(Kind::InvalidArgument, message),
        E::InvalidUri(error) => {
            Error::new(Kind::InvalidArgument, format!("not an endpoint: {error}")).with_source(error)
        }
        E::LeaseKeepAliveError(message) if message.contains("not found") => {
            Error::new(Kind::NotFound, format!("{endpoint}: {message}"))
        }
        other => {
            Error::new(Kind::Unavailable, format!("{endpoint}: {other}")).perhaps_applied().with_source(other)
        }
    }
}

/// Whether the user's token has to be got anew: it has expired, or users or roles have changed since.
pub(crate) fn is_stale_token(error: &etcd_client::Error) -> bool {
    let etcd_client::Error::GRpcStatus(status) = error else { return false };
    status.source().is_none()
        && (status.code() == Code::Unauthenticated || status.message().contains(OLD_AUTH_REVISION))
}

const OLD_AUTH_REVISION: &str = "revision of auth store is old";

fn from_status(status: Status, endpoint: &str) -> Error {
    // A status with a source was made on this side, of a connection that broke: its code says nothing.
    let error = match status.source() {
        Some(error) => broken(endpoint, error),
        None => answered(&status, endpoint),
    };
    error.with_source(status)
}

/// What etcd answered.
fn answered(status: &Status, endpoint: &str) -> Error {
    let message = status.message();
    let says = |text: &str| message.contains(text);
    let plain = message.strip_prefix("etcdserver: ").unwrap_or(message);
    let at_endpoint = || format!("{endpoint}: {plain}");
    match status.code() {
        _ if says("authentication failed") => {
            Error::new(Kind::Unauthenticated, format!("{endpoint} does not accept this user and password"))
        }
        Code::InvalidArgument if says("user name is empty") => Error::new(
            Kind::Unauthenticated,
            format!("{endpoint} wants a user and password: give them with `builder().user(name, password)`"),
        ),
        Code::Unauthenticated => Error::new(Kind::Unauthenticated, at_endpoint()),
        Code::FailedPrecondition if says("authentication is not enabled") => Error::new(
            Kind::InvalidArgument,
            format!(
                "a user and password were given, but authentication is not enabled at {endpoint}: \
                 leave them out, or enable it"
            ),
        ),
        _ if says(OLD_AUTH_REVISION) => Error::new(Kind::Unauthenticated, at_endpoint()),
        Code::PermissionDenied => {
            Error::new(Kind::PermissionDenied, format!("{endpoint}: the user may not do this ({plain})"))
        }
        Code::InvalidArgument if says("request is too large") || says("too many operations") => Error::new(
            Kind::TooLarge,
            format!(
                "{endpoint}: {plain}: make the transaction smaller, or raise the server's --max-txn-ops \
                 or --max-request-bytes"
            ),
        ),
        Code::InvalidArgument if says("key not found") => Error::new(Kind::NotFound, at_endpoint()),
        // Another member can do it.
        Code::FailedPrecondition | Code::Unavailable if says("not leader") || says("learner") => {
            Error::new(Kind::Unavailable, at_endpoint())
        }
        // The embedded store after its storage has failed.
        Code::FailedPrecondition if says("txetcd-embedded: ") => {
            Error::new(Kind::Unavailable, at_endpoint()).lasting()
        }
        Code::InvalidArgument | Code::FailedPrecondition | Code::Unimplemented | Code::AlreadyExists => {
            Error::new(Kind::InvalidArgument, at_endpoint())
        }
        Code::NotFound => Error::new(Kind::NotFound, at_endpoint()),
        Code::OutOfRange if says("compacted") => {
            Error::new(Kind::Compacted, format!("{endpoint}: the revision has been compacted"))
        }
        Code::OutOfRange if says("future revision") => {
            Error::new(Kind::FutureRevision, format!("{endpoint}: the revision is in the future"))
        }
        Code::OutOfRange if says("lease TTL") => Error::new(Kind::InvalidArgument, at_endpoint()),
        Code::ResourceExhausted if says("space exceeded") => Error::new(
            Kind::Unavailable,
            format!(
                "{endpoint}: the store has reached its space quota: compact and defragment it, or raise \
                 --quota-backend-bytes"
            ),
        )
        .lasting(),
        Code::ResourceExhausted if says("too many requests") => Error::new(Kind::Unavailable, at_endpoint()),
        // The server's gRPC library refused the message on arrival.
        Code::ResourceExhausted if says("message larger than max") => {
            Error::new(Kind::TooLarge, at_endpoint())
        }
        Code::DeadlineExceeded => {
            Error::new(Kind::Timeout, format!("{endpoint} did not answer in time")).perhaps_applied()
        }
        _ => Error::new(Kind::Unavailable, at_endpoint()).perhaps_applied(),
    }
}

/// Why etcd ended a watch.
pub(crate) fn watch_cancelled(reason: &str, compact_revision: i64, endpoint: &str) -> Error {
    let says = |text: &str| reason.contains(text);
    if compact_revision != 0 || says("compacted") {
        return Error::new(
            Kind::Compacted,
            format!(
                "{endpoint}: the watch needs history that has been compacted up to revision {compact_revision}: \
                 read the keys anew, and watch from the revision after that of the answer"
            ),
        );
    }
    if says("permission denied") {
        return Error::new(Kind::PermissionDenied, format!("{endpoint}: the user may not watch these keys"));
    }
    if says("range is empty") {
        return Error::new(Kind::InvalidArgument, "there can be no key in the range that was to be watched");
    }
    Error::new(Kind::Unavailable, format!("{endpoint} ended the watch: {reason}"))
}

/// The connection could not be made, or broke.
fn broken(endpoint: &str, error: &(dyn StdError + 'static)) -> Error {
    let cause = chain(error).last().map_or_else(String::new, ToString::to_string);
    if never_sent(error) {
        return Error::new(Kind::Unavailable, format!("cannot reach {endpoint}: {cause}"));
    }
    Error::new(Kind::Unavailable, format!("the connection to {endpoint} broke: {cause}")).perhaps_applied()
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
            (Code::InvalidArgument, "etcdserver: revision of auth store is old", Unauthenticated, false),
            (Code::Unavailable, "etcdserver: request is ignored, node is stopping", Unavailable, true),
            (Code::FailedPrecondition, "etcdserver: lease already exists", InvalidArgument, false),
            (Code::ResourceExhausted, "etcdserver: throttle: too many requests", Unavailable, false),
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
            (Code::ResourceExhausted, "h2 protocol error", Unavailable, true),
            (Code::OutOfRange, "etcdserver: too large lease TTL", InvalidArgument, false),
            (Code::OutOfRange, "decoded message length too large", Unavailable, true),
            (Code::FailedPrecondition, "etcdserver: not leader", Unavailable, false),
            (Code::Unavailable, "etcdserver: rpc not supported for learner", Unavailable, false),
            (Code::InvalidArgument, "etcdserver: key not found", NotFound, false),
            (Code::FailedPrecondition, "txetcd-embedded: the disk is full", Unavailable, false),
        ] {
            let error = of(code, message);
            assert_eq!((error.kind(), error.is_perhaps_applied()), (kind, perhaps), "{message}");
            assert!(error.to_string().contains("http://h:1"), "{error}");
            assert!(error.source().is_some());
        }
    }

    #[test]
    fn the_end_of_a_watch_has_a_kind() {
        use Kind::*;
        for (reason, compact_revision, kind) in [
            ("", 7, Compacted),
            ("etcdserver: mvcc: required revision has been compacted", 0, Compacted),
            ("rpc error: code = PermissionDenied desc = etcdserver: permission denied", 0, PermissionDenied),
            ("mvcc: watcher range is empty", 0, InvalidArgument),
            ("etcdserver: no leader", 0, Unavailable),
            ("", 0, Unavailable),
        ] {
            let error = watch_cancelled(reason, compact_revision, "http://h:1");
            assert_eq!((error.kind(), error.is_transient()), (kind, kind == Unavailable), "{reason}");
        }
        assert!(watch_cancelled("", 7, "http://h:1").to_string().contains('7'));
    }

    #[test]
    fn what_does_not_go_away_by_itself_is_not_repeated() {
        assert!(of(Code::Unavailable, "etcdserver: no leader").is_transient());
        assert!(!of(Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded").is_transient());
        assert!(!of(Code::PermissionDenied, "etcdserver: permission denied").is_transient());
    }

    #[test]
    fn a_stream_that_the_server_reset_leaves_the_outcome_open_whatever_its_code() {
        #[derive(Debug)]
        struct Reset;
        impl std::fmt::Display for Reset {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("enhance your calm")
            }
        }
        impl StdError for Reset {}
        let mut status = Status::new(Code::ResourceExhausted, "h2 protocol error");
        status.set_source(std::sync::Arc::new(Reset));
        let error = typed(etcd_client::Error::GRpcStatus(status), "http://h:1");
        assert_eq!((error.kind(), error.is_perhaps_applied()), (Kind::Unavailable, true));
    }
}
