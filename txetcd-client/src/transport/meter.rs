//! [`Meter`]: counts requests and bytes on their way.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use http_body::SizeHint;
use pin_project_lite::pin_project;
use tonic::body::Body;
use tower::{BoxError, Service};

use super::whole::Whole;
use super::{Carrier, Piece, Request, Response};
use crate::stats::Counters;

/// Counts what passes through to the carrier below.
#[derive(Clone)]
pub(crate) struct Meter<S> {
    below: S,
    counters: Arc<Counters>,
}

impl<S> Meter<S> {
    pub(crate) fn new(below: S, counters: Arc<Counters>) -> Self {
        Self { below, counters }
    }
}

impl<S: Carrier> Service<Request> for Meter<S> {
    type Response = Response;
    type Error = BoxError;
    type Future = Metered<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.below.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if !request.uri().path().starts_with("/etcdserverpb.KV/") {
            return Metered { answer: self.below.call(request), counters: None };
        }
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let request =
            request.map(|body| counted(Whole::new(body), &self.counters, |counters| &counters.bytes_sent));
        Metered { answer: self.below.call(request), counters: Some(self.counters.clone()) }
    }
}

pin_project! {
    /// An answer that is counted as it comes, where it is to be.
    pub(crate) struct Metered<F> {
        #[pin]
        answer: F,
        counters: Option<Arc<Counters>>,
    }
}

impl<F: Future<Output = Result<Response, BoxError>>> Future for Metered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = std::task::ready!(this.answer.poll(context));
        Poll::Ready(match this.counters {
            Some(counters) => answer.map(|response| {
                response.map(|body| counted(body, counters, |counters| &counters.bytes_received))
            }),
            None => answer,
        })
    }
}

fn counted(
    body: impl http_body::Body<Data = bytes::Bytes, Error = tonic::Status> + Send + Unpin + 'static,
    counters: &Arc<Counters>,
    counter: fn(&Counters) -> &AtomicU64,
) -> Body {
    Body::new(Counted { body, counters: counters.clone(), counter })
}

/// A body whose bytes are counted as they are polled.
struct Counted<B> {
    body: B,
    counters: Arc<Counters>,
    counter: fn(&Counters) -> &AtomicU64,
}

impl<B> http_body::Body for Counted<B>
where
    B: http_body::Body<Data = bytes::Bytes, Error = tonic::Status> + Unpin,
{
    type Data = bytes::Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Piece> {
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
