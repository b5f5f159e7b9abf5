//! [`MemberStatus`]: what a member of a cluster says of itself.

/// What a member of etcd says of itself; see [`Client::member_status`](crate::Client::member_status).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberStatus {
    /// The id of the cluster.
    pub cluster_id: u64,
    /// The id of the member.
    pub member_id: u64,
    /// The store's revision, as far as the member knows.
    pub revision: i64,
    /// The version of etcd; an embedded store says which one it does as.
    pub version: String,
    /// The size of the member's database, in bytes.
    pub db_size: u64,
    /// The id of the leader; 0 if the member knows none.
    pub leader: u64,
    /// The index of raft.
    pub raft_index: u64,
    /// The term of raft.
    pub raft_term: u64,
}

impl MemberStatus {
    pub(crate) fn of(response: &etcd_client::StatusResponse) -> Self {
        let header = response.header();
        Self {
            cluster_id: header.map_or(0, etcd_client::ResponseHeader::cluster_id),
            member_id: header.map_or(0, etcd_client::ResponseHeader::member_id),
            revision: header.map_or(0, etcd_client::ResponseHeader::revision),
            version: response.version().to_owned(),
            db_size: u64::try_from(response.db_size()).unwrap_or(0),
            leader: response.leader(),
            raft_index: response.raft_index(),
            raft_term: response.raft_term(),
        }
    }
}
