//! [`Leases`]: the leases under which a transaction puts rows.
//!
//! One is granted for each time to live that the transaction gives its rows, right before the commit. If the commit
//! is not applied they are revoked in the background, so that nothing is left of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::runtime::Handle;
use txetcd_client::{Client, Error, Lease, Result, error::Kind};

/// The leases of one attempt. Dropping it revokes those that were granted for it.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    granted: Vec<Lease>,
    /// Those that the program brought.
    given: Vec<Lease>,
}

impl Leases {
    /// Notes a lease that the program brought.
    pub(crate) fn give(&mut self, lease: &Lease) {
        if !self.given.iter().any(|given| given.id() == lease.id()) {
            self.given.push(lease.clone());
        }
    }

    /// Grants a lease for each time to live, and returns their ids.
    pub(crate) async fn grant(
        client: &Client,
        ttls: BTreeSet<Duration>,
    ) -> Result<(Self, BTreeMap<Duration, i64>)> {
        let mut leases = Self::default();
        let mut ids = BTreeMap::new();
        for ttl in ttls {
            let lease = client.lease(ttl).await?;
            ids.insert(ttl, lease.id());
            leases.granted.push(lease);
        }
        Ok((leases, ids))
    }

    /// Adds what was granted for others.
    pub(crate) fn add(&mut self, mut granted: Self) {
        self.granted.append(&mut granted.granted);
    }

    /// The rows are there, or may be: their leases live on.
    pub(crate) fn keep(&mut self) {
        self.granted.clear();
    }

    /// Those that the program brought.
    pub(crate) fn given(&self) -> Vec<Lease> {
        self.given.clone()
    }

    /// Fails if a lease that the program brought has ended.
    pub(crate) async fn check_given(given: &[Lease]) -> Result<()> {
        for lease in given {
            if lease.remaining().await?.is_none() {
                return Err(Error::new(
                    Kind::NotFound,
                    format!(
                        "the lease {:x} under which rows were put has expired or was revoked; nothing was written: put \
                         them under another one",
                        lease.id()
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        let granted = std::mem::take(&mut self.granted);
        if granted.is_empty() {
            return;
        }
        // Without a runtime they expire.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                for lease in granted {
                    if let Err(error) = lease.revoke().await {
                        tracing::debug!(%error, "a lease that nothing hangs on expires by itself");
                    }
                }
            });
        }
    }
}
