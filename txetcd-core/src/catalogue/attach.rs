//! [`Database::attach`]: a struct meets the catalogue.

use txetcd_client::{Error, Result, error::Kind};

use super::agreement::Agreement;
use super::declaration::Declaration;
use super::entry::{CATALOGUE, TableInfo};
use super::indexes::IndexState;
use super::state::catalogued;
use crate::database::Database;
use crate::engine::bookkeeping::{build_key, catalogue_key};
use crate::engine::bounds::Bounds;
use crate::engine::schema::{IndexMeta, TableSchema};
use crate::engine::snapshot::unexpected_answer;
use crate::engine::view::{RangeOptions, Row};
use crate::index::declaration::schema_of;
use crate::persist::{Persist, Place};
use crate::reference::keep::Referrer;
use crate::table::Table;
use crate::table::scan::Scan;
use crate::txn::{Read, WriteTxn, sealed::Sealed as _};

impl Database {
    /// Looks a table up in the catalogue, and enters it there the first time.
    ///
    /// A table declared with `#[pmap(oid = "...")]` gets its slot this way, and must be attached once after
    /// connecting, before it is used. For a table with a fixed slot attaching is the way to find out early that
    /// another program declares it differently. New fields that older rows can do without are entered.
    ///
    /// A new index of a table that has rows is entered as being built: from then on every program that writes to the
    /// table must keep it, and who does not declare it gets [`Error::is_schema_mismatch`]; it can be read after
    /// [`Table::rebuild_indexes`]. An index that is not declared any more is removed, with its entries.
    ///
    /// # Errors
    /// [`Error::is_schema_mismatch`] if the catalogue has the table with another key type, codec, compression or
    /// name, or with fields that a row as declared cannot do without; the message has both sides.
    /// [`Error::is_not_found`] if the table is not in the catalogue and the database is read-only.
    pub async fn attach<T: Persist>(&self) -> Result<Table<T>> {
        let declaration = Declaration::of::<T>();
        let schema = schema_of::<T>();
        let slot = if self.client().is_read_only() {
            self.read(async |txn| look_up(txn, &declaration).await).await?
        } else {
            let entered = self
                .write_with_revision(async |txn: &WriteTxn| enter(txn, &declaration, Removed::Dropped).await)
                .await?;
            self.entered(&entered, schema)?.0
        };
        if let Place::Catalogue(oid) = declaration.place {
            self.slots().remember(oid, slot);
        }
        Ok(Table::new())
    }

    /// All tables in the catalogue, by slot.
    ///
    /// # Errors
    /// [`Error::is_decode`] if a row of the catalogue is not one; the store's own.
    pub async fn tables(&self) -> Result<Vec<TableInfo>> {
        self.read(async |txn| entries(txn).await).await
    }

    /// Remembers that the catalogue's row agrees with the program. Returns the slot and the row's revision.
    pub(super) fn entered(
        &self,
        (entered, revision): &(Entered, Option<i64>),
        schema: &'static dyn TableSchema,
    ) -> Result<(u16, i64)> {
        let mod_revision = entered.mod_revision.or(*revision).ok_or_else(unexpected_answer)?;
        let references = schema.references();
        for (at, (reference, target)) in references.iter().zip(&entered.targets).enumerate() {
            if let Place::Catalogue(oid) = reference.place {
                self.slots().remember(oid, *target);
            }
            self.agreed().refer(Referrer { target: *target, slot: entered.slot, schema, at });
        }
        let (referenced_by, building) = (entered.referenced_by.clone(), entered.building.clone());
        self.agreed().set(entered.slot, schema, Agreement { mod_revision, referenced_by, building });
        Ok((entered.slot, mod_revision))
    }
}

/// A table that is in the catalogue now.
#[derive(Debug)]
pub(super) struct Entered {
    slot: u16,
    /// The revision of its row; `None` if this transaction writes it.
    mod_revision: Option<i64>,
    /// The slots of its indexes that are being built.
    pub(super) building: Vec<u16>,
    /// The slots of tables that refer to it.
    referenced_by: Vec<u16>,
    /// The slots of the tables that it refers to, in the order of its references.
    targets: Vec<u16>,
}

