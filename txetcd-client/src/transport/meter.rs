//! [`Meter`]: counts requests and bytes on their way.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tower::{BoxError, Service};

use super::{Request, Response, Transport};
use crate::stats::Counters;

/// Counts what passes through to the transport below.
#[derive(Clone)]
pub(crate) struct Meter {
    below: Transport,
    counters: Arc<Counters>,
}

impl Meter {
    pub(crate) fn new(below: Transport, counters: Arc<Counters>) -> Self {
        Self { below, counters }
    }
}

impl Service<Request> for Meter {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.below.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if !request.uri().path().starts_with("/etcdserverpb.KV/") {
            return Box::pin(self.below.call(request));
        }
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let counters = self.counters.clone();
        let request = request.map(|body| counted(body, &counters, |counters| &counters.bytes_sent));
        let answer = self.below.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| counted(body, &counters, |counters| &counters.bytes_received)))
        })
    }
}

fn counted(body: Body, counters: &Arc<Counters>, counter: fn(&Counters) -> &AtomicU64) -> Body {
    Body::new(Counted { body, counters: counters.clone(), counter })
}

/// A body whose bytes are counted as they are polled.
struct Counted {
    body: Body,
    counters: Arc<Counters>,
    counter: fn(&Counters) -> &AtomicU64,
}

impl http_body::Body for Counted {
    type Data = bytes::Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            (self.counter)(&self.counters).fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
