//! [`Place`]: where the store is, and which endpoint of it is in use.

use super::Client;
use crate::transport::endpoints::Endpoints;

/// Where the store is.
pub(crate) enum Place {
    Cluster(Endpoints),
    #[cfg(feature = "embedded")]
    Embedded(String),
}

impl Client {
    /// The endpoint in use: its URL, or the name of the embedded store.
    pub fn endpoint(&self) -> &str {
        self.endpoint_at(self.endpoint_index())
    }

    /// The URLs of the endpoints that failed and have not answered since. They are not used while there are others.
    pub fn failed_endpoints(&self) -> Vec<&str> {
        match &self.0.place {
            Place::Cluster(endpoints) => endpoints.failed(),
            #[cfg(feature = "embedded")]
            Place::Embedded(_) => Vec::new(),
        }
    }

    pub(crate) fn endpoint_at(&self, index: usize) -> &str {
        match &self.0.place {
            Place::Cluster(endpoints) => endpoints.url(index),
            #[cfg(feature = "embedded")]
            Place::Embedded(name) => name,
        }
    }

    pub(crate) fn endpoint_index(&self) -> usize {
        match &self.0.place {
            Place::Cluster(endpoints) => endpoints.index(),
            #[cfg(feature = "embedded")]
            Place::Embedded(_) => 0,
        }
    }

    pub(super) fn endpoint_count(&self) -> u32 {
        match &self.0.place {
            Place::Cluster(endpoints) => u32::try_from(endpoints.len()).unwrap_or(u32::MAX),
            #[cfg(feature = "embedded")]
            Place::Embedded(_) => 1,
        }
    }

    pub(crate) fn leave_endpoint(&self, index: usize) {
        match &self.0.place {
            Place::Cluster(endpoints) => endpoints.leave(index),
            #[cfg(feature = "embedded")]
            Place::Embedded(_) => {}
        }
    }
}
