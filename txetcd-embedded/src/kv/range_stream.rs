//! RangeStream (etcd 3.7): one range at one revision, answered in pieces of bounded size.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use tonic::Status;

use super::range;
use crate::engine::Engine;
use crate::proto::{RangeRequest, RangeResponse, RangeStreamResponse};
use crate::storage::tables::Tables;

/// Keys of the first piece. Later ones grow or shrink towards [`TARGET_BYTES`].
const FIRST_PIECE: i64 = 10;
const TARGET_BYTES: usize = 1024 * 1024;

/// Refuses what etcd does not stream, in its words.
pub(crate) fn check(request: &RangeRequest) -> Result<(), Status> {
    if !range::is_default_order(request) {
        return Err(Status::unimplemented("RangeStream does not support custom sort orders"));
    }
    if range::has_filters(request) {
        return Err(Status::unimplemented("RangeStream does not support revision filters"));
    }
    Ok(())
}

/// The pieces. The last one carries header, count and whether there is more.
pub(crate) fn stream(
    engine: Arc<Engine>,
    request: RangeRequest,
) -> BoxStream<'static, Result<RangeStreamResponse, Status>> {
    let newest = engine.snapshot().revision();
    let left = if request.limit > 0 { request.limit } else { i64::MAX };
    let revision = if request.revision > 0 { request.revision } else { newest };
    // A target without an order means nothing here.
    let request = RangeRequest { revision, sort_target: 0, ..request };
    let pieces = Pieces { engine, newest, request, left, piece: FIRST_PIECE, sent: 0 };
    stream::unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        match pieces.next() {
            Ok((response, true)) => Some((Ok(response), None)),
            Ok((response, false)) => Some((Ok(response), Some(pieces))),
            Err(status) => Some((Err(status), None)),
        }
    })
    .boxed()
}

struct Pieces {
    engine: Arc<Engine>,
    /// The newest revision when the stream began.
    newest: i64,
    /// Its key advances from piece to piece; its revision is fixed. Each piece is read from the newest
    /// state, so that a slow reader keeps no old one from being cleared away.
    request: RangeRequest,
    left: i64,
    piece: i64,
    sent: i64,
}

impl Pieces {
    /// The next piece, and whether it is the last.
    fn next(&mut self) -> Result<(RangeStreamResponse, bool), Status> {
        self.request.limit = self.piece.min(self.left);
        let RangeResponse { kvs, more, count, .. } = range::piece(&*self.engine.snapshot(), &self.request)?;
        let size: usize = kvs.iter().map(|key_value| key_value.key.len() + key_value.value.len()).sum();
        if size < TARGET_BYTES / 2 {
            self.piece = self.piece.saturating_mul(2);
        } else if size > TARGET_BYTES * 2 {
            self.piece = (self.piece / 2).max(1);
        }
        let chosen = i64::try_from(kvs.len()).unwrap_or(i64::MAX);
        self.left -= chosen;
        let last = !more || self.left == 0;
        let mut response = RangeResponse::default();
        if last {
            response.header = Some(self.engine.header(self.newest));
            response.more = more;
            // A piece that was cut short by the request's own limit did not look at the rest.
            response.count = self.sent + if more { self.count_rest()? } else { count };
        }
        self.sent += chosen;
        if let Some(end) = kvs.last() {
            self.request.key = [end.key.as_slice(), &[0]].concat();
        }
        response.kvs = kvs;
        Ok((RangeStreamResponse { range_response: Some(response) }, last))
    }

    /// How many keys there are from the current piece on.
    fn count_rest(&self) -> Result<i64, Status> {
        let rest = RangeRequest { count_only: true, ..self.request.clone() };
        Ok(range::range(&*self.engine.snapshot(), &rest)?.count)
    }
}
