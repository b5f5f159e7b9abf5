//! [`TableWatch`]: the changes of a table, as rows.
//!
//! What happens to the bytes is the affair of the [`Follower`]; here they become keys and rows.

mod change;

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

/// Which changes of a table to watch. Finish it with [`stream`](TableWatch::stream).
#[must_use = "a watch does nothing until its stream is opened"]
pub struct TableWatch<'d, T: Stored> {
    database: &'d Database,
    source: Result<Source<T>>,
    from: Option<i64>,
}

/// A table, and the part of it that is watched.
type Source<T> = (Rows<<T as Stored>::Key, <T as Stored>::Value>, Bounds);

impl<'d, T: Stored> TableWatch<'d, T> {
    /// All changes; an error in finding the table is that of the stream.
    pub(crate) fn of(database: &'d Database, table: Result<Rows<T::Key, T::Value>>) -> Self {
        let source = table.map(|rows| (rows, rows.bounds()));
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
        self.within(|rows| rows.range_bounds(&range))
    }

    /// Only rows whose keys begin so: the beginning of a string, or the first elements of a tuple.
    pub fn prefix(self, prefix: impl KeyPrefix<T::Key>) -> Self {
        self.within(|rows| rows.prefix_bounds(&prefix))
    }

    fn within(self, bounds: impl FnOnce(&Rows<T::Key, T::Value>) -> Result<Bounds>) -> Self {
        let source = self.source.and_then(|(rows, _)| Ok((rows, bounds(&rows)?)));
        Self { source, ..self }
    }

    /// Opens the stream.
    ///
    /// # Errors
    /// [`is_invalid_argument`](txetcd_client::Error::is_invalid_argument) for a key that has no encoded form, an empty
    /// range, or a revision that is none; the store's own.
    pub async fn stream(self) -> Result<ChangeStream<T>> {
        let (rows, bounds) = self.source?;
        let follower = Follower::watch(self.database.client(), bounds, self.from).await?;
        let reader = Reader::<T> { follower, rows, told: VecDeque::new(), resync: 0 };
        let changes = stream::unfold(Some(reader), |reader| async move {
            let mut reader = reader?;
            match reader.next().await {
                Ok(told) => {
                    let change = told.into_change(&reader.rows);
                    Some((change, Some(reader)))
                }
                Err(error) => Some((Err(error), None)),
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
    rows: Rows<T::Key, T::Value>,
    told: VecDeque<Told>,
    /// The revision of the rows of a resync.
    resync: i64,
}

/// A change in bytes.
enum Told {
    Event(i64, WatchEvent),
    Resync(i64),
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
                Step::Rows(kvs) => {
                    let put = |kv: KeyValue| Told::Event(self.resync, WatchEvent::Put { kv, previous: None });
                    self.told.extend(kvs.into_iter().map(put));
                }
                Step::Complete => {}
            }
        }
    }
}

impl Told {
    fn into_change<T: Stored>(self, rows: &Rows<T::Key, T::Value>) -> Result<Change<T>> {
        match self {
            Self::Resync(revision) => Ok(Change::Resync { revision }),
            Self::Event(revision, event) => Change::from_event(revision, event, rows),
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
