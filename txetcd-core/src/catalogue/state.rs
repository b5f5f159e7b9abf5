//! Whether an index can be read, as of the revision that a transaction reads.

use txetcd_client::{Error, Result, error::Kind};

use super::entry::{CATALOGUE, TableInfo};
use super::indexes::IndexState;
use crate::engine::bookkeeping::catalogue_key;
use crate::engine::naming::index_name;
use crate::engine::view::View;
use crate::engine::view::entries::IndexOf;

/// What the catalogue has for the table in this slot.
pub(crate) async fn catalogued(view: &View, slot: u16) -> Result<Option<TableInfo>> {
    Ok(catalogued_at(view, slot).await?.map(|(_, table)| table))
}

/// The same, with the revision of the row.
pub(super) async fn catalogued_at(view: &View, slot: u16) -> Result<Option<(i64, TableInfo)>> {
    let row = view.get(catalogue_key(slot)).await?;
    row.map(|row| Ok((row.mod_revision(), CATALOGUE.decode(&row)?))).transpose()
}

/// Refuses to read an index that may not have all of its entries.
pub(crate) async fn require_ready(view: &View, of: &IndexOf) -> Result<()> {
    let table = catalogued(view, of.slot).await?;
    let mut indexes = table.iter().flat_map(|table| &table.indexes);
    let problem = match indexes.find(|stored| stored.slot == of.index.slot) {
        Some(stored) if !stored.has_entries_of(&of.index) => {
            format!("the catalogue has another index in this slot: {}", stored.described())
        }
        Some(stored) if stored.state == IndexState::Ready => return Ok(()),
        Some(_) => {
            "the index is still being built: run `rebuild_indexes` of its table, and read it when that has finished"
                .to_owned()
        }
        // All rows that the table may get have their entries.
        None if view.is_stored_empty(of.slot).await? => return Ok(()),
        None => {
            "the table had rows before it had this index: `attach` the table, run its `rebuild_indexes`, and read the \
             index when that has finished"
                .to_owned()
        }
    };
    Err(Error::new(Kind::SchemaMismatch, format!("{}: {problem}", index_name(of.schema, &of.index))))
}
