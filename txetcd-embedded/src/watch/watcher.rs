//! [`Watcher`]: one watch on a stream, and how its events are cut into messages.

use prost::Message;

use crate::key_range::KeyRange;
use crate::proto::{Event, ResponseHeader, WatchResponse};
use crate::storage::record::Kind;

/// One watch on a stream.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) id: i64,
    pub(crate) key: Vec<u8>,
    pub(crate) range_end: Vec<u8>,
    /// The first revision that it has not been told of.
    pub(crate) next: i64,
    pub(crate) prev_kv: bool,
    /// Where its messages are cut, if it lets them be cut.
    pub(crate) most_bytes: Option<usize>,
    pub(crate) progress_notify: bool,
    pub(crate) filters: Filters,
    /// Whether nothing was sent since the last look at who needs to be told of progress.
    pub(crate) idle: bool,
}

/// Kinds of changes that a watcher does not want.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filters {
    puts: bool,
    deletes: bool,
}

impl Filters {
    /// Reads the protocol's list, in which unknown filters are skipped.
    pub(crate) fn new(filters: &[i32]) -> Self {
        Self { puts: filters.contains(&0), deletes: filters.contains(&1) }
    }

    fn admit(self, kind: Kind) -> bool {
        match kind {
            Kind::Put => !self.puts,
            Kind::Delete => !self.deletes,
        }
    }
}

impl Watcher {
    /// Whether the watcher is to be told of a change.
    pub(crate) fn wants(&self, revision: i64, kind: Kind, key: &[u8]) -> bool {
        self.next <= revision
            && self.filters.admit(kind)
            && KeyRange::new(&self.key, &self.range_end).contains(key)
    }

    /// The messages that carry `events`: one, or as many as its size takes where the watcher wants it
    /// cut. As in etcd a cut may fall within a revision.
    pub(crate) fn messages(&self, header: ResponseHeader, events: Vec<Event>) -> Vec<WatchResponse> {
        let whole = WatchResponse { header: Some(header), watch_id: self.id, events, ..Default::default() };
        let Some(most) = self.most_bytes else { return vec![whole] };
        if whole.events.len() < 2 || whole.encoded_len() < most {
            return vec![whole];
        }
        let WatchResponse { events, .. } = whole;
        let empty = || WatchResponse {
            header: Some(header),
            watch_id: self.id,
            fragment: true,
            ..Default::default()
        };
        let overhead = empty().encoded_len();
        let mut pieces = Vec::new();
        let mut piece = empty();
        let mut size = overhead;
        for event in events {
            let length = event.encoded_len();
            // A tag and the length itself come before each event.
            let cost = 1 + prost::length_delimiter_len(length) + length;
            if !piece.events.is_empty() && size + cost >= most {
                pieces.push(std::mem::replace(&mut piece, empty()));
                size = overhead;
            }
            size += cost;
            piece.events.push(event);
        }
        piece.fragment = false;
        pieces.push(piece);
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::check::MAX_MESSAGE;
    use crate::proto::KeyValue;

    fn watcher(fragment: bool) -> Watcher {
        Watcher {
            id: 7,
            key: b"a".to_vec(),
            range_end: b"c".to_vec(),
            next: 5,
            prev_kv: false,
            most_bytes: fragment.then_some(MAX_MESSAGE),
            progress_notify: false,
            filters: Filters::new(&[1]),
            idle: true,
        }
    }

    fn event(size: usize) -> Event {
        let key_value = KeyValue { key: b"a".to_vec(), value: vec![0; size], ..Default::default() };
        Event { kv: Some(key_value), ..Default::default() }
    }

    #[test]
    fn position_range_and_filters_decide() {
        let watcher = watcher(false);
        assert!(watcher.wants(5, Kind::Put, b"b"));
        assert!(!watcher.wants(4, Kind::Put, b"b"));
        assert!(!watcher.wants(5, Kind::Put, b"c"));
        assert!(!watcher.wants(5, Kind::Delete, b"b"));
    }

    #[test]
    fn large_messages_are_cut_where_wanted() {
        let events = || vec![event(900_000), event(900_000), event(900_000)];
        let header = ResponseHeader::default();
        assert_eq!(watcher(false).messages(header, events()).len(), 1);
        let pieces = watcher(true).messages(header, events());
        assert_eq!(pieces.iter().map(|piece| piece.events.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(pieces.iter().map(|piece| piece.fragment).collect::<Vec<_>>(), [true, false]);
        assert!(pieces.iter().all(|piece| piece.encoded_len() < MAX_MESSAGE));
    }
}
