//! [`Feed`]: whole revisions one after the other, whatever becomes of connections and members.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::Request;
use super::assembler::Assembler;
use super::connection::{Connection, Message};
use super::event::{WatchEvent, WatchResponse};
use crate::client::{Client, deadline_after};
use crate::error::{Error, Result};
use crate::teeth::{Bug, planted};

/// How long the watchdog waits for an answer: at first, and at most, after answers that did not come.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_PATIENCE: Duration = Duration::from_secs(60);

/// How long to wait before connecting again: at first, and at most.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Feed {
    client: Client,
    request: Request,
    assembler: Assembler,
    connection: Option<Connection>,
    patience: Duration,
    pause: Duration,
}

impl Feed {
    pub(super) async fn open(client: Client, request: Request) -> Result<Self> {
        let deadline = deadline_after(client.inner().request_timeout);
        let assembler = Assembler::new(request.from.unwrap_or(0));
        let mut feed =
            Self { client, request, assembler, connection: None, patience: PATIENCE, pause: PAUSE };
        loop {
            match tokio::time::timeout_at(deadline, feed.connect()).await {
                Ok(Ok(())) => return Ok(feed),
                Ok(Err(error)) if goes_away(&error) && Instant::now() + feed.pause < deadline => {
                    feed.rest(&error).await;
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    let client = &feed.client;
                    return Err(client.no_answer(client.endpoint_index(), client.inner().request_timeout));
                }
            }
        }
    }

    /// The first revision that has not been given out.
    pub(super) fn next_revision(&self) -> i64 {
        self.assembler.next()
    }

    pub(super) async fn next(&mut self) -> Result<WatchResponse> {
        loop {
            if let Some(response) = self.assembler.take() {
                return Ok(response);
            }
            let received = match &mut self.connection {
                Some(connection) => connection.message().await,
                None => match self.connect().await {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
            };
            match received {
                Ok(message) => self.accept(message),
                Err(error) if goes_away(&error) => {
                    if let Some(connection) = self.connection.take() {
                        self.client.leave_endpoint(connection.endpoint());
                        self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
                    }
                    self.request.connected.store(false, Ordering::Relaxed);
                    self.assembler.interrupt();
                    if planted(Bug::WatchResumesLate) {
                        self.assembler.progress(self.assembler.next());
                    }
                    self.rest(&error).await;
                }
                Err(error) => {
                    self.request.connected.store(false, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    }

    fn accept(&mut self, message: Message) {
        (self.patience, self.pause) = (PATIENCE, PAUSE);
        match message {
            Message::Events(events, fragment) => {
                let namespace = &self.client.inner().namespace;
                for event in events {
                    if let Some((revision, event)) = WatchEvent::from_wire(event, namespace)
                        && self.request.keys.iter().any(|keys| keys.contains(event.key()))
                    {
                        self.assembler.event(revision, event);
                    }
                }
                if !fragment || planted(Bug::FragmentIsWhole) {
                    self.assembler.complete_revision();
                }
            }
            Message::Progress(revision) => self.assembler.progress(revision),
            Message::Alive => {}
        }
    }

    /// Connects to the endpoint in use, once it is known to take part in its cluster.
    async fn connect(&mut self) -> Result<()> {
        // This read moves on from members that do not answer, refreshes the user's token, and finds out whether
        // this is still the same store.
        match self.client.revision_and_cluster().await {
            Ok(_) => {}
            // The user may read something else; etcd says whether that is enough.
            Err(error) if error.is_permission_denied() => {}
            Err(error) => return Err(error),
        }
        let endpoint = self.client.endpoint_index();
        let (from, patience) = (self.assembler.next(), self.patience);
        let open = Connection::open(&self.client, endpoint, &self.request, from, patience);
        let timeout = self.client.inner().request_timeout;
        let opened = match tokio::time::timeout(timeout, open).await {
            Ok(opened) => opened,
            Err(_) => Err(self.client.no_answer(endpoint, timeout)),
        };
        match opened {
            Ok((connection, revision)) => {
                if self.assembler.next() == 0 {
                    self.assembler.progress(revision);
                }
                self.connection = Some(connection);
                self.request.connected.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.client.leave_endpoint(endpoint);
                Err(error)
            }
        }
    }

    async fn rest(&mut self, error: &Error) {
        tracing::debug!(%error, next = self.assembler.next(), "a watch connects again");
        tokio::time::sleep(self.pause.mul_f64(0.5 + fastrand::f64())).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether the watch goes on elsewhere or later. A token that was refused is refreshed when connecting.
fn goes_away(error: &Error) -> bool {
    error.is_transient() || error.is_unauthenticated()
}
