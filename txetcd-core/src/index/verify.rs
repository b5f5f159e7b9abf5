//! [`Verify`]: compares a table with its indexes at one revision, and puts right what is wrong if it is asked to.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use txetcd_client::Result;

use super::check::{Check, Checked, Problem};
use crate::database::Database;
use crate::engine::bounds::Bounds;
use crate::engine::known::Known;
use crate::engine::page_size::PageSize;
use crate::engine::view::Start;
use crate::persist::Persist;
use crate::table::Table;
use crate::txn::ReadTxn;

/// Of rows with all of their entries, or of entries with their rows.
const PAGE: PageSize = PageSize::new(20, 1_000);
/// How many problems are described.
const DESCRIBED: usize = 100;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexReport {
    /// The revision at which all was compared.
    pub revision: i64,
    /// Rows of the table.
    pub rows: u64,
    /// Entries of all indexes.
    pub entries: u64,
    /// Entries that rows should have and have not.
    pub missing: u64,
    /// Entries that have no row, or one that is not to be found under them.
    pub stale: u64,
    /// Rows whose value in a unique index another row has.
    pub duplicates: u64,
    /// Entries that were added and removed to repair it, which was done after the revision.
    pub repaired: u64,
    /// The first 100 problems in words, with index and key.
    pub problems: Vec<String>,
}

impl IndexReport {
    /// Whether nothing was wrong.
    pub fn is_consistent(&self) -> bool {
        self.missing + self.stale + self.duplicates == 0
    }

    fn add(&mut self, problems: &[Problem]) {
        for problem in problems {
            match problem {
                Problem::Missing { .. } => self.missing += 1,
                Problem::Stale { .. } => self.stale += 1,
                Problem::Duplicate { .. } => self.duplicates += 1,
            }
            if self.problems.len() < DESCRIBED {
                self.problems.push(problem.to_string());
            }
        }
    }
}

/// A verification that runs when it is awaited. See [`Table::verify_indexes`].
#[must_use = "a verification does nothing until it is awaited"]
pub struct Verify<'d, T> {
    database: &'d Database,
    repair: bool,
    report: Box<dyn FnMut(&IndexReport) + Send + 'd>,
    rows: PhantomData<fn() -> T>,
}

impl<T: Persist> Table<T> {
    /// Compares all rows with all entries of all indexes, as of one revision, page by page.
    ///
    /// Programs of this library leave nothing to be found. Others may: the Python library leaves entries behind.
    ///
    /// # Errors
    /// [`Error::is_compacted`](txetcd_client::Error::is_compacted) if the revision was compacted before all was
    /// compared: keep more history. [`Error::is_decode`](txetcd_client::Error::is_decode) for a row that cannot be
    /// read; the store's own. With [`repair`](Verify::repair) as [`rebuild_indexes`](Self::rebuild_indexes).
    pub fn verify_indexes<'d>(&self, database: &'d Database) -> Verify<'d, T> {
        Verify { database, repair: false, report: Box::new(|_| ()), rows: PhantomData }
    }
}

impl<'d, T: Persist> Verify<'d, T> {
    /// Puts right what is wrong, in batches as [`Table::rebuild_indexes`] does.
    pub fn repair(mut self) -> Self {
        self.repair = true;
        self
    }

    /// Tells after each page what was found so far.
    pub fn on_progress(mut self, report: impl FnMut(&IndexReport) + Send + 'd) -> Self {
        self.report = Box::new(report);
        self
    }

    async fn run(mut self) -> Result<IndexReport> {
        let mut found =
            IndexReport { revision: self.database.status().await?.revision(), ..IndexReport::default() };
        let txn = ReadTxn::new(self.database.engine(), Start::At(found.revision, Known::default()));
        let rows = Table::<T>::rows(&txn)?;
        let view = rows.view(&txn);
        let check = Check::<T>::new(rows);
        for at in std::iter::once(None).chain(check.indexes.iter().map(Some)) {
            let mut rest = Some(Bounds::slot(at.map_or(rows.slot, |of| of.index.slot)));
            let mut size = PAGE;
            while let Some(bounds) = rest {
                let limit = size.limit(usize::MAX);
                let Checked { count, bytes, problems, next, .. } = match at {
                    None => check.rows(view, bounds, limit).await?,
                    Some(of) => check.entries(view, of, bounds, limit).await?,
                };
                match at {
                    None => found.rows += count,
                    Some(_) => found.entries += count,
                }
                found.add(&problems);
                size.learn(count as usize, bytes);
                rest = next;
                (self.report)(&found);
            }
        }
        if self.repair && !found.is_consistent() {
            let done = Table::<T>::new().rebuild_indexes(self.database).await?;
            found.repaired = done.added + done.removed;
        }
        Ok(found)
    }
}

impl<'d, T: Persist> IntoFuture for Verify<'d, T> {
    type Output = Result<IndexReport>;
    type IntoFuture = BoxFuture<'d, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Verify<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verify").field("repair", &self.repair).finish_non_exhaustive()
    }
}
