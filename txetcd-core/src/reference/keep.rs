//! Keeping references, when a transaction ends: what follows from deletions, and what must be there.

use std::collections::BTreeSet;

use txetcd_client::{Error, Result, error::Kind};

use super::OnDelete;
use crate::catalogue::state::require_ready;
use crate::engine::bounds::{Bounds, after};
use crate::engine::naming::describe_row;
use crate::engine::schema::{ReferenceMeta, TableSchema};
use crate::engine::view::entries::{EntryOf, IndexOf};
use crate::engine::view::{RangeOptions, View};
use crate::key::KeyError;
use crate::table::not_attached;

/// How many entries of rows that refer to deleted ones are read at once.
const PAGE: u32 = 100;

/// A field of a table that refers to rows of the table in the slot `target`.
#[derive(Clone, Copy)]
pub(crate) struct Referrer {
    pub(crate) target: u16,
    pub(crate) slot: u16,
    pub(crate) schema: &'static dyn TableSchema,
    /// The place of the reference among those of its table.
    pub(crate) at: usize,
}

/// What was deleted of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deleted {
    Row(Vec<u8>),
    /// All rows but those that were put afterwards.
    All,
}

/// Does what is declared for rows that refer to deleted ones, until nothing more follows. A deletion is refused for the
/// rows that are left then, so that the order of the tables does not matter.
pub(crate) async fn follow(view: &View, referrers: &[Referrer]) -> Result<()> {
    let (refusing, following): (Vec<&Referrer>, Vec<_>) =
        referrers.iter().partition(|referrer| referrer.refuses());
    let mut followed = BTreeSet::new();
    loop {
        let before = followed.len();
        for (which, referrer) in following.iter().enumerate() {
            for deleted in view.deleted(referrer.target) {
                if followed.insert((which, deleted.clone())) {
                    referrer.follow(view, &deleted).await?;
                }
            }
        }
        if followed.len() == before {
            break;
        }
    }
    for referrer in refusing {
        for deleted in view.deleted(referrer.target) {
            referrer.follow(view, &deleted).await?;
        }
    }
    Ok(())
}

impl Referrer {
    fn refuses(&self) -> bool {
        let references = self.schema.references();
        references.get(self.at).is_some_and(|reference| reference.on_delete == OnDelete::Restrict)
    }

    async fn follow(&self, view: &View, deleted: &Deleted) -> Result<()> {
        let references = self.schema.references();
        let Some(reference) = references.get(self.at) else { return Ok(()) };
        let Some(index) = self.schema.indexes().get(reference.index).copied() else { return Ok(()) };
        view.enlist(self.slot, self.schema);
        let of = IndexOf { slot: self.slot, schema: self.schema, index };
        require_ready(view, &of).await?;
        let options = RangeOptions { reverse: false, keys_only: !index.unique, remember: false, limit: PAGE };
        let mut rest = Some(self.entries_of(&of, reference, deleted)?);
        while let Some(bounds) = rest {
            let (entries, left) = view.entries(&of, bounds, options).await?;
            for EntryOf { entry, row } in entries {
                let target = self.target_of(&of, reference, &entry)?;
                // After a truncation it may have been put anew.
                if *deleted == Deleted::All && view.is_put(&target) {
                    continue;
                }
                self.act(view, reference, &target, row).await?;
            }
            rest = left;
        }
        Ok(())
    }

    async fn act(&self, view: &View, reference: &ReferenceMeta, target: &[u8], row: Vec<u8>) -> Result<()> {
        match reference.on_delete {
            OnDelete::Restrict => {
                return Err(Error::new(
                    Kind::ReferenceViolation,
                    format!(
                        "{} cannot be deleted: {} refers to it by its field `{}`: delete or change that row first",
                        describe_row(target, (reference.target)()),
                        describe_row(&row, self.schema),
                        reference.field
                    ),
                ));
            }
            OnDelete::Cascade => view.delete(row),
            OnDelete::SetNull => {
                if let Some(stored) = view.get(row.clone()).await? {
                    let changed = self.schema.without_reference(self.at, &row, stored.value())?;
                    view.change(row, changed);
                }
            }
        }
        Ok(())
    }

    /// The entries of rows that refer to what was deleted.
    fn entries_of(&self, of: &IndexOf, reference: &ReferenceMeta, deleted: &Deleted) -> Result<Bounds> {
        let Deleted::Row(row) = deleted else { return Ok(Bounds::slot(of.index.slot)) };
        let primary = row.get(2..).unwrap_or_default();
        let value = (reference.value)(primary, of.index.unique)
            .map_err(|error| foreign(row, (reference.target)(), &error))?;
        let start = [&of.index.slot.to_be_bytes(), value.as_slice()].concat();
        Ok(if of.index.unique { Bounds::new(start.clone(), after(&start)) } else { Bounds::prefix(start) })
    }

    /// The key of the row that an entry's row refers to.
    fn target_of(&self, of: &IndexOf, reference: &ReferenceMeta, entry: &[u8]) -> Result<Vec<u8>> {
        let value = entry.get(2..).unwrap_or_default();
        let primary = (reference.primary)(value, of.index.unique)
            .map_err(|error| foreign(entry, self.schema, &error))?;
        Ok([&self.target.to_be_bytes(), primary.as_slice()].concat())
    }
}

fn foreign(key: &[u8], schema: &dyn TableSchema, error: &KeyError) -> Error {
    let described = describe_row(key, schema);
    Error::new(Kind::Decode, format!("{described}: the stored key is not one of this table: {error}"))
}

/// Makes the commit depend on the presence of all rows that are referred to from rows that were put.
pub(crate) fn require_targets(view: &View, written: &[(u16, &'static dyn TableSchema)]) -> Result<()> {
    for &(slot, schema) in written {
        if schema.references().is_empty() {
            continue;
        }
        for (row, references) in view.put_references(slot) {
            for reference in view.new_references(&row, references, schema)? {
                let target = (reference.meta.target)();
                let slot = view.slots().resolve(reference.meta.place);
                let slot = slot.ok_or_else(|| not_attached(target.name()))?;
                view.enlist(slot, target);
                let key = [&slot.to_be_bytes(), reference.key.as_slice()].concat();
                view.require_present(key, &row, reference.meta.field)?;
            }
        }
    }
    Ok(())
}
