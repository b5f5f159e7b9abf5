//! [`IndexWatch`]: the changes of the rows that an index has, or has in a range.
//!
//! It only says which entries; what becomes of the changes of the table is the affair of [`TableWatch`].

use std::fmt;
use std::ops::RangeBounds;

use txetcd_client::Result;

use super::Index;
use crate::database::Database;
use crate::engine::bounds::Bounds;
use crate::engine::view::entries::IndexOf;
use crate::key::{Key, KeyLike, KeyPrefix};
use crate::persist::Persist;
use crate::table::Table;
use crate::table::rows::Rows;
use crate::table::watch::{ChangeStream, TableWatch};

/// Which changes to watch of the rows of an index. Finish it with [`stream`](IndexWatch::stream).
///
/// It is all rows that the index has, unless [`equal`](IndexWatch::equal), [`range`](IndexWatch::range) or
/// [`prefix`](IndexWatch::prefix) says otherwise; the last one counts.
#[must_use = "a watch does nothing until its stream is opened"]
pub struct IndexWatch<'d, T: Persist, K, U> {
    index: Index<T, K, U>,
    table: TableWatch<'d, T>,
}

impl<'d, T: Persist, K: Key, U> IndexWatch<'d, T, K, U> {
    pub(super) fn new(index: Index<T, K, U>, database: &'d Database) -> Self {
        let table = Table::new().watch(database);
        Self { index, table }.within(|of, _| Ok(Bounds::slot(of.index.slot)))
    }

    /// Begins with the changes of this revision, as [`TableWatch::from`].
    pub fn from(self, revision: i64) -> Self {
        Self { table: self.table.from(revision), ..self }
    }

    /// Only rows with this value.
    pub fn equal<Q: KeyLike<K> + ?Sized>(self, value: &Q) -> Self {
        self.within(|of, rows| of.value_bounds(rows, value))
    }

    /// Only rows whose indexed value is in a range: `a..b`, `a..=b`, `a..`, `..b`.
    pub fn range<Q: KeyLike<K>>(self, range: impl RangeBounds<Q>) -> Self {
        self.within(|of, rows| of.range_bounds(rows, &range))
    }

    /// Only rows whose indexed value begins so: the beginning of a string, or the first elements of a tuple.
    pub fn prefix(self, prefix: impl KeyPrefix<K>) -> Self {
        self.within(|of, rows| of.prefix_bounds(rows, &prefix))
    }

    fn within(self, bounds: impl FnOnce(&IndexOf, &Rows<T::Key, T>) -> Result<Bounds>) -> Self {
        let index = self.index;
        Self { table: self.table.with_entries(|rows| bounds(&index.of(rows), rows)), index }
    }

    /// Opens the stream.
    ///
    /// It tells of a row that comes into the range, for whatever reason, as put without a `previous`, and of one that
    /// leaves it as deleted. Where it is not known what a row was before ([`Change::Put`](crate::Change::Put) says when),
    /// a row that is out of the range now is told as deleted, though it may not have been in it.
    ///
    /// # Errors
    /// As [`TableWatch::stream`].
    pub async fn stream(self) -> Result<ChangeStream<T>> {
        self.table.stream().await
    }
}

impl<T: Persist, K, U> fmt::Debug for IndexWatch<'_, T, K, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexWatch").field("index", &self.index).field("table", &self.table).finish()
    }
}
