//! [`Endpoints`]: the members of a cluster, one of which is used until it fails.
//!
//! Staying with one member keeps reads at a fixed revision on a member that has that revision. A failure to
//! answer moves on to the next one; what failed is not sent again here, because only the caller knows whether
//! that is safe.
//!
//! A member that failed is asked in the background until it answers ([`probe`](super::probe)), and not used before,
//! unless all have failed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_util::TryFutureExt as _;
use futures_util::future::MapErr;
use tonic::transport::Channel;
use tower::util::Oneshot;
use tower::{BoxError, Service, ServiceExt as _};

use super::{Request, Response, probe};

/// The endpoints of a client, shared by its clones.
#[derive(Clone)]
pub(crate) struct Endpoints(Arc<Inner>);

struct Inner {
    members: Vec<Member>,
    current: AtomicUsize,
}

struct Member {
    url: String,
    channel: Channel,
    /// It failed, and has not answered since.
    failed: AtomicBool,
}

impl Endpoints {
    /// `members` are URLs and their channels, at least one.
    pub(crate) fn new(members: Vec<(String, Channel)>) -> Self {
        debug_assert!(!members.is_empty());
        let member = |(url, channel)| Member { url, channel, failed: AtomicBool::new(false) };
        let members = members.into_iter().map(member).collect();
        Self(Arc::new(Inner { members, current: AtomicUsize::new(0) }))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.members.len()
    }

    /// The URL of the endpoint at this place.
    pub(crate) fn url(&self, index: usize) -> &str {
        &self.0.members[index].url
    }

    /// The URLs of those that failed and have not answered since.
    pub(crate) fn failed(&self) -> Vec<&str> {
        let failed = self.0.members.iter().filter(|member| member.failed.load(Ordering::Relaxed));
        failed.map(|member| member.url.as_str()).collect()
    }

    /// The place of the endpoint in use, to be given to [`leave`](Self::leave).
    pub(crate) fn index(&self) -> usize {
        self.0.current.load(Ordering::Relaxed)
    }

    /// Moves on from an endpoint that failed, unless someone else did so already, to the next one that has not; to the
    /// next one if all have.
    pub(crate) fn leave(&self, index: usize) {
        if self.len() == 1 {
            return;
        }
        let member = &self.0.members[index];
        if !member.failed.swap(true, Ordering::Relaxed) {
            tokio::spawn(recover(Arc::downgrade(&self.0), index, member.channel.clone()));
        }
        let next = next(index, self.len(), |index| !self.0.members[index].failed.load(Ordering::Relaxed));
        let _ = self.0.current.compare_exchange(index, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The next one after `index` in the round that is well, or else the next one.
fn next(index: usize, count: usize, is_well: impl Fn(usize) -> bool) -> usize {
    let mut round = (1..count).map(|step| (index + step) % count);
    round.find(|index| is_well(*index)).unwrap_or((index + 1) % count)
}

/// Waits until a member answers again, or nobody wants to know.
async fn recover(endpoints: Weak<Inner>, index: usize, channel: Channel) {
    probe::until_it_answers(channel, || endpoints.strong_count() > 0).await;
    if let Some(endpoints) = endpoints.upgrade() {
        endpoints.members[index].failed.store(false, Ordering::Relaxed);
    }
}

impl Service<Request> for Endpoints {
    type Response = Response;
    type Error = BoxError;
    type Future = MapErr<Oneshot<Channel, Request>, fn(tonic::transport::Error) -> BoxError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let channel = self.0.members[self.index()].channel.clone();
        channel.oneshot(request).map_err(BoxError::from)
    }
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn one_that_is_well_is_next() {
        assert_eq!(next(0, 3, |_| true), 1);
        assert_eq!(next(2, 3, |_| true), 0);
        assert_eq!(next(1, 3, |index| index == 0), 0);
        assert_eq!(next(0, 3, |index| index != 1), 2);
    }

    #[test]
    fn all_are_tried_in_turn_while_none_is_well() {
        assert_eq!([0, 1, 2].map(|index| next(index, 3, |_| false)), [1, 2, 0]);
        assert_eq!(next(0, 2, |index| index == 0), 1, "what was left is not chosen again at once");
    }
}
