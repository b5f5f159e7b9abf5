//! The Lease service.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::engine::Engine;
use crate::failure::{Refusal, unreadable};
use crate::lease::apply;
use crate::lease::clock::Renewal;
use crate::proto::{
    Lease, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
    LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus,
    LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};

pub(crate) struct LeaseService {
    engine: Arc<Engine>,
}

impl LeaseService {
    pub(crate) fn new(engine: &Arc<Engine>) -> Self {
        Self { engine: Arc::clone(engine) }
    }
}

#[tonic::async_trait]
impl Lease for LeaseService {
    type LeaseKeepAliveStream = BoxStream<'static, Result<LeaseKeepAliveResponse, Status>>;

    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        let request = request.into_inner();
        let mut response = self.engine.write(move |batch| apply::grant(batch, &request)).await?;
        self.engine.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        let request = request.into_inner();
        let mut response = self.engine.write(move |batch| apply::revoke(batch, &request)).await?;
        self.engine.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let session = (Arc::clone(&self.engine), request.into_inner());
        let answers = stream::try_unfold(session, |(engine, mut requests)| async move {
            let Some(request) = requests.message().await? else { return Ok(None) };
            let response = keep_alive(&engine, request.id).await?;
            Ok(Some((response, (engine, requests))))
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        let LeaseTimeToLiveRequest { id, keys } = request.into_inner();
        let header = Some(self.engine.newest_header());
        let unknown = LeaseTimeToLiveResponse { header, id, ttl: -1, ..Default::default() };
        let Some(time) = self.engine.clock().time_to_live(id) else { return Ok(Response::new(unknown)) };
        let keys = if keys {
            apply::keys(&*self.engine.snapshot(), id).map_err(|error| unreadable(&error))?
        } else {
            Vec::new()
        };
        Ok(Response::new(LeaseTimeToLiveResponse {
            ttl: time.left,
            granted_ttl: time.granted,
            keys,
            ..unknown
        }))
    }

    async fn lease_leases(
        &self,
        _: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        let leases = self.engine.clock().ids().into_iter().map(|id| LeaseStatus { id }).collect();
        Ok(Response::new(LeaseLeasesResponse { header: Some(self.engine.newest_header()), leases }))
    }
}

/// Gives a lease its full time again. One that is unknown, or over, is answered with a TTL of 0.
async fn keep_alive(engine: &Engine, id: i64) -> Result<LeaseKeepAliveResponse, Status> {
    // Taken first: a lease that ends meanwhile must not appear alive at the revision that ended it.
    let header = Some(engine.newest_header());
    let ttl = match engine.clock().renew(id) {
        Renewal::Renewed(ttl) => ttl,
        Renewal::Unknown => 0,
        Renewal::NeedsWrite => match engine.write(move |batch| apply::refresh(batch, id)).await {
            Ok(ttl) => ttl,
            Err(status) if status.code() == Refusal::LeaseNotFound.code() => 0,
            Err(status) => return Err(status),
        },
    };
    Ok(LeaseKeepAliveResponse { header, id, ttl })
}
