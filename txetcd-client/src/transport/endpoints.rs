//! [`Endpoints`]: the members of a cluster, one of which is used until it fails.
//!
//! Staying with one member keeps reads at a fixed revision on a member that has that revision. A failure to
//! answer moves on to the next one; what failed is not sent again here, because only the caller knows whether
//! that is safe.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tonic::transport::Channel;
use tower::{BoxError, Service, ServiceExt as _};

use super::{Request, Response};

/// The endpoints of a client, shared by its clones.
#[derive(Clone)]
pub(crate) struct Endpoints(Arc<Inner>);

struct Inner {
    members: Vec<(String, Channel)>,
    current: AtomicUsize,
}

impl Endpoints {
    /// `members` are URLs and their channels, at least one.
    pub(crate) fn new(members: Vec<(String, Channel)>) -> Self {
        debug_assert!(!members.is_empty());
        Self(Arc::new(Inner { members, current: AtomicUsize::new(0) }))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.members.len()
    }

    /// The URL of the endpoint at this place.
    pub(crate) fn url(&self, index: usize) -> &str {
        &self.0.members[index].0
    }

    /// The place of the endpoint in use, to be given to [`leave`](Self::leave).
    pub(crate) fn index(&self) -> usize {
        self.0.current.load(Ordering::Relaxed) % self.0.members.len()
    }

    /// Moves on from an endpoint that failed, unless someone else did so already.
    pub(crate) fn leave(&self, index: usize) {
        let next = (index + 1) % self.0.members.len();
        let _ = self.0.current.compare_exchange(index, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

impl Service<Request> for Endpoints {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let channel = self.0.members[self.index()].1.clone();
        Box::pin(async move { Ok(channel.oneshot(request).await?) })
    }
}
