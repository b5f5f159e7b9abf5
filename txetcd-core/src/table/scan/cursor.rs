//! [`Cursor`]: where a scan is, and its next page.

use std::collections::VecDeque;

use futures_util::future::join;
use txetcd_client::Result;

use crate::catalogue::state::require_ready;
use crate::engine::bounds::Bounds;
use crate::engine::page_size::PageSize;
use crate::engine::view::entries::{EntryOf, IndexOf};
use crate::engine::view::{RangeOptions, Row, View};

/// Where a scan is.
pub(super) struct Cursor<'t> {
    pub(super) view: &'t View,
    pub(super) index: Option<IndexOf>,
    pub(super) rest: Option<Bounds>,
    pub(super) page: VecDeque<Found>,
    pub(super) reverse: bool,
    pub(super) keys_only: bool,
    pub(super) remember: bool,
    /// How many rows are still wanted.
    pub(super) left: usize,
    pub(super) size: PageSize,
    /// Whether the index was found to be ready, which holds for the whole revision.
    pub(super) is_ready: bool,
}

/// A row, and the key of the index entry that led to it, if one did.
pub(super) struct Found {
    pub(super) row: Row,
    pub(super) entry: Option<Vec<u8>>,
}

impl Cursor<'_> {
    pub(super) async fn next(&mut self) -> Result<Option<Found>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut wanted = self.left;
        while self.page.is_empty() {
            let Some(bounds) = self.rest.take() else { return Ok(None) };
            let page = match self.index {
                None => self.rows(bounds, wanted).await?,
                Some(of) => self.entries(&of, bounds, wanted).await?,
            };
            // Where the transaction itself deleted what is stored, few rows are not found by asking for few.
            wanted = usize::MAX;
            let bytes: usize = page.iter().map(|found| found.row.key().len() + found.row.value().len()).sum();
            self.size.learn(page.len(), bytes);
            self.page = page.into();
        }
        self.left -= 1;
        Ok(self.page.pop_front())
    }

    async fn rows(&mut self, bounds: Bounds, wanted: usize) -> Result<Vec<Found>> {
        let page = self.view.page(bounds, self.options(self.keys_only, wanted)).await?;
        self.rest = page.rest;
        Ok(page.rows.into_iter().map(|row| Found { row, entry: None }).collect())
    }

    async fn entries(&mut self, of: &IndexOf, bounds: Bounds, wanted: usize) -> Result<Vec<Found>> {
        let options = RangeOptions { remember: false, ..self.options(!of.index.unique, wanted) };
        let entries = self.view.entries(of, bounds, options);
        let (entries, rest) = if self.is_ready {
            entries.await?
        } else {
            let (ready, page) = join(require_ready(self.view, of), entries).await;
            ready?;
            self.is_ready = true;
            page?
        };
        self.rest = rest;
        if self.keys_only {
            let keys = entries.into_iter();
            let found = keys.map(|EntryOf { entry, row }| (entry, Row::Own(row, [].into())));
            return Ok(found.map(|(entry, row)| Found { row, entry: Some(entry) }).collect());
        }
        let rows = self.view.get_many(entries.iter().map(|entry| entry.row.clone()).collect()).await?;
        // An entry without a row is one that a foreign program left behind: `verify_indexes` finds it.
        let found = entries.into_iter().zip(rows);
        Ok(found.filter_map(|(entry, row)| Some(Found { row: row?, entry: Some(entry.entry) })).collect())
    }

    fn options(&self, keys_only: bool, wanted: usize) -> RangeOptions {
        let limit = self.size.limit(wanted);
        RangeOptions { reverse: self.reverse, keys_only, remember: self.remember, limit }
    }
}
