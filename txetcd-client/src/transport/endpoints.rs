//! [`Endpoints`]: the members of a cluster, one of which is used until it fails.
//!
//! Staying with one member keeps reads at a fixed revision on a member that has that revision. A failure to
//! answer moves on to the next one; what failed is not sent again here, because only the caller knows whether
//! that is safe.
//!
//! A request goes to the endpoint that its sender chose ([`send_to`]), and to no other that has come into use since: the
//! sender names the endpoint in its errors, and leaves it when it fails.
//!
//! A member that failed is asked in the background until it answers ([`probe`](super::probe)), and not used before,
//! unless all have failed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use futures_util::TryFutureExt as _;
use futures_util::future::MapErr;
use tokio::task::AbortHandle;
use tonic::transport::Channel;
use tower::util::Oneshot;
use tower::{BoxError, Service, ServiceExt as _};

use super::{Request, Response, probe};

tokio::task_local! {
    /// The place of the endpoint to which the requests go that are being made.
    static CHOSEN: usize;
}

/// Has the requests that `sending` makes go to the endpoint at this place.
pub(crate) fn send_to<F: Future>(index: usize, sending: F) -> impl Future<Output = F::Output> {
    CHOSEN.scope(index, sending)
}

/// `sending` for another task, to the endpoint that was chosen in this one.
#[cfg(feature = "fault-injection")]
pub(super) fn in_another_task<F: Future>(sending: F) -> impl Future<Output = F::Output> {
    let chosen = CHOSEN.try_get().ok();
    async move {
        match chosen {
            Some(index) => send_to(index, sending).await,
            None => sending.await,
        }
    }
}

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
    /// The task that asked it last.
    probe: Mutex<Option<AbortHandle>>,
}

impl Endpoints {
    /// `members` are URLs and their channels, at least one.
    pub(crate) fn new(members: Vec<(String, Channel)>) -> Self {
        debug_assert!(!members.is_empty());
        let member =
            |(url, channel)| Member { url, channel, failed: AtomicBool::new(false), probe: Mutex::default() };
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
            let task = tokio::spawn(recover(Arc::downgrade(&self.0), index, member.channel.clone()));
            *member.probe.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
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

/// Waits until a member answers again.
async fn recover(endpoints: Weak<Inner>, index: usize, channel: Channel) {
    probe::until_it_answers(channel).await;
    if let Some(endpoints) = endpoints.upgrade() {
        endpoints.members[index].failed.store(false, Ordering::Relaxed);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(probe) = self.probe.get_mut().unwrap_or_else(PoisonError::into_inner) {
            probe.abort();
        }
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
        let index = CHOSEN.try_get().unwrap_or_else(|_| self.index());
        let channel = self.0.members[index].channel.clone();
        channel.oneshot(request).map_err(BoxError::from)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::Handle;

    use super::{Channel, Endpoints, next};
    #[cfg(feature = "fault-injection")]
    use super::{Request, in_another_task, send_to};

    #[cfg(feature = "fault-injection")]
    #[tokio::test]
    async fn a_request_goes_to_the_endpoint_that_was_chosen_for_it() {
        use tokio::net::TcpListener;
        use tower::Service as _;

        let used = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let chosen = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for in_this_task in [true, false] {
            let members = [&used, &chosen].map(|listener| {
                let url = format!("http://{}", listener.local_addr().unwrap());
                (url.clone(), Channel::from_shared(url).unwrap().connect_lazy())
            });
            let mut endpoints = Endpoints::new(members.into());
            assert_eq!(endpoints.index(), 0);
            let sending = async move { endpoints.call(Request::default()).await };
            let sent = send_to(1, async move {
                if in_this_task {
                    sending.await
                } else {
                    tokio::spawn(in_another_task(sending)).await.unwrap()
                }
            });
            tokio::select! {
                _ = chosen.accept() => {}
                _ = used.accept() => panic!("it went to the endpoint in use"),
                answer = sent => panic!("{answer:?}"),
            }
        }
    }

    #[tokio::test]
    async fn nobody_is_asked_any_more_once_the_endpoints_are_gone() {
        // Nothing listens on the reserved port 0.
        let member = |url: &'static str| (url.to_owned(), Channel::from_static(url).connect_lazy());
        let endpoints = Endpoints::new(vec![member("http://127.0.0.1:0"), member("http://localhost:0")]);
        endpoints.leave(0);
        endpoints.leave(1);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(endpoints.failed(), ["http://127.0.0.1:0", "http://localhost:0"]);
        assert!(Handle::current().metrics().num_alive_tasks() >= 2);
        drop(endpoints);
        let ended = async {
            while Handle::current().metrics().num_alive_tasks() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ended).await.expect("all tasks to end");
    }

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
