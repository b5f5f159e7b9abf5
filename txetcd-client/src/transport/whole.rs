//! [`Whole`]: a request that ends with its last piece.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::SizeHint;
use tonic::body::Body;

use super::Piece;

/// A body that knows with its last piece that nothing follows, if that can be known then. Else the end of each request is a
/// frame by itself, and takes one more call of the system on either side.
pub(super) struct Whole {
    body: Body,
    /// What comes after the last piece, if it is known.
    ahead: Option<Piece>,
}

impl Whole {
    pub(super) fn new(body: Body) -> Self {
        Self { body, ahead: None }
    }
}

impl http_body::Body for Whole {
    type Data = bytes::Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Piece> {
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::Waker;

    use http_body::{Body as _, Frame};

    use super::*;

    /// Pieces, and moments at which the next one is not there yet.
    struct Pieces(VecDeque<Option<&'static [u8]>>);

    impl http_body::Body for Pieces {
        type Data = bytes::Bytes;
        type Error = tonic::Status;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Piece> {
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
