//! The Cluster service of a cluster of one.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::engine::Engine;
use crate::failure::Refusal;
use crate::proto::{
    Cluster, Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
    MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
    MemberUpdateRequest, MemberUpdateResponse,
};

/// What the one member is called.
const NAME: &str = "embedded";

pub(crate) struct ClusterService {
    engine: Arc<Engine>,
    /// Where clients reach the member. They connect to what is said here when they synchronize.
    url: Option<String>,
}

impl ClusterService {
    pub(crate) fn new(engine: &Arc<Engine>, url: Option<String>) -> Self {
        Self { engine: Arc::clone(engine), url }
    }

    fn is_own(&self, id: u64) -> Result<(), Refusal> {
        if id == self.engine.member_id() { Ok(()) } else { Err(Refusal::MemberNotFound) }
    }
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_list(
        &self,
        _: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        let member = Member {
            id: self.engine.member_id(),
            name: NAME.to_owned(),
            client_ur_ls: self.url.iter().cloned().collect(),
            ..Default::default()
        };
        // etcd leaves the revision out here.
        let header = Some(self.engine.header(0));
        Ok(Response::new(MemberListResponse { header, members: vec![member] }))
    }

    async fn member_add(&self, _: Request<MemberAddRequest>) -> Result<Response<MemberAddResponse>, Status> {
        Err(alone())
    }

    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        self.is_own(request.into_inner().id)?;
        Err(Refusal::NotEnoughMembers.into())
    }

    async fn member_update(
        &self,
        request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        self.is_own(request.into_inner().id)?;
        Err(alone())
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        self.is_own(request.into_inner().id)?;
        Err(Refusal::MemberNotLearner.into())
    }
}

fn alone() -> Status {
    Status::unimplemented("txetcd-embedded: the embedded store is a cluster of one, which cannot change")
}
