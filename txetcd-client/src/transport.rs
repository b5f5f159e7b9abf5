//! What carries the requests: a tower service under `etcd-client`.
//!
//! From the top: [`Meter`](meter::Meter) counts, `faults` (tests only) loses and delays, and at the bottom are
//! either [`Endpoints`](endpoints::Endpoints) or the embedded store's service. Everything that leaves a client passes here.

pub(crate) mod endpoints;
#[cfg(feature = "fault-injection")]
pub(crate) mod faults;
pub(crate) mod meter;
mod probe;
mod whole;

use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service};

pub(crate) type Request = http::Request<tonic::body::Body>;
pub(crate) type Response = http::Response<tonic::body::Body>;
pub(crate) type Transport = BoxCloneSyncService<Request, Response, BoxError>;

/// What polling the body of one gives.
pub(crate) type Piece = Option<Result<http_body::Frame<bytes::Bytes>, tonic::Status>>;

/// What may carry requests.
pub(crate) trait Carrier:
    Service<Request, Response = Response, Error = BoxError, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Carrier for S where
    S: Service<Request, Response = Response, Error = BoxError, Future: Send> + Clone + Send + Sync + 'static
{
}