/// What happens to indexes that the catalogue has and the struct does not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removed {
    /// They are removed, with their entries.
    Dropped,
    /// It is an error: another program may rely on them.
    Refused,
}

async fn entries<R: Read>(txn: &R) -> Result<Vec<TableInfo>> {
    Scan::of(Ok(CATALOGUE), txn, |catalogue| Ok(catalogue.bounds())).collect().await
}

async fn look_up<R: Read>(txn: &R, declaration: &Declaration) -> Result<u16> {
    let entries = entries(txn).await?;
    match (declaration.find(&entries), declaration.place) {
        (Some(entry), _) => {
            let agreed = declaration.agree(entry)?;
            declaration.reconcile(&agreed, others(&entries, agreed.slot), IndexState::Building)?;
            Ok(agreed.slot)
        }
        (None, Place::Slot(slot)) => Ok(slot),
        (None, Place::Catalogue(oid)) => Err(Error::new(
            Kind::NotFound,
            format!(
                "no table with the id {oid} is in the catalogue: attach it once with a database that may write"
            ),
        )),
    }
}

/// Enters a table, with its indexes: an index that is new is ready if the table has no rows, and the index no entries.
///
/// Reads the whole catalogue, so that two processes which enter tables at the same time meet in a conflict, and
/// one of them sees what the other one entered.
pub(super) async fn enter(txn: &WriteTxn, declaration: &Declaration, removed: Removed) -> Result<Entered> {
    let entered = enter_one(txn, declaration, removed).await?;
    let targets = enter_references(txn, declaration, entered.slot, removed).await?;
    let row = txn.view().get(catalogue_key(entered.slot)).await?;
    let mod_revision = row.map(|row| row.mod_revision()).filter(|revision| *revision != 0);
    Ok(Entered { mod_revision, targets, ..entered })
}

async fn enter_one(txn: &WriteTxn, declaration: &Declaration, removed: Removed) -> Result<Entered> {
    let entries = entries(txn).await?;
    let found = declaration.find(&entries);
    let mut agreed = match &found {
        // Programs that differ in what does not matter to indexes would else overwrite each other's rows for ever.
        Some(entry) if removed == Removed::Refused => {
            declaration.agree(entry.clone())?;
            entry.clone()
        }
        Some(entry) => declaration.agree(entry.clone())?,
        None => {
            let slot = match declaration.place {
                Place::Slot(slot) => slot,
                Place::Catalogue(_) => free_slot(txn, declaration, &entries).await?,
            };
            declaration.entry(slot)
        }
    };
    let slot = agreed.slot;
    if let Some(other) = others(&entries, slot).find(|other| other.slots().any(|taken| taken == slot)) {
        return Err(declaration.mismatch(
            slot,
            format!(
                "the catalogue has an index of {} (slot {}) in this slot: use another one",
                other.name, other.slot
            ),
        ));
    }
    let is_new = |index: &&IndexMeta| !agreed.indexes.iter().any(|stored| stored.slot == index.slot);
    let mut new = declaration.indexes.iter().filter(is_new).peekable();
    let mut is_complete = new.peek().is_none() || txn.view().is_stored_empty(slot).await?;
    for index in new {
        is_complete &= !has_entries(txn, declaration, slot, index).await?;
    }
    let state = if is_complete { IndexState::Ready } else { IndexState::Building };
    let reconciled = declaration.reconcile(&agreed, others(&entries, slot), state)?;
    if removed == Removed::Refused
        && let Some(index) = agreed.indexes.iter().find(|index| reconciled.removed.contains(&index.slot))
    {
        return Err(index.undeclared(&declaration.table(slot)));
    }
    if reconciled
        .indexes
        .iter()
        .any(|index| index.state == IndexState::Building && !agreed.indexes.contains(index))
    {
        // What was built so far was without this index.
        txn.view().delete(build_key(slot));
    }
    reconciled.removed.iter().for_each(|slot| txn.view().clear(Bounds::slot(*slot)));
    agreed.indexes = reconciled.indexes;
    if removed == Removed::Dropped {
        declaration.rename(&mut agreed.indexes);
    }
    let building = agreed.indexes.iter().filter(|index| index.state == IndexState::Building);
    let building = building.map(|index| index.slot).collect();
    match found {
        Some(entry) if entry == agreed => {}
        Some(_) => CATALOGUE.put(txn, &slot, &agreed)?,
        None => CATALOGUE.insert(txn, &slot, &agreed)?,
    }
    Ok(Entered {
        slot,
        mod_revision: None,
        building,
        referenced_by: agreed.referenced_by,
        targets: Vec::new(),
    })
}

