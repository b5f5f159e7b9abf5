//! Connecting to a cluster: a channel for each endpoint, and the first of them that answers.

use std::time::Duration;

use tokio::time::Instant;
use tonic::transport::Endpoint;

#[cfg(feature = "tls")]
use super::tls;
use super::{Builder, url};
use crate::client::{Client, Place, deadline_after};
use crate::error::{Error, Kind, Result};
use crate::transport::endpoints::Endpoints;

/// How many bytes of a stream may be on their way unread.
const STREAM_WINDOW: u32 = 2 << 20;
/// The same of all streams of a connection: as many as HTTP/2 allows.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

impl Builder {
    pub(super) async fn cluster(self, endpoints: Vec<String>) -> Result<Client> {
        if self.user.is_some()
            && !self.plaintext_password
            && let Some(plain) = endpoints.iter().find(|endpoint| endpoint.starts_with("http://"))
        {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!(
                    "a password would travel to {plain} unencrypted: use https://, or say with \
                     `builder().plaintext_password(true)` that it is meant"
                ),
            ));
        }
        let members = endpoints
            .into_iter()
            .map(|url| Ok((url.clone(), self.endpoint(&url)?.connect_lazy())))
            .collect::<Result<Vec<_>>>()?;
        let endpoints = Endpoints::new(members);
        let deadline = deadline_after(self.connect_timeout);
        let mut failures: Vec<String> = Vec::new();
        // Each endpoint has its share of the time, so that a silent one does not hide the next.
        for _ in 0..endpoints.len() {
            let index = endpoints.index();
            let url = endpoints.url(index).to_owned();
            let remaining = deadline.duration_since(Instant::now());
            let share = remaining / u32::try_from(endpoints.len() - failures.len()).unwrap_or(1).max(1);
            let place = Place::Cluster(endpoints.clone());
            let error = match tokio::time::timeout(share, self.open(endpoints.clone(), place)).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(error)) if error.is_transient() => error.to_string(),
                Ok(Err(error)) => return Err(error),
                Err(_) => format!("cannot reach {url}: no answer"),
            };
            failures.push(error);
            endpoints.leave(index);
        }
        Err(Error::new(Kind::Unavailable, format!("no connection: {}", failures.join("; "))))
    }

    fn endpoint(&self, url: &str) -> Result<Endpoint> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|error| url::malformed(url, error))?;
        let endpoint = endpoint
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            // Watches that are not read hold at most this much each, and hold up no other request.
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            // etcd closes connections that ping without a request under way.
            .keep_alive_while_idle(false);
        if !url.starts_with("https://") {
            return Ok(endpoint);
        }
        #[cfg(feature = "tls")]
        return tls::configure(endpoint, url, &self.tls);
        #[cfg(not(feature = "tls"))]
        Err(Error::new(Kind::InvalidArgument, format!("{url} needs the feature `tls` of txetcd")))
    }
}
