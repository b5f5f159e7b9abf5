//! [`Identity`]: whether the store that answers is still the one that was connected to.
//!
//! The headers of all answers pass here. Another cluster id means another cluster, at an address that was given anew
//! or among the endpoints; a revision that goes back means one that was restored from a backup. Either makes
//! worthless what was read before, so that the client answers nothing but this error from then on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use etcd_client::proto::PbResponseHeader;
use etcd_client::{
    DeleteResponse, GetResponse, LeaseGrantResponse, LeaseKeepAliveStream, LeaseKeeper, LeaseRevokeResponse,
    LeaseTimeToLiveResponse, PutResponse, ResponseHeader, StatusResponse, TxnResponse,
};

use crate::error::{Error, Kind, Result};

#[derive(Debug, Default)]
pub(crate) struct Identity {
    cluster: OnceLock<u64>,
    /// The newest revision that was seen.
    revision: AtomicI64,
    changed: OnceLock<Error>,
}

impl Identity {
    /// The newest revision that was seen: what is asked for from now on may not be older.
    pub(crate) fn revision(&self) -> i64 {
        self.revision.load(Ordering::Acquire)
    }

    /// Fails once the store is known to have changed.
    pub(crate) fn check(&self) -> Result<()> {
        self.changed.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Looks at the header of an answer.
    pub(crate) fn see(&self, header: &PbResponseHeader, endpoint: &str) -> Result<()> {
        let cluster = *self.cluster.get_or_init(|| header.cluster_id);
        if cluster != header.cluster_id {
            let error = Error::new(
                Kind::StoreChanged,
                format!(
                    "{endpoint} belongs to cluster {:x}, not to {cluster:x}, which was connected to first: \
                     connect anew, to endpoints of one cluster",
                    header.cluster_id
                ),
            );
            return Err(self.changed.get_or_init(|| error).clone());
        }
        self.revision.fetch_max(header.revision, Ordering::AcqRel);
        Ok(())
    }

    /// The store's revision has gone back for good.
    pub(crate) fn went_back(&self, seen: i64, header: &PbResponseHeader, endpoint: &str) -> Error {
        let error = Error::new(
            Kind::StoreChanged,
            format!(
                "the store at {endpoint} is at revision {}, and was at {seen} before: it was restored from a \
                 backup, or lost its data; forget what was read from it, and connect anew",
                header.revision
            ),
        );
        self.changed.get_or_init(|| error).clone()
    }
}

/// An answer of the store.
pub(crate) trait Answer {
    fn header(&self) -> Option<&ResponseHeader>;
}

macro_rules! answers {
    ($($response:ty),+) => {
        $(impl Answer for $response {
            fn header(&self) -> Option<&ResponseHeader> {
                self.header()
            }
        })+
    };
}

answers!(
    DeleteResponse,
    GetResponse,
    LeaseGrantResponse,
    LeaseRevokeResponse,
    LeaseTimeToLiveResponse,
    PutResponse,
    StatusResponse,
    TxnResponse
);

impl Answer for (LeaseKeeper, LeaseKeepAliveStream) {
    fn header(&self) -> Option<&ResponseHeader> {
        None // Its answers come later.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(cluster_id: u64, revision: i64) -> PbResponseHeader {
        PbResponseHeader { cluster_id, revision, ..Default::default() }
    }

    #[test]
    fn another_cluster_is_final() {
        let identity = Identity::default();
        identity.see(&header(1, 5), "http://a:1").unwrap();
        identity.check().unwrap();
        let error = identity.see(&header(2, 9), "http://b:1").unwrap_err();
        assert!(error.is_store_changed() && error.to_string().contains("http://b:1"), "{error}");
        assert!(identity.check().unwrap_err().is_store_changed());
        assert_eq!(identity.revision(), 5);
    }

    #[test]
    fn a_member_that_lags_is_no_other_store() {
        let identity = Identity::default();
        identity.see(&header(1, 5), "http://a:1").unwrap();
        identity.see(&header(1, 4), "http://b:1").unwrap();
        assert_eq!(identity.revision(), 5);
        identity.check().unwrap();
    }
}
