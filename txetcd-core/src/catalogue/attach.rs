//! [`Database::attach`]: a struct meets the catalogue.

use txetcd_client::{Error, Result, error::Kind};

use super::declaration::Declaration;
use super::entry::{CATALOGUE, TableInfo};
use crate::database::Database;
use crate::engine::bounds::Bounds;
use crate::engine::view::RangeOptions;
use crate::persist::{Persist, Place};
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
    /// # Errors
    /// [`Error::is_schema_mismatch`] if the catalogue has the table with another key type, codec, compression or
    /// name, or with fields that a row as declared cannot do without; the message has both sides.
    /// [`Error::is_not_found`] if the table is not in the catalogue and the database is read-only.
    pub async fn attach<T: Persist>(&self) -> Result<Table<T>> {
        let declaration = Declaration::of::<T>();
        let slot = if self.client().is_read_only() {
            self.read(async |txn| look_up(txn, &declaration).await).await?
        } else {
            self.write(async |txn| enter(txn, &declaration).await).await?
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
}

async fn entries<R: Read>(txn: &R) -> Result<Vec<TableInfo>> {
    Scan::of(Ok(CATALOGUE), txn, |catalogue| Ok(catalogue.bounds())).collect().await
}

async fn look_up<R: Read>(txn: &R, declaration: &Declaration) -> Result<u16> {
    match (declaration.find(&entries(txn).await?), declaration.place) {
        (Some(entry), _) => Ok(declaration.agree(entry)?.slot),
        (None, Place::Slot(slot)) => Ok(slot),
        (None, Place::Catalogue(oid)) => Err(Error::new(
            Kind::NotFound,
            format!(
                "no table with the id {oid} is in the catalogue: attach it once with a database that may write"
            ),
        )),
    }
}

/// Reads the whole catalogue, so that two processes which enter tables at the same time meet in a conflict, and
/// one of them sees what the other one entered.
async fn enter(txn: &WriteTxn, declaration: &Declaration) -> Result<u16> {
    let entries = entries(txn).await?;
    match declaration.find(&entries) {
        Some(entry) => {
            let agreed = declaration.agree(entry.clone())?;
            if agreed != entry {
                CATALOGUE.put(txn, &agreed.slot, &agreed)?;
            }
            Ok(agreed.slot)
        }
        None => {
            let slot = match declaration.place {
                Place::Slot(slot) => slot,
                Place::Catalogue(_) => free_slot(txn, &entries).await?,
            };
            CATALOGUE.insert(txn, &slot, &declaration.entry(slot))?;
            Ok(slot)
        }
    }
}

/// The slot after the last one in the catalogue, as Python chooses it, or the next one that has no rows: tables
/// with fixed slots need not be in the catalogue.
async fn free_slot(txn: &WriteTxn, entries: &[TableInfo]) -> Result<u16> {
    let last = entries.iter().map(|entry| entry.slot).max().unwrap_or(0);
    let one_key = RangeOptions { reverse: false, keys_only: true, remember: false, limit: 1 };
    for slot in last.saturating_add(1)..u16::MAX {
        let page = txn.view().page(Bounds::prefix(slot.to_be_bytes().to_vec()), one_key).await?;
        if page.rows.is_empty() {
            return Ok(slot);
        }
    }
    Err(Error::new(Kind::InvalidArgument, "the catalogue has no slot left after the last one it names"))
}
