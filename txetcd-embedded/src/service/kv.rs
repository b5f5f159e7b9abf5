//! The KV service.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status};

use crate::engine::Engine;
use crate::kv::{check, compact, delete, put, range, range_stream, txn};
use crate::proto::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, Kv, PutRequest,
    PutResponse, RangeRequest, RangeResponse, RangeStreamResponse, TxnRequest, TxnResponse,
};

pub(crate) struct KvService {
    engine: Arc<Engine>,
}

impl KvService {
    pub(crate) fn new(engine: &Arc<Engine>) -> Self {
        Self { engine: Arc::clone(engine) }
    }
}

#[tonic::async_trait]
impl Kv for KvService {
    type RangeStreamStream = BoxStream<'static, Result<RangeStreamResponse, Status>>;

    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let request = request.into_inner();
        check::message(&request)?;
        check::range(&request)?;
        let mut response = range::range(&*self.engine.snapshot(), &request)?;
        self.engine.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let request = request.into_inner();
        check::message(&request)?;
        check::range(&request)?;
        range_stream::check(&request)?;
        Ok(Response::new(range_stream::stream(Arc::clone(&self.engine), request)))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let request = request.into_inner();
        check::message(&request)?;
        check::put(&request)?;
        check::proposal(&request)?;
        let mut response = self.engine.write(move |batch| put::put(batch, &request)).await?;
        self.engine.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let request = request.into_inner();
        check::message(&request)?;
        check::delete(&request)?;
        check::proposal(&request)?;
        let mut response = self.engine.write(move |batch| delete::apply(batch, &request)).await?;
        self.engine.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let request = request.into_inner();
        check::message(&request)?;
        check::txn(&request)?;
        let mut response = if txn::is_read_only(&request) {
            txn::read(&*self.engine.snapshot(), &request)?
        } else {
            check::proposal(&request)?;
            self.engine.write(move |batch| txn::apply(batch, &request)).await?
        };
        self.engine.complete(&mut response.header);
        Ok(Response::new(response))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let request = request.into_inner();
        let mut response = self.engine.write(move |batch| compact::apply(batch, &request)).await?;
        self.engine.complete(&mut response.header);
        Ok(Response::new(response))
    }
}
