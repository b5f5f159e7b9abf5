//! [`Session`]: a lease that is kept alive, and whose loss is known before anyone else can act on it.
//!
//! Time is measured on the monotonic clock, from the moment *before* a keep-alive was sent: etcd counts from a
//! later one, so the session never believes itself alive longer than etcd does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::{LeaseKeepAliveStream, LeaseKeeper};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::client::Client;
use crate::coordination::Fence;
use crate::error::{Error, Kind, Result};
use crate::lease::Lease;
use crate::transport::endpoints::send_to;

/// A lease that is kept alive until the last clone of the session is dropped; then it is revoked.
#[derive(Debug, Clone)]
pub struct Session {
    lease: Lease,
    alive_until: watch::Receiver<Option<Instant>>,
    shared: Arc<Shared>,
}

/// What the clones of a session share.
#[derive(Debug)]
struct Shared {
    fence: Arc<Fence>,
    numbers: AtomicU64,
    /// Stops the keeping alive when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Session {
    pub(crate) async fn start(client: &Client, ttl: Duration) -> Result<Self> {
        let asked = Instant::now();
        let lease = Lease::grant(client, ttl).await?;
        let (sender, alive_until) = watch::channel(Some(asked + lease.ttl()));
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(keep_alive(client.clone(), lease.clone(), sender, stopped));
        let fence = Arc::new(Fence::new(lease.id()));
        let shared = Arc::new(Shared { fence, numbers: AtomicU64::new(0), _stop: stop });
        Ok(Self { lease, alive_until, shared })
    }

    /// The session's lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// How long the session surely lives if nothing more is heard from the store; zero once it is lost.
    pub fn remaining(&self) -> Duration {
        self.alive_until.borrow().map_or(Duration::ZERO, |until| until.duration_since(Instant::now()))
    }

    /// Whether the session surely holds its lease now.
    pub fn is_alive(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// Fails if the session is lost.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_alive() { Ok(()) } else { Err(self.lost_error()) }
    }

    pub(crate) fn lost_error(&self) -> Error {
        Error::new(
            Kind::LockLost,
            format!(
                "the session is lost: its lease {:x} has ended, or could not be kept alive; what was held by it \
                 is free for others. Start another session",
                self.lease.id()
            ),
        )
    }

    /// Fails unless the session was started by this client or a clone of it.
    pub(crate) fn check_client(&self, client: &Client) -> Result<()> {
        if self.lease.client().is_same(client) {
            return Ok(());
        }
        Err(Error::new(
            Kind::InvalidArgument,
            "the session was started by another connection: use one of the same `client()`",
        ))
    }

    pub(crate) fn fence(&self) -> Arc<Fence> {
        self.shared.fence.clone()
    }

    /// A number that this session has not given out before.
    pub(crate) fn next_number(&self) -> u64 {
        self.shared.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Resolves once the session is lost: the store said so, or could not be asked for as long as the lease
    /// lives.
    pub async fn lost(&self) {
        let mut alive_until = self.alive_until.clone();
        loop {
            let Some(until) = *alive_until.borrow_and_update() else { return };
            if Instant::now() >= until {
                return;
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => {}
                changed = alive_until.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// Keeps the lease alive until it is lost or nobody needs it any more, and then revokes it: who lost it cannot have
/// it back, since others were told so.
async fn keep_alive(
    client: Client,
    lease: Lease,
    alive_until: watch::Sender<Option<Instant>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let beat = lease.ttl() / 3;
    let mut stream = None;
    let mut endpoint = client.endpoint_index();
    let mut pause = beat;
    loop {
        let until = (*alive_until.borrow()).unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            () = tokio::time::sleep(pause.min(until.duration_since(Instant::now()))) => {}
        }
        let sent = Instant::now();
        if sent >= until {
            break;
        }
        if stream.is_none() {
            endpoint = client.endpoint_index();
        }
        let refreshed = send_to(endpoint, refresh(&client, &lease, &mut stream));
        let answer = tokio::select! {
            biased;
            _ = &mut stopped => break,
            answer = tokio::time::timeout(beat, refreshed) => answer,
        };
        match answer {
            Ok(Ok(seconds)) => {
                let Some(longer) = prolonged(until, sent, Instant::now(), seconds) else { break };
                alive_until.send_replace(Some(longer));
                pause = beat;
            }
            Ok(Err(())) | Err(_) => {
                client.leave_endpoint(endpoint);
                stream = None;
                pause = beat / 4;
            }
        }
    }
    alive_until.send_replace(None);
    drop(stream);
    // Whoever cannot be told lets the lease expire.
    let _ = lease.revoke_within(beat).await;
}

/// Until when a session surely lives that was told, now, that the lease had so many seconds to live when etcd received what
/// was `sent`. `None` if it is lost: the lease is gone, or the answer came when others may have been told of its end.
fn prolonged(until: Instant, sent: Instant, now: Instant, seconds: u64) -> Option<Instant> {
    (seconds > 0 && now < until).then(|| sent + Duration::from_secs(seconds))
}

/// Refreshes once and returns the seconds to live: 0 if the lease is gone.
async fn refresh(
    client: &Client,
    lease: &Lease,
    stream: &mut Option<(LeaseKeeper, LeaseKeepAliveStream)>,
) -> Result<u64, ()> {
    match stream {
        None => match client.inner().lease.clone().keep_alive(lease.id()).await {
            Ok(opened) => {
                *stream = Some(opened);
                Ok(lease.ttl().as_secs())
            }
            Err(etcd_client::Error::LeaseKeepAliveError(reason)) if reason.contains("not found") => Ok(0),
            Err(_) => Err(()),
        },
        Some((keeper, answers)) => {
            keeper.keep_alive().await.map_err(drop)?;
            let answer = answers.message().await.map_err(drop)?.ok_or(())?;
            Ok(u64::try_from(answer.ttl()).unwrap_or(0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_as_long_as_it_surely_does() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(
            prolonged(at(10), at(3), at(6), 10),
            Some(at(13)),
            "from the question on, not from the answer"
        );
        assert_eq!(
            prolonged(at(10), at(9), at(10), 10),
            None,
            "an answer that comes too late does not revive it"
        );
        assert_eq!(prolonged(at(10), at(3), at(4), 0), None, "the lease is gone");
        assert_eq!(prolonged(at(10), at(3), at(4), 2), Some(at(5)), "etcd may grant less");
    }
}
