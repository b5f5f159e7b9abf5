//! [`Lease`]: what keys can hang on, to vanish with it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use etcd_client::LeaseTimeToLiveOptions;

use crate::client::{Client, Repeat};
use crate::error::{Error, Kind, Result};

/// A lease. Keys put with it vanish when it expires or is revoked. Dropping this value does neither: the
/// lease runs until its time is over.
#[derive(Debug, Clone)]
pub struct Lease {
    client: Client,
    id: i64,
    ttl: Duration,
}

impl Lease {
    pub(crate) async fn grant(client: &Client, ttl: Duration) -> Result<Self> {
        client.writing()?;
        let whole = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
        let seconds = i64::try_from(whole).unwrap_or(i64::MAX).max(1);
        // A grant whose answer was lost leaves a lease that nobody uses and that expires.
        let granted = client
            .call(Repeat::Always, client.inner().request_timeout, || {
                let mut lease = client.inner().lease.clone();
                async move { lease.grant(seconds, None).await }
            })
            .await?;
        Ok(Self { client: client.clone(), id: granted.id(), ttl: seconds_of(granted.ttl()) })
    }

    /// Whether it was granted through this connection.
    #[doc(hidden)]
    pub fn is_of(&self, client: &Client) -> bool {
        self.client.is_same(client)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The lease's id.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The time to live that was granted, which may be more than was asked for.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// How long the lease has to live; `None` if it has expired.
    ///
    /// # Errors
    /// As for any read.
    pub async fn remaining(&self) -> Result<Option<Duration>> {
        let answer = self.time_to_live(LeaseTimeToLiveOptions::new()).await?;
        Ok((answer.ttl() >= 0).then(|| seconds_of(answer.ttl())))
    }

    /// The keys that hang on the lease, in their order, without the client's namespace.
    ///
    /// # Errors
    /// As for any read.
    pub async fn keys(&self) -> Result<Vec<Vec<u8>>> {
        let answer = self.time_to_live(LeaseTimeToLiveOptions::new().with_keys()).await?;
        let namespace = &self.client.inner().namespace;
        let mut keys: Vec<_> = answer.keys().iter().map(|key| namespace.strip(key.clone())).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Starts the lease's time anew.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if it has expired.
    pub async fn refresh(&self) -> Result<()> {
        let client = &self.client;
        let id = self.id;
        client
            .call(Repeat::Always, client.inner().request_timeout, || {
                let mut lease = client.inner().lease.clone();
                async move { lease.keep_alive(id).await }
            })
            .await
            .map_err(|error| self.explain(error))?;
        Ok(())
    }

    /// Ends the lease and deletes its keys.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if it has expired.
    pub async fn revoke(&self) -> Result<()> {
        self.revoke_within(self.client.inner().request_timeout).await
    }

    pub(crate) async fn revoke_within(&self, timeout: Duration) -> Result<()> {
        let client = &self.client;
        let id = self.id;
        let tries = AtomicU32::new(0);
        let revoked = client
            .call(Repeat::Always, timeout, || {
                tries.fetch_add(1, Ordering::Relaxed);
                let mut lease = client.inner().lease.clone();
                async move { lease.revoke(id).await }
            })
            .await;
        match revoked {
            Ok(_) => Ok(()),
            // Leases are not given out twice: it was an earlier try that revoked it.
            Err(error) if error.is_not_found() && tries.into_inner() > 1 => Ok(()),
            Err(error) => Err(self.explain(error)),
        }
    }

    async fn time_to_live(
        &self,
        options: LeaseTimeToLiveOptions,
    ) -> Result<etcd_client::LeaseTimeToLiveResponse> {
        let client = &self.client;
        let id = self.id;
        client
            .call(Repeat::Always, client.inner().request_timeout, || {
                let (mut lease, options) = (client.inner().lease.clone(), options.clone());
                async move { lease.time_to_live(id, Some(options)).await }
            })
            .await
    }

    fn explain(&self, error: Error) -> Error {
        if error.is_not_found() {
            return Error::new(Kind::NotFound, format!("lease {:x} has expired or was revoked", self.id));
        }
        error
    }
}

fn seconds_of(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}
