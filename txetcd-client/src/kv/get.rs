//! Reading keys.

use std::future::IntoFuture;
use std::time::Duration;

use etcd_client::proto::PbRangeResponse;
use etcd_client::{GetOptions, SortOrder, SortTarget};
use futures_util::future::BoxFuture;

use super::options;
use crate::client::{Client, Repeat};
use crate::error::Result;
use crate::key_set::KeySet;
use crate::key_value::KeyValue;
use crate::namespace::Namespace;

/// Which keys to read, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct GetRequest {
    keys: KeySet,
    limit: i64,
    revision: i64,
    sort_by: SortBy,
    reverse: bool,
    serializable: bool,
    keys_only: bool,
    count_only: bool,
    mod_revisions: (i64, i64),
    create_revisions: (i64, i64),
}

/// What a read is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortBy {
    /// The key.
    #[default]
    Key,
    /// How many times the key was put since it was created.
    Version,
    /// The revision in which the key was created.
    CreateRevision,
    /// The revision in which the key was last put.
    ModRevision,
    /// The value.
    Value,
}

/// A [`GetRequest`] with its client: await it.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Get<'c> {
    pub(crate) client: &'c Client,
    pub(crate) request: GetRequest,
    pub(crate) timeout: Option<Duration>,
}

options!(GetRequest, Get {
    /// At most so many keys; [`GetResponse::more`] tells whether there were more.
    limit(limit: u32) |this| this.limit = i64::from(limit);
    /// As of this revision, which must not be compacted; without it, as of now.
    revision(revision: i64) |this| this.revision = revision;
    /// Sorted by something else than the key. (etcd then reads the whole range, whatever the limit.)
    sort_by(sort_by: SortBy) |this| this.sort_by = sort_by;
    /// In descending order. (etcd then reads the whole range, whatever the limit.)
    reverse() |this| this.reverse = true;
    /// Answered by the member that is asked, without making sure that it is up to date.
    serializable() |this| this.serializable = true;
    /// Without the values.
    keys_only() |this| this.keys_only = true;
    /// Without the keys: just [`GetResponse::count`].
    count_only() |this| this.count_only = true;
    /// Only keys that were last put in this revision or later. (etcd reads the whole range.)
    min_mod_revision(revision: i64) |this| this.mod_revisions.0 = revision;
    /// Only keys that were last put in this revision or before.
    max_mod_revision(revision: i64) |this| this.mod_revisions.1 = revision;
    /// Only keys that were created in this revision or later.
    min_create_revision(revision: i64) |this| this.create_revisions.0 = revision;
    /// Only keys that were created in this revision or before.
    max_create_revision(revision: i64) |this| this.create_revisions.1 = revision;
});

impl GetRequest {
    /// Reads these keys, in ascending order, as of now.
    pub fn new(keys: impl Into<KeySet>) -> Self {
        Self {
            keys: keys.into(),
            limit: 0,
            revision: 0,
            sort_by: SortBy::Key,
            reverse: false,
            serializable: false,
            keys_only: false,
            count_only: false,
            mod_revisions: (0, 0),
            create_revisions: (0, 0),
        }
    }

    /// Whether this is about one key, and not about a range.
    #[doc(hidden)]
    pub fn is_of_one_key(&self) -> bool {
        self.keys.is_one_key()
    }

    /// Whether the answer may come from a member that lags.
    pub(crate) fn repeat(&self) -> Repeat {
        if self.serializable { Repeat::Always } else { Repeat::Linearizable }
    }

    pub(crate) fn size(&self) -> usize {
        self.keys.size()
    }

    pub(crate) fn to_wire(&self, namespace: &Namespace) -> (Vec<u8>, GetOptions) {
        let (key, range_end) = self.keys.to_wire(namespace.prefix());
        let target = match self.sort_by {
            SortBy::Key => SortTarget::Key,
            SortBy::Version => SortTarget::Version,
            SortBy::CreateRevision => SortTarget::Create,
            SortBy::ModRevision => SortTarget::Mod,
            SortBy::Value => SortTarget::Value,
        };
        let order = if self.reverse { SortOrder::Descend } else { SortOrder::Ascend };
        let mut options = GetOptions::new()
            .with_range(range_end)
            .with_limit(self.limit)
            .with_revision(self.revision)
            .with_sort(target, order)
            .with_min_mod_revision(self.mod_revisions.0)
            .with_max_mod_revision(self.mod_revisions.1)
            .with_min_create_revision(self.create_revisions.0)
            .with_max_create_revision(self.create_revisions.1);
        if self.serializable {
            options = options.with_serializable();
        }
        if self.keys_only {
            options = options.with_keys_only();
        }
        if self.count_only {
            options = options.with_count_only();
        }
        (key, options)
    }
}

impl<'c> IntoFuture for Get<'c> {
    type Output = Result<GetResponse>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.client.send_get(self.request, self.timeout))
    }
}

/// The keys that were found.
#[derive(Debug, Clone, PartialEq)]
pub struct GetResponse {
    revision: i64,
    kvs: Vec<KeyValue>,
    count: i64,
    more: bool,
}

impl GetResponse {
    pub(crate) fn from_wire(response: PbRangeResponse, namespace: &Namespace) -> Self {
        Self {
            revision: response.header.map_or(0, |header| header.revision),
            kvs: namespace.key_values(response.kvs),
            count: response.count,
            more: response.more,
        }
    }

    /// The store's revision at the moment of the read; not the one that was asked for.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The keys, in the order asked for.
    pub fn kvs(&self) -> &[KeyValue] {
        &self.kvs
    }

    /// The keys, taken.
    pub fn into_kvs(self) -> Vec<KeyValue> {
        self.kvs
    }

    /// The first key: for a request about one key, that key, if it is there.
    pub fn first(&self) -> Option<&KeyValue> {
        self.kvs.first()
    }

    /// How many keys the key set holds; limits do not matter.
    pub fn count(&self) -> u64 {
        u64::try_from(self.count).unwrap_or(0)
    }

    /// Whether the limit left keys out.
    pub fn more(&self) -> bool {
        self.more
    }
}
