//! Deleting keys.

use std::future::IntoFuture;
use std::time::Duration;

use etcd_client::DeleteOptions;
use etcd_client::proto::PbDeleteResponse;
use futures_util::future::BoxFuture;

use super::options;
use crate::client::Client;
use crate::error::Result;
use crate::key_set::KeySet;
use crate::key_value::KeyValue;
use crate::namespace::Namespace;

/// Which keys to delete.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteRequest {
    keys: KeySet,
    previous: bool,
}

/// A [`DeleteRequest`] with its client: await it.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Delete<'c> {
    pub(crate) client: &'c Client,
    pub(crate) request: DeleteRequest,
    pub(crate) timeout: Option<Duration>,
}

options!(DeleteRequest, Delete {
    /// Returns what was there before.
    previous() |this| this.previous = true;
});

impl DeleteRequest {
    /// Deletes these keys.
    pub fn new(keys: impl Into<KeySet>) -> Self {
        Self { keys: keys.into(), previous: false }
    }

    pub(crate) fn size(&self) -> usize {
        self.keys.size()
    }

    pub(crate) fn to_wire(&self, namespace: &Namespace) -> (Vec<u8>, DeleteOptions) {
        let (key, range_end) = self.keys.to_wire(namespace.prefix());
        let mut options = DeleteOptions::new().with_range(range_end);
        if self.previous {
            options = options.with_prev_key();
        }
        (key, options)
    }
}

impl<'c> IntoFuture for Delete<'c> {
    type Output = Result<DeleteResponse>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.client.send_delete(self.request, self.timeout))
    }
}

/// The outcome of a delete.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteResponse {
    revision: i64,
    deleted: i64,
    previous: Vec<KeyValue>,
}

impl DeleteResponse {
    pub(crate) fn from_wire(response: PbDeleteResponse, namespace: &Namespace) -> Self {
        Self {
            revision: response.header.map_or(0, |header| header.revision),
            deleted: response.deleted,
            previous: namespace.key_values(response.prev_kvs),
        }
    }

    /// The revision of this delete, or the current one if nothing was there to delete.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// How many keys were deleted.
    pub fn deleted(&self) -> u64 {
        u64::try_from(self.deleted).unwrap_or(0)
    }

    /// What was there before, where it was asked for.
    pub fn previous(&self) -> &[KeyValue] {
        &self.previous
    }
}
