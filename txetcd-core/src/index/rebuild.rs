//! [`Rebuild`]: makes indexes complete, in batches beside whatever else writes to the table.
//!
//! First every row gets its entries, then every entry without a row goes. Each batch is a transaction that reads what
//! it compares, so a row that changes meanwhile makes the batch run again; and whoever changes it keeps the indexes
//! that are being built. Where the next batch begins is stored with each batch, and is where the next one begins, whoever
//! runs it: another process goes on where one was stopped, several at once share the work, and an index that was removed
//! and came back meanwhile is begun anew.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;

use futures_util::future::BoxFuture;
use txetcd_client::{Error, Result, error::Kind};

use super::check::{Check, Checked, Problem};
use super::declaration::schema_of;
use crate::catalogue::declaration::Declaration;
use crate::catalogue::entry::{CATALOGUE, TableInfo};
use crate::catalogue::state::catalogued;
use crate::catalogue::{IndexInfo, IndexState};
use crate::database::Database;
use crate::engine::bookkeeping::{build_key, slot_of};
use crate::engine::bounds::Bounds;
use crate::engine::naming::table_name;
use crate::engine::view::View;
use crate::engine::write_set::NewRow;
use crate::persist::Persist;
use crate::table::Table;
use crate::txn::WriteTxn;

/// How many rows and entries a batch may touch, so that it fits into one transaction with guards for each.
const BATCH: u32 = 90;

/// What a rebuild has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RebuildProgress {
    /// Rows whose entries were looked for.
    pub rows: u64,
    /// Entries whose rows were looked for.
    pub entries: u64,
    /// Entries that were missing, and are there now.
    pub added: u64,
    /// Entries that had no row, and are gone now.
    pub removed: u64,
}

/// A rebuild that runs when it is awaited. See [`Table::rebuild_indexes`].
#[must_use = "a rebuild does nothing until it is awaited"]
pub struct Rebuild<'d, T> {
    database: &'d Database,
    report: Box<dyn FnMut(&RebuildProgress) + Send + 'd>,
    rows: PhantomData<fn() -> T>,
}

impl<T: Persist> Table<T> {
    /// Makes all indexes complete and ready to be read: adds what is missing, and removes entries that have no row.
    ///
    /// In batches, each a transaction of its own, beside whatever else writes to the table. One that was stopped, by a
    /// crash for instance, goes on where it was when it is started again.
    ///
    /// # Errors
    /// [`Error::is_unique_violation`] if two rows have the same value in a unique index, naming both: change one of them
    /// and start again. [`Error::is_decode`] for a row that cannot be read, [`Error::is_schema_mismatch`] if the
    /// catalogue has other indexes; the store's own.
    pub fn rebuild_indexes<'d>(&self, database: &'d Database) -> Rebuild<'d, T> {
        Rebuild { database, report: Box::new(|_| ()), rows: PhantomData }
    }
}

impl<'d, T: Persist> Rebuild<'d, T> {
    /// Tells after each batch what was done so far.
    pub fn on_progress(mut self, report: impl FnMut(&RebuildProgress) + Send + 'd) -> Self {
        self.report = Box::new(report);
        self
    }

    pub(super) async fn run(mut self) -> Result<RebuildProgress> {
        let mut done = RebuildProgress::default();
        if T::INDEXES.is_empty() {
            return Ok(done);
        }
        let database = self.database;
        database.enter_implicitly(schema_of::<T>(), Declaration::of::<T>()).await?;
        let mut next = Some(Vec::new());
        let mut limit = BATCH / (1 + T::INDEXES.len() as u32).min(BATCH);
        while let Some(position) = &next {
            let batch = database.write(async |txn: &WriteTxn| batch::<T>(txn, position, limit).await).await;
            let batch = match batch {
                Err(error) if error.is_too_large() && limit > 1 => {
                    limit = limit.div_ceil(2);
                    continue;
                }
                batch => batch?,
            };
            done.rows += batch.done.rows;
            done.entries += batch.done.entries;
            done.added += batch.done.added;
            done.removed += batch.done.removed;
            limit = BATCH / batch.cost.clamp(1, BATCH);
            next = batch.next;
            (self.report)(&done);
        }
        Ok(done)
    }
}

