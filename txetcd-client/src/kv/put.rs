//! Writing a key.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use etcd_client::PutOptions;
use etcd_client::proto::PbPutResponse;
use futures_util::future::BoxFuture;

use super::options;
use crate::client::Client;
use crate::error::Result;
use crate::key_value::KeyValue;
use crate::lease::Lease;
use crate::namespace::Namespace;

/// Which key to write, and what. `Debug` does not show the value.
#[derive(Clone, PartialEq)]
pub struct PutRequest {
    key: Vec<u8>,
    value: Vec<u8>,
    lease: i64,
    previous: bool,
    keep_lease: bool,
}

/// A [`PutRequest`] with its client: await it.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Put<'c> {
    pub(crate) client: &'c Client,
    pub(crate) request: PutRequest,
    pub(crate) timeout: Option<Duration>,
}

options!(PutRequest, Put {
    /// The key vanishes with this lease. Without it, a lease that the key had is detached.
    lease(lease: &Lease) |this| this.lease = lease.id();
    /// As [`lease`](Self::lease), by id; 0 for none.
    lease_id(lease: i64) |this| this.lease = lease;
    /// Keeps the lease that the key has; the key must exist.
    keep_lease() |this| this.keep_lease = true;
    /// Returns what was there before.
    previous() |this| this.previous = true;
});

impl PutRequest {
    /// Puts a value at a key.
    pub fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self { key: key.into(), value: value.into(), lease: 0, previous: false, keep_lease: false }
    }

    pub(crate) fn size(&self) -> usize {
        self.key.len() + self.value.len() + 10
    }

    pub(crate) fn to_wire(&self, namespace: &Namespace) -> (Vec<u8>, Vec<u8>, PutOptions) {
        let mut options = PutOptions::new().with_lease(self.lease);
        if self.previous {
            options = options.with_prev_key();
        }
        if self.keep_lease {
            options = options.with_ignore_lease();
        }
        (namespace.key(&self.key), self.value.clone(), options)
    }
}

impl fmt::Debug for PutRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutRequest")
            .field("key", &String::from_utf8_lossy(&self.key))
            .field("value", &format_args!("{} bytes", self.value.len()))
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

impl<'c> IntoFuture for Put<'c> {
    type Output = Result<PutResponse>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.client.send_put(self.request, self.timeout))
    }
}

/// The outcome of a put.
#[derive(Debug, Clone, PartialEq)]
pub struct PutResponse {
    revision: i64,
    previous: Option<KeyValue>,
}

impl PutResponse {
    pub(crate) fn from_wire(response: PbPutResponse, namespace: &Namespace) -> Self {
        Self {
            revision: response.header.map_or(0, |header| header.revision),
            previous: response.prev_kv.map(|kv| namespace.key_value(kv)),
        }
    }

    /// The revision of this put.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// What was there before, where it was asked for.
    pub fn previous(&self) -> Option<&KeyValue> {
        self.previous.as_ref()
    }
}
