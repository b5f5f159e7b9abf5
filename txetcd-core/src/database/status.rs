//! What [`Database::status`](crate::Database::status) tells.

/// The state of the store, as of one read. Needs no right beyond the database's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub(super) revision: i64,
    pub(super) cluster_id: u64,
    pub(super) endpoint: String,
}

impl Status {
    /// The store's current revision.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The id of the cluster that answered.
    pub fn cluster_id(&self) -> u64 {
        self.cluster_id
    }

    /// The endpoint in use: its URL, or the name of the embedded store.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}
