//! RangeStream (etcd 3.7): one range, answered in pieces of bounded size from one state.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use tonic::Status;

use super::range;
use crate::engine::Engine;
use crate::proto::{RangeRequest, RangeResponse, RangeStreamResponse};
use crate::storage::snapshot::Snapshot;
use crate::storage::tables::Tables;

/// Keys of the first piece. Later ones grow or shrink towards [`TARGET_BYTES`].
const FIRST_PIECE: i64 = 10;
const TARGET_BYTES: usize = 1024 * 1024;

/// Refuses what etcd does not stream, in its words.
pub(crate) fn check(request: &RangeRequest) -> Result<(), Status> {
    if !range::is_default_order(request) {
        return Err(Status::unimplemented("RangeStream does not support custom sort orders"));
    }
    let filters = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    if filters.iter().any(|&revision| revision != 0) {
        return Err(Status::unimplemented("RangeStream does not support revision filters"));
    }
    Ok(())
}

/// The pieces. The last one carries header, count and whether there is more.
pub(crate) fn stream(
    engine: Arc<Engine>,
    request: RangeRequest,
) -> BoxStream<'static, Result<RangeStreamResponse, Status>> {
    let snapshot = engine.snapshot();
    let left = if request.limit > 0 { request.limit } else { i64::MAX };
    let pieces = Pieces { engine, snapshot, request, left, piece: FIRST_PIECE, sent: 0 };
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
    /// Pinned, so that writes and compactions in between do not show.
    snapshot: Arc<Snapshot>,
    /// Advanced from piece to piece.
    request: RangeRequest,
    left: i64,
    piece: i64,
    sent: i64,
}

impl Pieces {
    /// The next piece, and whether it is the last.
    fn next(&mut self) -> Result<(RangeStreamResponse, bool), Status> {
        self.request.limit = self.piece.min(self.left);
        let RangeResponse { kvs, more, count, .. } = range::piece(&*self.snapshot, &self.request)?;
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
            response.header = Some(self.engine.header(self.snapshot.revision()));
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
        Ok(range::range(&*self.snapshot, &rest)?.count)
    }
}
