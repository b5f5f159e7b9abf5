//! [`Connection`]: one watch stream to one member, with a watchdog.
//!
//! A member that is cut off from the others ends the stream by itself (`require_leader`), and one that is dead is
//! noticed by the transport. The watchdog is for all other silence: it asks for progress, and if nothing at all comes
//! then, the stream is given up.
//!
//! The revision in an answer to such a question is not used: up to etcd 3.4.24 and 3.5.7 it may overtake events.
//! That of a notification which etcd sends by itself, under the watcher's own id, may not.

use std::time::Duration;

use etcd_client::proto::{PbEvent, PbWatchResponse};
use etcd_client::{WatchFilterType, WatchOptions, WatchStream};

use super::Request;
use crate::client::Client;
use crate::error::{Error, Kind, Result, status};
use crate::key_set::KeySet;
use crate::transport::endpoints::send_to;

/// How long a stream may be silent until it is asked whether it lives.
const QUIET: Duration = Duration::from_secs(5);

pub(super) struct Connection {
    stream: WatchStream,
    client: Client,
    endpoint: usize,
    watch_id: i64,
    /// How long the answer of the watchdog may take.
    patience: Duration,
}

/// What a member says.
pub(super) enum Message {
    /// Events, and whether the last revision of them goes on in the next message.
    Events(Vec<PbEvent>, bool),
    /// All events up to this revision have been sent.
    Progress(i64),
    /// The member is there.
    Alive,
}

impl Connection {
    /// Opens a stream to this endpoint. Returns with it the revision after which it begins if `from` is 0.
    pub(super) async fn open(
        client: &Client,
        endpoint: usize,
        request: &Request,
        from: i64,
        patience: Duration,
    ) -> Result<(Self, i64)> {
        let (key, range_end) = KeySet::covering(&request.keys).to_wire(client.inner().namespace.prefix());
        let mut options = WatchOptions::new()
            .with_range(range_end)
            .with_start_revision(from)
            .with_fragment()
            .with_progress_notify();
        if request.previous {
            options = options.with_prev_key();
        }
        let filters =
            [(request.no_puts, WatchFilterType::NoPut), (request.no_deletes, WatchFilterType::NoDelete)];
        options = options.with_filters(
            filters.into_iter().filter_map(|(wanted, filter)| wanted.then_some(filter)).collect::<Vec<_>>(),
        );
        let mut watch = client.inner().watch.clone();
        let stream = send_to(endpoint, watch.watch(key, Some(options))).await;
        let stream = stream.map_err(|error| status::typed(error, client.endpoint_at(endpoint)).settled())?;
        let mut connection = Self { stream, client: client.clone(), endpoint, watch_id: 0, patience };
        let created = connection.receive().await?;
        connection.watch_id = created.watch_id;
        Ok((connection, created.header.map_or(0, |header| header.revision)))
    }

    pub(super) fn endpoint(&self) -> usize {
        self.endpoint
    }

    /// The next message. May be dropped at any time.
    pub(super) async fn message(&mut self) -> Result<Message> {
        let mut response = match tokio::time::timeout(QUIET, self.receive()).await {
            Ok(received) => received?,
            Err(_) => {
                self.stream.request_progress().await.map_err(|error| self.typed(error))?;
                match tokio::time::timeout(self.patience, self.receive()).await {
                    Ok(received) => received?,
                    Err(_) => return Err(self.silent()),
                }
            }
        };
        let events = std::mem::take(&mut response.events);
        Ok(match response.header {
            _ if !events.is_empty() || response.fragment => Message::Events(events, response.fragment),
            Some(header) if response.watch_id == self.watch_id => Message::Progress(header.revision),
            _ => Message::Alive,
        })
    }

    async fn receive(&mut self) -> Result<PbWatchResponse> {
        let response = match self.stream.message().await {
            Ok(Some(response)) => response.0,
            Ok(None) => {
                let endpoint = self.client.endpoint_at(self.endpoint);
                return Err(Error::new(Kind::Unavailable, format!("{endpoint} ended the watch")));
            }
            Err(error) => return Err(self.typed(error)),
        };
        let endpoint = self.client.endpoint_at(self.endpoint);
        if let Some(header) = &response.header {
            self.client.inner().identity.see(header, endpoint)?;
        }
        if response.canceled {
            return Err(status::watch_cancelled(
                &response.cancel_reason,
                response.compact_revision,
                endpoint,
            ));
        }
        Ok(response)
    }

    fn typed(&self, error: etcd_client::Error) -> Error {
        status::typed(error, self.client.endpoint_at(self.endpoint)).settled()
    }

    fn silent(&self) -> Error {
        let endpoint = self.client.endpoint_at(self.endpoint);
        Error::new(Kind::Timeout, format!("{endpoint} does not answer on the watch"))
    }
}
