//! Faults on purpose: replies lost or cut, requests delivered late. Only with the feature `fault-injection`, for tests.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http_body::Frame;
use tonic::body::Body;
use tower::{BoxError, Service};

use super::{Request, Response, Transport};

/// Decides what happens to each request.
pub trait Faults: Send + Sync + 'static {
    /// `path` is the gRPC method, `/etcdserverpb.KV/Txn` for instance.
    fn next(&self, path: &str) -> Fault;
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

impl Service<Request> for Faulty {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.below.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let failed = || Err(tonic::Status::unavailable("injected fault").into());
        match self.faults.next(request.uri().path()) {
            Fault::None => Box::pin(self.below.call(request)),
            Fault::LoseRequest => Box::pin(async move { failed() }),
            fault @ (Fault::CutAfter(left) | Fault::SilentAfter(left)) => {
                let answer = self.below.call(request);
                let silent = matches!(fault, Fault::SilentAfter(_));
                Box::pin(async move { Ok(answer.await?.map(|body| Body::new(Short { body, left, silent }))) })
            }
            Fault::LoseReply => {
                let answer = self.below.call(request);
                Box::pin(async move {
                    drop(tokio::spawn(answer).await);
                    failed()
                })
            }
            Fault::Late(delay) => {
                let mut below = self.below.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    // Readiness was awaited by the caller on another clone, so ask again.
                    let ready = std::future::poll_fn(|context| below.poll_ready(context)).await;
                    if ready.is_ok() {
                        drop(below.call(request).await);
                    }
                });
                Box::pin(async move { failed() })
            }
        }
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

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
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
