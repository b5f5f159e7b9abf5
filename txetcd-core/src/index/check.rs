//! [`Check`]: compares the rows of a table with the entries of its indexes, a page at a time.
//!
//! It only reads; what it finds can be put right in the same transaction ([`Problem::fix`]). Verifying, repairing and
//! building an index are this, in different transactions.

use std::collections::BTreeMap;
use std::fmt;

use txetcd_client::Result;

use crate::engine::bounds::Bounds;
use crate::engine::naming::{describe_row, index_name};
use crate::engine::schema::Entry;
use crate::engine::view::entries::IndexOf;
use crate::engine::view::{Page, RangeOptions, Row, View};
use crate::engine::write_set::{NewRow, PutLease};
use crate::persist::Persist;
use crate::table::rows::Rows;

/// A table with its indexes.
pub(super) struct Check<T: Persist> {
    pub(super) rows: Rows<T::Key, T>,
    pub(super) indexes: Vec<IndexOf>,
}

/// What a page of a table or an index had.
pub(super) struct Checked {
    /// Rows, or entries, that were looked at.
    pub(super) count: u64,
    /// Their bytes.
    pub(super) bytes: usize,
    /// Entries or rows that belong to them.
    pub(super) entries: u64,
    pub(super) problems: Vec<Problem>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<Bounds>,
}

impl Checked {
    fn of(page: Page, entries: u64, problems: Vec<Problem>) -> Self {
        let bytes = page.rows.iter().map(|row| row.key().len() + row.value().len()).sum();
        Self { count: page.rows.len() as u64, bytes, entries, problems, next: page.rest }
    }
}

/// An index and a table that do not fit.
pub(super) enum Problem {
    /// A row has no entry, or one with another lease or of another row that has gone.
    Missing { of: IndexOf, entry: Entry, row: Vec<u8>, lease: i64 },
    /// An entry has no row, or one that is not to be found under it.
    Stale { of: IndexOf, entry: Vec<u8> },
    /// Two rows have the same value in a unique index.
    Duplicate { of: IndexOf, entry: Vec<u8>, row: Vec<u8>, other: Vec<u8> },
}

impl Problem {
    /// Puts it right, where that can be done.
    pub(super) fn fix(&self, view: &View) {
        match self {
            Self::Missing { entry, lease, .. } => {
                let lease = PutLease::Set(*lease);
                view.put(entry.key.clone(), NewRow { lease, ..NewRow::unindexed(entry.value.clone()) });
            }
            Self::Stale { entry, .. } => view.delete(entry.clone()),
            Self::Duplicate { .. } => {}
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |of: &IndexOf, key: &[u8]| describe_row(key, of.schema);
        match self {
            Self::Missing { of, row: key, .. } => {
                write!(f, "{}: no entry for {}", index_name(of.schema, &of.index), row(of, key))
            }
            Self::Stale { of, entry } => write!(f, "{}: an entry without a row", of.describe(entry)),
            Self::Duplicate { of, entry, row: key, other } => {
                write!(f, "{}: the value of both {} and {}", of.describe(entry), row(of, key), row(of, other))
            }
        }
    }
}

impl<T: Persist> Check<T> {
    pub(super) fn new(rows: Rows<T::Key, T>) -> Self {
        let of = |index| IndexOf { slot: rows.slot, schema: rows.schema, index };
        let mut indexes: Vec<IndexOf> = rows.schema.indexes().into_iter().map(of).collect();
        // So that a build goes on as it began, whichever order the next program declares them in.
        indexes.sort_by_key(|of| of.index.slot);
        Self { rows, indexes }
    }

    /// Looks for the entries of the rows in a range.
    pub(super) async fn rows(&self, view: &View, bounds: Bounds, limit: u32) -> Result<Checked> {
        let page = view.page(bounds, options(limit)).await?;
        let mut wanted: Vec<(Entry, Vec<u8>, i64)> = Vec::new();
        for row in &page.rows {
            let entries = (self.rows.entries)(&self.rows.decode(row)?, row.key())?;
            wanted.extend(entries.into_iter().map(|entry| (entry, row.key().to_vec(), row.lease())));
        }
        let entries = wanted.len() as u64;
        let stored = view.get_many(wanted.iter().map(|(entry, ..)| entry.key.clone()).collect()).await?;
        let mut problems = Vec::new();
        // Who of this page is to have the missing entries.
        let mut heirs: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for ((entry, row, lease), stored) in wanted.into_iter().zip(stored) {
            let Some(of) = self.indexes.iter().find(|of| Bounds::slot(of.index.slot).contains(&entry.key))
            else {
                continue;
            };
            let holder = match &stored {
                Some(stored) if stored.value() == entry.value && stored.lease() == lease => continue,
                Some(stored) if stored.value() != entry.value => Some([&row[..2], stored.value()].concat()),
                _ => None,
            };
            let other = match holder {
                Some(other) if self.has(view, &other, &entry.key).await? => Some(other),
                _ => heirs.get(&entry.key).cloned(),
            };
            if other.is_none() {
                heirs.insert(entry.key.clone(), row.clone());
            }
            problems.push(match other {
                Some(other) => Problem::Duplicate { of: *of, entry: entry.key, row, other },
                None => Problem::Missing { of: *of, entry, row, lease },
            });
        }
        Ok(Checked::of(page, entries, problems))
    }

    /// Looks for the rows of the entries in a range of an index.
    pub(super) async fn entries(
        &self,
        view: &View,
        of: &IndexOf,
        bounds: Bounds,
        limit: u32,
    ) -> Result<Checked> {
        let page = view.page(bounds, options(limit)).await?;
        let keys: Vec<Option<Vec<u8>>> =
            page.rows.iter().map(|entry| of.row_key(entry.key(), entry.value()).ok()).collect();
        let mut rows = view.get_many(keys.iter().flatten().cloned().collect()).await?.into_iter();
        let mut problems = Vec::new();
        for (entry, key) in page.rows.iter().zip(keys) {
            let row = key.and_then(|_| rows.next().flatten());
            if !row.map_or(Ok(false), |row| self.is_entry_of(&row, entry.key()))? {
                problems.push(Problem::Stale { of: *of, entry: entry.key().to_vec() });
            }
        }
        let count = page.rows.len() as u64;
        Ok(Checked::of(page, count, problems))
    }

    async fn has(&self, view: &View, row: &[u8], entry: &[u8]) -> Result<bool> {
        let row = view.get(row.to_vec()).await?;
        row.map_or(Ok(false), |row| self.is_entry_of(&row, entry))
    }

    fn is_entry_of(&self, row: &Row, entry: &[u8]) -> Result<bool> {
        let entries = (self.rows.entries)(&self.rows.decode(row)?, row.key())?;
        Ok(entries.iter().any(|own| own.key == entry))
    }
}

fn options(limit: u32) -> RangeOptions {
    RangeOptions { reverse: false, keys_only: false, remember: false, limit }
}
