//! [`WatchStream`]: the face of a feed.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};

use super::event::WatchResponse;
use super::feed::Feed;
use crate::error::Result;

/// Whole revisions in their order: none is lost, repeated or cut.
///
/// The stream outlives lost connections, changes of the leader and the loss of members; it goes on where it was. An
/// error is its last item: [`is_compacted`](crate::Error::is_compacted) if the history that it needed is gone (then
/// read the keys anew, and watch from the revision after that of the answer),
/// [`is_permission_denied`](crate::Error::is_permission_denied), or
/// [`is_store_changed`](crate::Error::is_store_changed).
///
/// Whoever reads slowly holds up nobody else and fills no memory: the store keeps what was not read, until it is
/// compacted. Futures of `next()` can be dropped without losing anything.
#[must_use = "a watch is over when its stream is dropped"]
pub struct WatchStream {
    from: i64,
    responses: BoxStream<'static, Result<WatchResponse>>,
}

impl WatchStream {
    pub(super) fn new(feed: Feed) -> Self {
        let from = feed.next_revision();
        let responses =
            stream::try_unfold(feed, |mut feed| async move { Ok(Some((feed.next().await?, feed))) });
        Self { from, responses: responses.boxed() }
    }

    /// The revision that the stream begins with: of this and all later ones it brings what is watched.
    pub fn from(&self) -> i64 {
        self.from
    }
}

impl Stream for WatchStream {
    type Item = Result<WatchResponse>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.responses.poll_next_unpin(context)
    }
}

impl fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream").field("from", &self.from).finish_non_exhaustive()
    }
}