struct Batch {
    done: RebuildProgress,
    /// How many keys a row or entry takes, about.
    cost: u32,
    /// Where the next batch begins: a key of the table or of one of its indexes.
    next: Option<Vec<u8>>,
}

/// Where the indexes that are being built have got to: all before it was compared since the newest of them was entered, by
/// whichever rebuilds. Empty if they have not begun.
async fn stored_position(view: &View, slot: u16) -> Result<Vec<u8>> {
    let stored = view.get(build_key(slot)).await?;
    Ok(stored.map_or_else(Vec::new, |stored| stored.value().to_vec()))
}

async fn batch<T: Persist>(txn: &WriteTxn, position: &[u8], limit: u32) -> Result<Batch> {
    let rows = Table::<T>::rows(txn)?;
    let (view, slot) = (rows.view(txn), rows.slot);
    let table = require_declared::<T>(view, slot).await?;
    let check = Check::<T>::new(rows);
    let is_building = table.indexes.iter().any(|index| index.state == IndexState::Building);
    let position = if is_building { stored_position(view, slot).await? } else { position.to_vec() };
    let index = check.indexes.iter().position(|of| of.index.slot == slot_of(&position));
    let at = index.map_or(slot, |index| check.indexes[index].index.slot);
    // One in neither is of an index that was removed: all is compared again.
    let start = if slot_of(&position) == at { position } else { Bounds::slot(at).start };
    let bounds = Bounds::new(start, Bounds::slot(at).end);
    let mut done = RebuildProgress::default();
    let Checked { count, entries, problems, next, .. } = match index {
        None => check.rows(view, bounds, limit).await?,
        Some(index) => check.entries(view, &check.indexes[index], bounds, limit).await?,
    };
    match index {
        None => done.rows = count,
        Some(_) => done.entries = count,
    }
    for problem in &problems {
        match problem {
            Problem::Missing { .. } => done.added += 1,
            Problem::Stale { .. } => done.removed += 1,
            Problem::Duplicate { .. } => {
                return Err(Error::new(
                    Kind::UniqueViolation,
                    format!("{problem}: the index is unique; change one of the rows, and rebuild again"),
                ));
            }
        }
        problem.fix(view);
    }
    let following = check.indexes.get(index.map_or(0, |index| index + 1));
    let next = next.map(|bounds| bounds.start).or_else(|| Some(Bounds::slot(following?.index.slot).start));
    match &next {
        Some(next) if is_building => view.put(build_key(slot), NewRow::unindexed(next.clone())),
        Some(_) => {}
        None => {
            view.delete(build_key(slot));
            let ready = |index| IndexInfo { state: IndexState::Ready, ..index };
            let indexes = table.indexes.iter().cloned().map(ready).collect();
            let ready = TableInfo { indexes, ..table.clone() };
            if ready != table {
                CATALOGUE.put(txn, &slot, &ready)?;
            }
        }
    }
    let cost = 1 + u32::try_from(entries.div_ceil(count.max(1))).unwrap_or(BATCH);
    Ok(Batch { done, cost, next })
}

/// What the catalogue has of the table, if that is still what is declared.
async fn require_declared<T: Persist>(view: &View, slot: u16) -> Result<TableInfo> {
    let table = catalogued(view, slot).await?;
    let has = |table: &TableInfo| {
        table.indexes.len() == T::INDEXES.len()
            && T::INDEXES
                .iter()
                .all(|index| table.indexes.iter().any(|stored| stored.has_entries_of(index.meta())))
    };
    table.filter(has).ok_or_else(|| {
        let table = table_name(slot, schema_of::<T>());
        Error::new(
            Kind::SchemaMismatch,
            format!(
                "{table}: the catalogue does not have the declared indexes any more: attach the table again"
            ),
        )
    })
}

impl<'d, T: Persist> IntoFuture for Rebuild<'d, T> {
    type Output = Result<RebuildProgress>;
    type IntoFuture = BoxFuture<'d, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<T> fmt::Debug for Rebuild<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rebuild").finish_non_exhaustive()
    }
}
