//! Faults on purpose: replies lost or cut, requests delivered late, everything on its way for some time. Only with the
//! feature `fault-injection`, for tests.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use etcd_client::proto::{PbTxnOpRequest, PbTxnRequest, PbTxnRequestOp};
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tower::{BoxError, Service, ServiceExt as _};

use super::endpoints::in_another_task;
use super::{Piece, Request, Response, Transport};

/// Decides what happens to each request.
pub trait Faults: Send + Sync + 'static {
    /// `path` is the gRPC method, `/etcdserverpb.KV/Txn` for instance.
    fn next(&self, path: &str) -> Fault;

    /// How long a request to this method, or a piece of an answer, is on its way. Where it is not always the same,
    /// requests and answers overtake each other.
    fn latency(&self, path: &str) -> Duration {
        let _ = path;
        Duration::ZERO
    }

    /// Whether the server refuses transactions that have others in them, as some do that are compatible with etcd. If it
    /// does, no other fault befalls transactions.
    fn refuses_nested(&self) -> bool {
        false
    }
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is delivered and answered.
    None,
    /// It is delivered, and the answer is lost.
    LoseReply,
    /// The caller is told that it failed, and it is delivered so much later all the same.
    Late(Duration),
    /// It is lost, and the caller is told that it failed.
    LoseRequest,
    /// It is delivered, and the answer breaks off after so many pieces of data.
    CutAfter(usize),
    /// It is delivered, and after so many pieces of data the answer is silent, and does not end.
    SilentAfter(usize),
}

/// The layer that injects faults.
#[derive(Clone)]
pub(crate) struct Faulty {
    below: Transport,
    faults: Arc<dyn Faults>,
}

impl Faulty {
    pub(crate) fn new(below: Transport, faults: Arc<dyn Faults>) -> Self {
        Self { below, faults }
    }
}

impl Faulty {
    /// Sends a request that is so long on its way. Once sent it arrives, whatever becomes of this future.
    fn deliver(
        &mut self,
        request: Request,
        delay: Duration,
    ) -> BoxFuture<'static, Result<Response, BoxError>> {
        if delay.is_zero() {
            return self.below.call(request);
        }
        let below = self.below.clone();
        let delivered = tokio::spawn(in_another_task(async move {
            tokio::time::sleep(delay).await;
            // The caller awaited readiness on another clone, so `oneshot` asks again.
            below.oneshot(request).await
        }));
        Box::pin(async move { delivered.await? })
    }
}

impl Service<Request> for Faulty {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.below.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let failed = || Err(Status::unavailable("injected fault").into());
        let path: Arc<str> = request.uri().path().into();
        if path.ends_with("KV/Txn") && self.faults.refuses_nested() {
            return Box::pin(unless_nested(self.below.clone(), request));
        }
        let fault = self.faults.next(&path);
        let delay = match fault {
            Fault::LoseRequest => return Box::pin(async move { failed() }),
            Fault::Late(delay) => delay,
            _ => self.faults.latency(&path),
        };
        let answer = self.deliver(request, delay);
        let faults = self.faults.clone();
        let slow = move |body| Body::new(Slow { body, faults, path, coming: None });
        match fault {
            Fault::CutAfter(left) | Fault::SilentAfter(left) => {
                let silent = matches!(fault, Fault::SilentAfter(_));
                let short = move |body| Body::new(Short { body, left, silent });
                Box::pin(async move { Ok(answer.await?.map(slow).map(short)) })
            }
            Fault::LoseReply => Box::pin(async move {
                drop(tokio::spawn(answer).await);
                failed()
            }),
            Fault::Late(_) => {
                tokio::spawn(answer);
                Box::pin(async move { failed() })
            }
            Fault::None | Fault::LoseRequest => Box::pin(async move { Ok(answer.await?.map(slow)) }),
        }
    }
}

/// The bytes before a message of gRPC: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Sends a transaction that has no other in it, and refuses others.
async fn unless_nested(below: Transport, request: Request) -> Result<Response, BoxError> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let PbTxnRequest { success, failure, .. } = PbTxnRequest::decode(bytes.slice(PREFIX..))?;
    let is_nested = |op: &PbTxnRequestOp| matches!(op.request, Some(PbTxnOpRequest::RequestTxn(_)));
    if success.iter().chain(&failure).any(is_nested) {
        return Err(Status::invalid_argument("unsupported operations in txn request").into());
    }
    below.oneshot(Request::from_parts(parts, Body::new(Full::new(bytes)))).await
}

/// A body whose pieces take their time, and arrive in order.
struct Slow {
    body: Body,
    faults: Arc<dyn Faults>,
    path: Arc<str>,
    coming: Option<(Pin<Box<Sleep>>, Piece)>,
}

impl http_body::Body for Slow {
    type Data = bytes::Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Piece> {
        if self.coming.is_none() {
            let piece = ready!(Pin::new(&mut self.body).poll_frame(context));
            let delay = self.faults.latency(&self.path);
            if delay.is_zero() {
                return Poll::Ready(piece);
            }
            self.coming = Some((Box::pin(tokio::time::sleep(delay)), piece));
        }
        if let Some((arrival, _)) = &mut self.coming {
            ready!(arrival.as_mut().poll(context));
        }
        Poll::Ready(self.coming.take().and_then(|(_, piece)| piece))
    }
}

/// A body that breaks off, or goes silent.
struct Short {
    body: Body,
    left: usize,
    silent: bool,
}

impl http_body::Body for Short {
    type Data = bytes::Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Piece> {
        if self.left == 0 && self.silent {
            return Poll::Pending;
        }
        if self.left == 0 {
            return Poll::Ready(Some(Err(tonic::Status::unavailable("injected fault"))));
        }
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if polled.is_ready() {
            self.left -= 1;
        }
        polled
    }
}
