//! [`Assembler`]: puts whole revisions together from etcd's messages.
//!
//! A message holds events of many revisions, and one that is marked as a fragment may end within a revision. So a
//! revision is complete when an event of a later one has come, or a message that is no fragment has ended. Only
//! then it is given out, and only then the place to resume at moves on. At most one revision is held back.

use std::collections::VecDeque;

use super::event::{WatchEvent, WatchResponse};

pub(super) struct Assembler {
    /// The first revision that is not complete: the one to resume at. 0 until that is known.
    next: i64,
    incomplete: Option<WatchResponse>,
    complete: VecDeque<WatchResponse>,
}

impl Assembler {
    /// For events from revision `next` on; 0 if that is not known yet.
    pub(super) fn new(next: i64) -> Self {
        Self { next, incomplete: None, complete: VecDeque::new() }
    }

    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// The next complete revision.
    pub(super) fn take(&mut self) -> Option<WatchResponse> {
        self.complete.pop_front()
    }

    /// An event. Those of revisions that are complete were told before, and are left out.
    pub(super) fn event(&mut self, revision: i64, event: WatchEvent) {
        if self.incomplete.as_ref().is_some_and(|response| response.revision < revision) {
            self.complete_revision();
        }
        if revision < self.next {
            return;
        }
        let incomplete = self.incomplete.get_or_insert(WatchResponse { revision, events: Vec::new() });
        incomplete.events.push(event);
    }

    /// The end of a message that is no fragment.
    pub(super) fn complete_revision(&mut self) {
        if let Some(response) = self.incomplete.take() {
            self.next = response.revision + 1;
            self.complete.push_back(response);
        }
    }

    /// All events up to this revision have come.
    pub(super) fn progress(&mut self, revision: i64) {
        if self.incomplete.is_none() {
            self.next = self.next.max(revision + 1);
        }
    }

    /// The connection broke: what is not complete comes again.
    pub(super) fn interrupt(&mut self) {
        self.incomplete = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace::Namespace;
    use etcd_client::proto::PbKeyValue;

    fn accept(assembler: &mut Assembler, events: &[(i64, &str)], fragment: bool) {
        for (revision, key) in events {
            let kv =
                PbKeyValue { key: key.as_bytes().to_vec(), mod_revision: *revision, ..Default::default() };
            let event = WatchEvent::Delete { kv: Namespace::default().key_value(kv), previous: None };
            assembler.event(*revision, event);
        }
        if !fragment {
            assembler.complete_revision();
        }
    }

    fn taken(assembler: &mut Assembler) -> Vec<(i64, String)> {
        let responses = std::iter::from_fn(|| assembler.take());
        let keys = |response: WatchResponse| {
            let keys: Vec<_> =
                response.events.iter().map(|event| String::from_utf8_lossy(event.key())).collect();
            (response.revision, keys.concat())
        };
        responses.map(keys).collect()
    }

    #[test]
    fn a_revision_that_is_cut_is_given_out_whole() {
        let mut assembler = Assembler::new(1);
        accept(&mut assembler, &[(2, "a"), (3, "b")], true);
        assert_eq!(taken(&mut assembler), [(2, "a".to_owned())]);
        assert_eq!(assembler.next(), 3);
        accept(&mut assembler, &[(3, "c")], true);
        assert_eq!(taken(&mut assembler), []);
        accept(&mut assembler, &[(3, "d"), (5, "e")], false);
        assert_eq!(taken(&mut assembler), [(3, "bcd".to_owned()), (5, "e".to_owned())]);
        assert_eq!(assembler.next(), 6);
    }

    #[test]
    fn what_was_interrupted_comes_again_once() {
        let mut assembler = Assembler::new(1);
        accept(&mut assembler, &[(2, "a"), (3, "b")], true);
        assembler.interrupt();
        assert_eq!(assembler.next(), 3);
        accept(&mut assembler, &[(2, "a"), (3, "b"), (3, "c")], false);
        assert_eq!(taken(&mut assembler), [(2, "a".to_owned()), (3, "bc".to_owned())]);
    }

    #[test]
    fn progress_within_a_cut_revision_does_not_count() {
        let mut assembler = Assembler::new(1);
        assembler.progress(7);
        assert_eq!(assembler.next(), 8);
        assembler.progress(3);
        assert_eq!(assembler.next(), 8);
        accept(&mut assembler, &[(9, "a")], true);
        assembler.progress(12);
        assert_eq!(assembler.next(), 8);
    }
}
