//! [`Migrate`]: rewrites rows that older versions of a struct have written.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use txetcd_client::Result;

use super::decode_current;
use crate::database::Database;
use crate::engine::bounds::{Bounds, after};
use crate::engine::view::RangeOptions;
use crate::persist::Persist;
use crate::table::Table;
use crate::table::scan::Token;
use crate::txn::WriteTxn;

/// How many rows a batch has at most.
const BATCH: u32 = 50;

/// What a migration has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrateProgress {
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows that were rewritten.
    pub rewritten: u64,
    /// Where to go on, with [`Migrate::after`]; `None` at the end.
    pub next: Option<Token>,
}

/// A migration that runs when it is awaited. See [`Database::migrate`].
#[must_use = "a migration does nothing until it is awaited"]
pub struct Migrate<'d, T> {
    database: &'d Database,
    after: Option<Token>,
    report: Box<dyn FnMut(&MigrateProgress) + Send + 'd>,
    rows: PhantomData<fn() -> T>,
}

impl Database {
    /// Rewrites the rows of a table that an older version of the struct has written, in the form of the newest
    /// one.
    ///
    /// In batches of up to 50 rows, each a transaction of its own, beside whatever else writes to the table. Doing it
    /// again does no harm, so that one which was stopped can be started anew, or resumed
    /// [`after`](Migrate::after) the last batch that was reported. Rows keep their leases.
    ///
    /// # Errors
    /// [`Error::is_decode`](txetcd_client::Error::is_decode) for a row that no version can read; the store's own.
    /// Batches before it are done.
    pub fn migrate<T: Persist>(&self) -> Migrate<'_, T> {
        Migrate { database: self, after: None, report: Box::new(|_| ()), rows: PhantomData }
    }
}

impl<'d, T: Persist> Migrate<'d, T> {
    /// Goes on where an earlier one was stopped.
    pub fn after(mut self, token: &Token) -> Self {
        self.after = Some(token.clone());
        self
    }

    /// Tells after each batch what was done so far.
    pub fn on_progress(mut self, report: impl FnMut(&MigrateProgress) + Send + 'd) -> Self {
        self.report = Box::new(report);
        self
    }

    async fn run(mut self) -> Result<MigrateProgress> {
        let mut done = MigrateProgress { rows: 0, rewritten: 0, next: self.after };
        let mut limit = BATCH;
        loop {
            let from = done.next.clone();
            let batch = self.database.write(async |txn| batch::<T>(txn, from.as_ref(), limit).await).await;
            let batch = match batch {
                // Large rows: fewer at once.
                Err(error) if error.is_too_large() && limit > 1 => {
                    limit = limit.div_ceil(2);
                    continue;
                }
                batch => batch?,
            };
            done.rows += batch.rows;
            done.rewritten += batch.rewritten;
            done.next = batch.next;
            (self.report)(&done);
            if done.next.is_none() {
                return Ok(done);
            }
        }
    }
}

async fn batch<T: Persist>(txn: &WriteTxn, from: Option<&Token>, limit: u32) -> Result<MigrateProgress> {
    let table = Table::<T>::rows(txn)?;
    let view = table.view(txn);
    let mut bounds = table.bounds();
    if let Some(token) = from {
        bounds.start = bounds.start.max(after(token.key()));
    }
    let options = RangeOptions { reverse: false, keys_only: false, remember: table.remembers, limit };
    let page = view.page(bounds, options).await?;
    let mut rewritten = 0;
    for row in &page.rows {
        if decode_current::<T>(row.value()).is_err() {
            let row = (row.key(), table.new_row(row.key(), &table.decode(row)?, Some(row.value()))?);
            view.put(row.0.to_vec(), row.1);
            rewritten += 1;
        }
    }
    let next = page.rest.and_then(|Bounds { .. }| page.rows.last().map(|row| Token::after(row.key())));
    Ok(MigrateProgress { rows: page.rows.len() as u64, rewritten, next })
}

impl<'d, T: Persist> IntoFuture for Migrate<'d, T> {
    type Output = Result<MigrateProgress>;
    type IntoFuture = BoxFuture<'d, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Migrate<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrate").field("after", &self.after).finish_non_exhaustive()
    }
}
