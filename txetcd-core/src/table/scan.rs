//! [`Scan`]: many rows, read page by page at one revision.

mod cursor;
mod token;

use std::collections::VecDeque;
use std::fmt;
use std::future::IntoFuture;

use futures_util::future::{self, BoxFuture};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use txetcd_client::{Error, Result, error::Kind};

use super::rows::Rows;
use crate::engine::bookkeeping::slot_of;
use crate::engine::bounds::{Bounds, after};
use crate::engine::naming::{index_name, table_name};
use crate::engine::page_size::PageSize;
use crate::engine::view::entries::IndexOf;
use crate::engine::view::{Row, View};
use crate::key::Key;
use crate::txn::Read;

use cursor::{Cursor, Found};
pub use token::Token;

/// The rows of a range, a prefix or a table. Finish it with [`collect`](Scan::collect),
/// [`entries`](Scan::entries), [`keys`](Scan::keys), [`stream`](Scan::stream) or [`page`](Scan::page).
///
/// Awaited as it is, it is [`collect`](Scan::collect)ed. Sees the transaction's own writes. Memory is bounded by a page,
/// except for what `collect` and its like return. A scan of an [`Index`](crate::Index) is in the order of the index, and
/// gives a row once for each of its entries.
#[must_use = "a scan does nothing until it is awaited or streamed"]
pub struct Scan<'t, K, V> {
    view: &'t View,
    source: Result<(Rows<K, V>, Bounds)>,
    /// The index whose entries are scanned; otherwise it is the rows themselves.
    index: Option<IndexOf>,
    limit: Option<usize>,
    reverse: bool,
    after: Option<Token>,
}

/// Some rows, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows, in the order asked for.
    pub items: Vec<T>,
    /// To be given to [`Scan::after`] of the same scan; `None` after the last row.
    pub next: Option<Token>,
}

impl<'t, K: Key, V: Send + 'static> Scan<'t, K, V> {
    /// A scan of a part of a table; an error in finding it is the scan's.
    pub(crate) fn of<R: Read>(
        table: Result<Rows<K, V>>,
        txn: &'t R,
        bounds: impl FnOnce(&Rows<K, V>) -> Result<Bounds>,
    ) -> Self {
        let source = table.and_then(|table| {
            table.view(txn);
            Ok((table, bounds(&table)?))
        });
        Self { view: txn.view(), source, index: None, limit: None, reverse: false, after: None }
    }

    /// The same, but that the bounds are of an index.
    pub(crate) fn through(self, index: Option<IndexOf>) -> Self {
        Self { index, ..self }
    }

    /// At most so many rows.
    pub fn limit(mut self, rows: usize) -> Self {
        self.limit = Some(rows);
        self
    }

    /// In descending order of keys.
    pub fn rev(mut self) -> Self {
        self.reverse = !self.reverse;
        self
    }

    /// Goes on behind the page that gave this token, in the same direction.
    pub fn after(mut self, token: &Token) -> Self {
        self.after = Some(token.clone());
        self
    }

    /// The rows.
    ///
    /// # Errors
    /// [`Error::is_decode`] if a row cannot be decoded, naming it; [`Error::is_invalid_argument`] for a token
    /// of another table; the store's own.
    pub async fn collect(self) -> Result<Vec<V>> {
        self.gather(false, |table, row| table.decode(row)).await
    }

    /// The rows with their keys.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub async fn entries(self) -> Result<Vec<(K, V)>> {
        self.gather(false, |table, row| Ok((table.decode_key(row)?, table.decode(row)?))).await
    }

    /// The keys; rows are neither sent nor decoded.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub async fn keys(self) -> Result<Vec<K>> {
        let index = self.index;
        self.gather(true, |table, row| match &index {
            None => table.decode_key(row),
            Some(of) => of.decode_primary(row.key()),
        })
        .await
    }

    /// The first row.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub async fn first(self) -> Result<Option<V>> {
        Ok(self.limit(1).collect().await?.pop())
    }

    /// At most so many rows, and a token to go on after them, in this or another transaction.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub async fn page(self, rows: usize) -> Result<Page<V>> {
        if rows == 0 {
            return Err(Error::new(Kind::InvalidArgument, "a page has at least one row: `page(0)` has none"));
        }
        let rows = rows.min(self.limit.unwrap_or(usize::MAX));
        // One more row tells whether there is a next page.
        let (table, mut cursor) = self.limit(rows.saturating_add(1)).cursor(false)?;
        let mut items = Vec::new();
        let mut last = None;
        while let Some(Found { row, entry }) = cursor.next().await? {
            if items.len() == rows {
                return Ok(Page { items, next: last });
            }
            items.push(table.decode(&row)?);
            last = Some(Token::after(entry.as_deref().unwrap_or(row.key())));
        }
        Ok(Page { items, next: None })
    }

    /// The rows as they come. A row that cannot be decoded is an error in its place, and the stream goes on; an
    /// error of the store ends it.
    pub fn stream(self) -> BoxStream<'t, Result<V>> {
        let (table, cursor) = match self.cursor(false) {
            Ok(started) => started,
            Err(error) => return stream::once(future::ready(Err(error))).boxed(),
        };
        stream::try_unfold(cursor, |mut cursor| async move {
            Ok(cursor.next().await?.map(|found| (found, cursor)))
        })
        .map(move |found| table.decode(&found?.row))
        .boxed()
    }

    async fn gather<U>(
        self,
        keys_only: bool,
        each: impl Fn(&Rows<K, V>, &Row) -> Result<U>,
    ) -> Result<Vec<U>> {
        let (table, mut cursor) = self.cursor(keys_only)?;
        let mut found = Vec::new();
        while let Some(Found { row, .. }) = cursor.next().await? {
            found.push(each(&table, &row)?);
        }
        Ok(found)
    }

    fn cursor(self, keys_only: bool) -> Result<(Rows<K, V>, Cursor<'t>)> {
        let (table, mut bounds) = self.source?;
        if let Some(token) = self.after {
            let key = token.into_key();
            if slot_of(&key) != self.index.map_or(table.slot, |of| of.index.slot) {
                let scanned = match &self.index {
                    Some(of) => index_name(of.schema, &of.index),
                    None => table_name(table.slot, table.schema),
                };
                return Err(Error::new(
                    Kind::InvalidArgument,
                    format!("{scanned}: the page token is of another table or index"),
                ));
            }
            if self.reverse {
                bounds.end = bounds.end.min(key);
            } else {
                bounds.start = bounds.start.max(after(&key));
            }
        }
        let cursor = Cursor {
            view: self.view,
            index: self.index,
            rest: Some(bounds),
            page: VecDeque::new(),
            reverse: self.reverse,
            keys_only,
            remember: table.remembers,
            left: self.limit.unwrap_or(usize::MAX),
            size: PageSize::OF_ROWS,
            is_ready: false,
        };
        Ok((table, cursor))
    }
}

impl<'t, K: Key, V: Send + 'static> IntoFuture for Scan<'t, K, V> {
    type Output = Result<Vec<V>>;
    type IntoFuture = BoxFuture<'t, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.collect())
    }
}

impl<K, V> fmt::Debug for Scan<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("limit", &self.limit)
            .field("reverse", &self.reverse)
            .finish_non_exhaustive()
    }
}