/// Enters the tables that a table refers to, if they are not there, and that it does.
async fn enter_references(
    txn: &WriteTxn,
    declaration: &Declaration,
    slot: u16,
    removed: Removed,
) -> Result<Vec<u16>> {
    let mut targets = Vec::new();
    for reference in &declaration.references {
        let target = if reference.place == declaration.place {
            slot
        } else {
            enter_one(txn, &(reference.declaration)(), Removed::Refused).await?.slot
        };
        targets.push(target);
        let table = catalogued(txn.view(), target).await?;
        if let Some(mut table) = table.filter(|table| !table.referenced_by.contains(&slot)) {
            table.referenced_by.push(slot);
            CATALOGUE.put(txn, &target, &table)?;
        }
    }
    if removed == Removed::Dropped {
        let former =
            |table: &TableInfo| table.referenced_by.contains(&slot) && !targets.contains(&table.slot);
        for mut table in entries(txn).await?.into_iter().filter(former) {
            table.referenced_by.retain(|referrer| *referrer != slot);
            CATALOGUE.put(txn, &table.slot.clone(), &table)?;
        }
    }
    Ok(targets)
}

/// Whether an index that is new has entries already, which another program made. It must not have rows of something else,
/// which building the index would take for stale entries.
async fn has_entries(
    txn: &WriteTxn,
    declaration: &Declaration,
    slot: u16,
    index: &IndexMeta,
) -> Result<bool> {
    let first = RangeOptions { reverse: false, keys_only: false, remember: false, limit: 10 };
    let page = txn.view().page(Bounds::slot(index.slot), first).await?;
    let is_entry = |row: &Row| {
        let primary = index.primary_key(row.key(), row.value());
        index.may_have(row.key(), row.value()) && primary.is_ok_and(declaration.is_key)
    };
    if page.rows.iter().all(is_entry) {
        return Ok(!page.rows.is_empty());
    }
    Err(declaration.mismatch(
        slot,
        format!(
            "slot {} of the index {} has rows that are not its entries: use another slot",
            index.slot, index.name
        ),
    ))
}

fn others(entries: &[TableInfo], slot: u16) -> impl Iterator<Item = &TableInfo> + Clone {
    entries.iter().filter(move |other| other.slot != slot)
}

/// The slot after the last one in the catalogue, as Python chooses it, or the next one that has no rows: tables
/// with fixed slots need not be in the catalogue.
async fn free_slot(txn: &WriteTxn, declaration: &Declaration, entries: &[TableInfo]) -> Result<u16> {
    let last = entries.iter().flat_map(TableInfo::slots).max().unwrap_or(0);
    let is_own = |slot: u16| declaration.indexes.iter().any(|index| index.slot == slot);
    for slot in (last.saturating_add(1)..u16::MAX).filter(|slot| !is_own(*slot)) {
        if txn.view().is_stored_empty(slot).await? {
            return Ok(slot);
        }
    }
    Err(Error::new(Kind::InvalidArgument, "the catalogue has no slot left after the last one it names"))
}
