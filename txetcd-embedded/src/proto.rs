//! The protocol's messages under the names that etcd's own `.proto` files give them.

pub(crate) use etcd_client::proto::{
    PbAlarmRequest as AlarmRequest, PbAlarmResponse as AlarmResponse, PbClusterServer as ClusterServer,
    PbClusterService as Cluster, PbCompactionRequest as CompactionRequest,
    PbCompactionResponse as CompactionResponse, PbCompare as Compare,
    PbDefragmentRequest as DefragmentRequest, PbDefragmentResponse as DefragmentResponse,
    PbDeleteRequest as DeleteRangeRequest, PbDeleteResponse as DeleteRangeResponse,
    PbDowngradeInfo as DowngradeInfo, PbDowngradeRequest as DowngradeRequest,
    PbDowngradeResponse as DowngradeResponse, PbEvent as Event, PbHashKvRequest as HashKvRequest,
    PbHashKvResponse as HashKvResponse, PbHashRequest as HashRequest, PbHashResponse as HashResponse,
    PbKeyValue as KeyValue, PbKvServer as KvServer, PbKvService as Kv,
    PbLeaseGrantRequest as LeaseGrantRequest, PbLeaseGrantResponse as LeaseGrantResponse,
    PbLeaseKeepAliveRequest as LeaseKeepAliveRequest, PbLeaseKeepAliveResponse as LeaseKeepAliveResponse,
    PbLeaseLeasesRequest as LeaseLeasesRequest, PbLeaseLeasesResponse as LeaseLeasesResponse,
    PbLeaseRevokeRequest as LeaseRevokeRequest, PbLeaseRevokeResponse as LeaseRevokeResponse,
    PbLeaseServer as LeaseServer, PbLeaseService as Lease, PbLeaseStatus as LeaseStatus,
    PbLeaseTimeToLiveRequest as LeaseTimeToLiveRequest, PbLeaseTimeToLiveResponse as LeaseTimeToLiveResponse,
    PbMaintenanceServer as MaintenanceServer, PbMaintenanceService as Maintenance, PbMember as Member,
    PbMemberAddRequest as MemberAddRequest, PbMemberAddResponse as MemberAddResponse,
    PbMemberListRequest as MemberListRequest, PbMemberListResponse as MemberListResponse,
    PbMemberPromoteRequest as MemberPromoteRequest, PbMemberPromoteResponse as MemberPromoteResponse,
    PbMemberRemoveRequest as MemberRemoveRequest, PbMemberRemoveResponse as MemberRemoveResponse,
    PbMemberUpdateRequest as MemberUpdateRequest, PbMemberUpdateResponse as MemberUpdateResponse,
    PbMoveLeaderRequest as MoveLeaderRequest, PbMoveLeaderResponse as MoveLeaderResponse,
    PbPutRequest as PutRequest, PbPutResponse as PutResponse, PbRangeRequest as RangeRequest,
    PbRangeResponse as RangeResponse, PbRangeStreamResponse as RangeStreamResponse,
    PbResponseHeader as ResponseHeader, PbResponseOp as ResponseOp, PbSnapshotRequest as SnapshotRequest,
    PbSnapshotResponse as SnapshotResponse, PbStatusRequest as StatusRequest,
    PbStatusResponse as StatusResponse, PbTargetUnion as TargetUnion, PbTxnOpRequest as Request,
    PbTxnOpResponse as Response, PbTxnRequest as TxnRequest, PbTxnRequestOp as RequestOp,
    PbTxnResponse as TxnResponse, PbWatchRequest as WatchRequest, PbWatchRequestUnion as WatchRequestUnion,
    PbWatchResponse as WatchResponse, PbWatchServer as WatchServer, PbWatchService as Watch,
};

/// A header that carries a revision only; a service completes it with the ids before it answers.
pub(crate) fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..Default::default() })
}
