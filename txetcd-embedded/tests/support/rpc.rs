//! Calls with the protocol's own messages, so that a test can say anything a client could.

use etcd_client::proto::{
    PbAlarmRequest, PbAlarmResponse, PbCompactionRequest, PbCompactionResponse, PbDeleteRequest,
    PbDeleteResponse, PbHashKvRequest, PbHashKvResponse, PbLeaseGrantRequest, PbLeaseGrantResponse,
    PbLeaseLeasesRequest, PbLeaseLeasesResponse, PbLeaseRevokeRequest, PbLeaseRevokeResponse,
    PbLeaseTimeToLiveRequest, PbLeaseTimeToLiveResponse, PbMemberListRequest, PbMemberListResponse,
    PbMemberPromoteRequest, PbMemberPromoteResponse, PbMemberRemoveRequest, PbMemberRemoveResponse,
    PbMemberUpdateRequest, PbMemberUpdateResponse, PbMoveLeaderRequest, PbMoveLeaderResponse, PbPutRequest,
    PbPutResponse, PbRangeRequest, PbRangeResponse, PbRangeStreamResponse, PbStatusRequest, PbStatusResponse,
    PbTxnRequest, PbTxnResponse,
};
use etcd_client::{Channel, Client};
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::http::{Request, Response};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt};
use txetcd_embedded::Store;

type Service = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// What a call comes to; two servers agree when these are equal.
pub(crate) type Outcome<T> = Result<T, (Code, String)>;

/// A server that understands etcd's protocol: a store in the process, or etcd.
#[derive(Clone)]
pub(crate) struct Rpc {
    service: Service,
}

/// A request, its method's path, and its response.
pub(crate) trait Call: prost::Message + 'static {
    type Response: prost::Message + std::fmt::Debug + Default + 'static;
    const PATH: &'static str;
}

macro_rules! calls {
    ($($request:ty => $response:ty, $path:literal;)*) => {
        $(impl Call for $request {
            type Response = $response;
            const PATH: &'static str = concat!("/etcdserverpb.", $path);
        })*
    };
}

calls! {
    PbRangeRequest => PbRangeResponse, "KV/Range";
    PbPutRequest => PbPutResponse, "KV/Put";
    PbDeleteRequest => PbDeleteResponse, "KV/DeleteRange";
    PbTxnRequest => PbTxnResponse, "KV/Txn";
    PbCompactionRequest => PbCompactionResponse, "KV/Compact";
    PbLeaseGrantRequest => PbLeaseGrantResponse, "Lease/LeaseGrant";
    PbLeaseRevokeRequest => PbLeaseRevokeResponse, "Lease/LeaseRevoke";
    PbLeaseTimeToLiveRequest => PbLeaseTimeToLiveResponse, "Lease/LeaseTimeToLive";
    PbLeaseLeasesRequest => PbLeaseLeasesResponse, "Lease/LeaseLeases";
    PbStatusRequest => PbStatusResponse, "Maintenance/Status";
    PbHashKvRequest => PbHashKvResponse, "Maintenance/HashKV";
    PbAlarmRequest => PbAlarmResponse, "Maintenance/Alarm";
    PbMemberListRequest => PbMemberListResponse, "Cluster/MemberList";
    PbMemberRemoveRequest => PbMemberRemoveResponse, "Cluster/MemberRemove";
    PbMemberUpdateRequest => PbMemberUpdateResponse, "Cluster/MemberUpdate";
    PbMemberPromoteRequest => PbMemberPromoteResponse, "Cluster/MemberPromote";
    PbMoveLeaderRequest => PbMoveLeaderResponse, "Maintenance/MoveLeader";
}

impl Rpc {
    pub(crate) fn embedded(store: &Store) -> Self {
        let service = ServiceExt::<Request<Body>>::map_err(store.service(), Into::into);
        Self { service: BoxCloneSyncService::new(service) }
    }

    pub(crate) async fn connect(url: &str) -> Self {
        let endpoint = tonic::transport::Endpoint::from_shared(url.to_owned()).unwrap();
        let channel = endpoint.connect().await.unwrap();
        let service = ServiceExt::<Request<Body>>::map_err(channel, Into::into);
        Self { service: BoxCloneSyncService::new(service) }
    }

    /// The usual client on the same server.
    pub(crate) async fn client(&self) -> Client {
        Client::from_channel(Channel::Custom(self.service.clone()), None).await.unwrap()
    }

    pub(crate) async fn call<C: Call>(&self, request: C) -> Outcome<C::Response> {
        let answer = async {
            let codec = ProstCodec::<C, C::Response>::default();
            let path = PathAndQuery::from_static(C::PATH);
            self.ready().await?.unary(tonic::Request::new(request), path, codec).await
        }
        .await;
        answer.map(tonic::Response::into_inner).map_err(outcome)
    }

    /// The pieces of a range, put together.
    pub(crate) async fn range_stream(&self, request: PbRangeRequest) -> Outcome<PbRangeResponse> {
        let answer = async {
            let codec = ProstCodec::<PbRangeRequest, PbRangeStreamResponse>::default();
            let path = PathAndQuery::from_static("/etcdserverpb.KV/RangeStream");
            let request = tonic::Request::new(request);
            let mut pieces = self.ready().await?.server_streaming(request, path, codec).await?.into_inner();
            let mut whole = PbRangeResponse::default();
            while let Some(piece) = pieces.message().await? {
                let piece = piece.range_response.unwrap_or_default();
                whole.kvs.extend(piece.kvs);
                whole = PbRangeResponse { kvs: whole.kvs, ..piece };
            }
            Ok(whole)
        }
        .await;
        answer.map_err(outcome)
    }

    async fn ready(&self) -> Result<Grpc<Service>, Status> {
        let mut grpc = Grpc::new(self.service.clone()).max_decoding_message_size(usize::MAX);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }
}

fn outcome(status: Status) -> (Code, String) {
    (status.code(), status.message().to_owned())
}
