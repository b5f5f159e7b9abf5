//! What carries the requests: a tower service under `etcd-client`.
//!
//! From the top: [`Meter`](meter::Meter) counts, `faults` (tests only) loses and delays, and at the bottom are
//! either [`Endpoints`](endpoints::Endpoints) or the embedded store's service. Everything that leaves a client passes here.

pub(crate) mod endpoints;
#[cfg(feature = "fault-injection")]
pub(crate) mod faults;
pub(crate) mod meter;

use tower::BoxError;
use tower::util::BoxCloneSyncService;

pub(crate) type Request = http::Request<tonic::body::Body>;
pub(crate) type Response = http::Response<tonic::body::Body>;
pub(crate) type Transport = BoxCloneSyncService<Request, Response, BoxError>;
