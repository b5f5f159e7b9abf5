//! What a transaction's writes have to do with references.

use txetcd_client::Result;

use super::View;
use crate::engine::bounds::Bounds;
use crate::engine::naming::Dangling;
use crate::engine::schema::{Reference, TableSchema};
use crate::engine::write_set::{NewRow, Own};
use crate::reference::keep::Deleted;

impl View {
    /// What was deleted of a table.
    pub(crate) fn deleted(&self, slot: u16) -> Vec<Deleted> {
        let state = self.state();
        let bounds = Bounds::slot(slot);
        let all = state.writes.is_cleared(&bounds.start).then_some(Deleted::All);
        let rows = state.writes.rows_in(&bounds).filter_map(|(key, own)| match own {
            Own::Deleted => Some(Deleted::Row(key.to_vec())),
            Own::Put(_) => None,
        });
        all.into_iter().chain(rows).collect()
    }

    /// Puts a row anew that is under the lease under which it would be without that.
    pub(crate) fn change(&self, key: Vec<u8>, row: NewRow) {
        self.state().writes.change(key, row);
    }

    /// Whether the transaction has put a row.
    pub(crate) fn is_put(&self, key: &[u8]) -> bool {
        matches!(self.state().writes.own(key), Some(Own::Put(_)))
    }

    /// The rows of a table that were put, with what they refer to.
    pub(crate) fn put_references(&self, slot: u16) -> Vec<(Vec<u8>, Vec<Reference>)> {
        let state = self.state();
        let puts = state.writes.puts_in(&Bounds::slot(slot));
        puts.map(|(key, put)| (key.to_vec(), put.references().to_vec())).collect()
    }

    /// The references of a row that was put, without those that it had already: whoever deletes the row that it refers
    /// to meets this row.
    pub(crate) fn new_references(
        &self,
        row: &[u8],
        references: Vec<Reference>,
        schema: &'static dyn TableSchema,
    ) -> Result<Vec<Reference>> {
        let before = {
            let state = self.state();
            // What is known but not read is not guarded.
            state.reads.mark(row).and_then(|_| state.known(row)).flatten()
        };
        let old = match before {
            Some(kv) => schema.references_of(row, kv.value())?,
            None => Vec::new(),
        };
        let is_old = |reference: &Reference| {
            old.iter().any(|old| old.meta.field == reference.meta.field && old.key == reference.key)
        };
        Ok(references.into_iter().filter(|reference| !is_old(reference)).collect())
    }

    /// Makes the commit depend on a row's presence, to which the field of another row refers.
    pub(crate) fn require_present(&self, target: Vec<u8>, row: &[u8], field: &'static str) -> Result<()> {
        let mut state = self.state();
        let dangling = Dangling { row: row.to_vec(), field };
        match state.writes.own(&target) {
            Some(Own::Put(_)) => return Ok(()),
            Some(Own::Deleted) => return Err(dangling.violated(&target, &state.tables)),
            None => {}
        }
        if let Some((None, mark)) = state.look_up(&target) {
            let error = dangling.violated(&target, &state.tables);
            state.reads.add_key(target, mark);
            return Err(error);
        }
        if !state.reads.keys.contains_key(&target) {
            state.writes.require_present(target, dangling);
        }
        Ok(())
    }
}
