//! [`Meter`]: counts requests and bytes on their way.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use http_body::{Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::body::Body;
use tower::{BoxError, Service};

use super::{Carrier, Request, Response};
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

/// A body that knows with its last piece that nothing follows, if that can be known then. Else the end of each request is a
/// frame by itself, and takes one more call of the system on either side.
struct Whole {
    body: Body,
    /// What comes after the last piece, if it is known.
    ahead: Option<Option<Result<Frame<bytes::Bytes>, tonic::Status>>>,
}

impl Whole {
    fn new(body: Body) -> Self {
        Self { body, ahead: None }
    }
}

impl http_body::Body for Whole {
    type Data = bytes::Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = match self.ahead.take() {
            Some(ahead) => Poll::Ready(ahead),
            None => Pin::new(&mut self.body).poll_frame(context),
        };
        if let Poll::Ready(Some(Ok(_))) = polled
            && let Poll::Ready(ahead) = Pin::new(&mut self.body).poll_frame(context)
        {
            self.ahead = Some(ahead);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.ahead {
            Some(ahead) => ahead.is_none(),
            None => self.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.ahead {
            Some(_) => SizeHint::default(),
            None => self.body.size_hint(),
        }
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use http_body::Body as _;

    use super::*;

    /// Pieces, and moments at which the next one is not there yet.
    struct Pieces(VecDeque<Option<&'static [u8]>>);

    impl http_body::Body for Pieces {
        type Data = bytes::Bytes;
        type Error = tonic::Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<bytes::Bytes>, tonic::Status>>> {
            match self.0.pop_front() {
                Some(Some(piece)) => Poll::Ready(Some(Ok(Frame::data(piece.into())))),
                Some(None) => Poll::Pending,
                None => Poll::Ready(None),
            }
        }
    }

    /// What is polled: a piece and whether it is said to be the last, or `None` if it is not there yet.
    fn polled(pieces: &[Option<&'static [u8]>]) -> Vec<Option<(bytes::Bytes, bool)>> {
        let pieces = Pieces(pieces.iter().copied().collect());
        let (mut whole, mut polled) = (Whole::new(Body::new(pieces)), Vec::new());
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut whole).poll_frame(&mut context) {
                Poll::Ready(Some(frame)) => {
                    let piece = frame.expect("no error").into_data().expect("data");
                    polled.push(Some((piece, whole.is_end_stream())));
                }
                Poll::Ready(None) => return polled,
                Poll::Pending => polled.push(None),
            }
        }
    }

    #[test]
    fn the_last_piece_is_known_for_it_if_that_can_be_known() {
        let piece = |bytes: &'static str, is_last| Some((bytes.into(), is_last));
        assert_eq!(polled(&[]), []);
        assert_eq!(polled(&[Some(b"a")]), [piece("a", true)]);
        assert_eq!(polled(&[Some(b"a"), Some(b"b")]), [piece("a", false), piece("b", true)]);
        // Nobody waits for what is not there yet.
        assert_eq!(polled(&[None, Some(b"a"), None]), [None, piece("a", false)]);
        assert_eq!(polled(&[Some(b"a"), None, Some(b"b")]), [piece("a", false), piece("b", true)]);
    }
}
