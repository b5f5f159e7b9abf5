//! What is said to requests that would change a cluster of one.

use etcd_client::proto::{
    PbMemberListRequest, PbMemberPromoteRequest, PbMemberRemoveRequest, PbMemberUpdateRequest,
    PbMoveLeaderRequest,
};

use crate::support::rpc::{Call, Rpc};

/// The answers. Up to 3.4 the code of the last one is none in particular.
pub(crate) async fn answers(rpc: &Rpc) -> Vec<String> {
    let own = rpc.call(PbMemberListRequest::default()).await.unwrap().members[0].id;
    vec![
        said(rpc, PbMemberRemoveRequest { id: 1 }).await,
        said(rpc, PbMemberPromoteRequest { id: 1 }).await,
        said(rpc, PbMemberUpdateRequest { id: 1, peer_ur_ls: vec!["http://127.0.0.1:1".to_owned()] }).await,
        said(rpc, PbMoveLeaderRequest { target_id: 1 }).await,
        said(rpc, PbMoveLeaderRequest { target_id: own }).await,
        said(rpc, PbMemberPromoteRequest { id: own }).await,
        said(rpc, PbMemberRemoveRequest { id: own }).await,
    ]
}

async fn said<C: Call>(rpc: &Rpc, request: C) -> String {
    let answer = rpc.call(request).await;
    format!("{}: {answer:?}", C::PATH).replace("Unknown", "FailedPrecondition")
}
