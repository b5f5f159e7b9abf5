//! [`TableWatch`]: the changes of a table, as rows.
//!
//! What happens to the bytes is the affair of the [`Follower`]; here they become keys and rows.

mod change;
mod part;

use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeBounds;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use txetcd_client::{KeyValue, Result, WatchEvent};

use super::rows::Rows;
use crate::database::Database;
use crate::engine::bounds::Bounds;
use crate::follow::{Follower, Step};
use crate::key::{KeyLike, KeyPrefix};

pub use change::{Change, Stored};
use part::Part;

/// Which changes of a table to watch. Finish it with [`stream`](TableWatch::stream).
#[must_use = "a watch does nothing until its stream is opened"]
pub struct TableWatch<'d, T: Stored> {
    database: &'d Database,
    source: Result<Source<T>>,
    from: Option<i64>,
}

/// Which rows: those of the part with these keys.
struct Source<T: Stored> {
    keys: Bounds,
    part: Part<T::Key, T::Value>,
}

impl<'d, T: Stored> TableWatch<'d, T> {
    /// All changes; an error in finding the table is that of the stream.
    pub(crate) fn of(database: &'d Database, table: Result<Rows<T::Key, T::Value>>) -> Self {
        let source = table.map(|rows| Source { keys: rows.bounds(), part: Part::all(rows) });
        Self { database, source, from: None }
    }

    /// Begins with the changes of this revision: after a read at revision `r`, with `r + 1`. Without it, with those
    /// after the stream was opened.
    pub fn from(mut self, revision: i64) -> Self {
        self.from = Some(revision);
        self
    }

    /// Only rows whose keys are in this range: `a..b`, `a..=b`, `a..`, `..b`.
    pub fn range<Q: KeyLike<T::Key>>(self, range: impl RangeBounds<Q>) -> Self {
        self.and(|source| Ok(Source { keys: source.part.rows.range_bounds(&range)?, ..source }))
    }

    /// Only rows whose keys begin so: the beginning of a string, or the first elements of a tuple.
    pub fn prefix(self, prefix: impl KeyPrefix<T::Key>) -> Self {
        self.and(|source| Ok(Source { keys: source.part.rows.prefix_bounds(&prefix)?, ..source }))
    }

    /// Only rows with an entry of an index in these bounds.
    pub(crate) fn with_entries(self, bounds: impl FnOnce(&Rows<T::Key, T::Value>) -> Result<Bounds>) -> Self {
        self.and(|Source { keys, part }| {
            let bounds = bounds(&part.rows)?;
            Ok(Source { keys, part: part.with_entries(bounds) })
        })
    }

    fn and(self, restrict: impl FnOnce(Source<T>) -> Result<Source<T>>) -> Self {
        Self { source: self.source.and_then(restrict), ..self }
    }

    /// Opens the stream.
    ///
    /// # Errors
    /// [`is_invalid_argument`](txetcd_client::Error::is_invalid_argument) for a key that has no encoded form, an empty
    /// range, or a revision that is none; the store's own.
    pub async fn stream(self) -> Result<ChangeStream<T>> {
        let Source { keys, part } = self.source?;
        part.check()?;
        let follower = Follower::watch(self.database.client(), keys, self.from).await?;
        let reader = Reader::<T> { follower, part, told: VecDeque::new(), resync: 0 };
        let changes = stream::unfold(Some(reader), |reader| async move {
            let mut reader = reader?;
            loop {
                match reader.next().await {
                    Ok(told) => {
                        if let Some(change) = reader.change(told).transpose() {
                            return Some((change, Some(reader)));
                        }
                    }
                    Err(error) => return Some((Err(error), None)),
                }
            }
        });
        Ok(ChangeStream { changes: changes.boxed() })
    }
}

/// The changes of a table, in their order: none is lost, repeated, or told before an earlier one.
///
/// The stream outlives lost connections, changes of the leader and lost members. A row that cannot be decoded is an
/// error in its place ([`is_decode`](txetcd_client::Error::is_decode)), which names it, and the stream goes on. Any other
/// error is the last item.
#[must_use = "a watch is over when its stream is dropped"]
pub struct ChangeStream<T: Stored> {
    changes: BoxStream<'static, Result<Change<T>>>,
}

impl<T: Stored> Stream for ChangeStream<T> {
    type Item = Result<Change<T>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.changes.poll_next_unpin(context)
    }
}

/// Takes a follower's steps apart, and decodes one change at a time.
struct Reader<T: Stored> {
    follower: Follower,
    part: Part<T::Key, T::Value>,
    told: VecDeque<Told>,
    /// The revision of the rows of a resync.
    resync: i64,
}

/// A change in bytes.
enum Told {
    Event(i64, WatchEvent),
    Resync(i64),
    /// A row that follows a resync.
    Row(KeyValue),
}

impl<T: Stored> Reader<T> {
    async fn next(&mut self) -> Result<Told> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Ok(told);
            }
            match self.follower.next().await? {
                Step::Changed(response) => {
                    let revision = response.revision();
                    let events = response.into_events().into_iter();
                    self.told.extend(events.map(|event| Told::Event(revision, event)));
                }
                Step::Resync(revision) => {
                    self.resync = revision;
                    return Ok(Told::Resync(revision));
                }
                Step::Rows(kvs) => self.told.extend(kvs.into_iter().map(Told::Row)),
                Step::Complete => {}
            }
        }
    }

    /// What that means to who watches this part of the table, if anything.
    fn change(&self, told: Told) -> Result<Option<Change<T>>> {
        match told {
            Told::Resync(revision) => Ok(Some(Change::Resync { revision })),
            Told::Row(kv) => Change::listed(self.resync, kv, &self.part),
            Told::Event(revision, WatchEvent::Put { kv, previous }) => {
                Change::put(revision, kv, previous, &self.part)
            }
            Told::Event(revision, WatchEvent::Delete { kv, previous }) => {
                Change::deleted(revision, kv, previous, &self.part)
            }
        }
    }
}

impl<T: Stored> fmt::Debug for TableWatch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableWatch").field("from", &self.from).finish_non_exhaustive()
    }
}

impl<T: Stored> fmt::Debug for ChangeStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeStream").finish_non_exhaustive()
    }
}
