//! [`CachedTables`]: which tables are cached, and the task that feeds the cache.
//!
//! One watch covers all cached tables, so that the revisions of all of them come whole and in order. After a
//! compaction or any other gap everything is listed anew; until then transactions read from the store.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::task::JoinHandle;
use txetcd_client::{KeyValue, Result};

use super::Step;
use super::bytes::Bytes;
use super::ranges::Ranges;
use crate::engine::Engine;
use crate::engine::bookkeeping::catalogue_key;
use crate::engine::bounds::{Bounds, after};
use crate::engine::lock::lock;
use crate::engine::schema::TableSchema;
use crate::follow::{self, Follower};
use crate::persist::Place;

/// The tables that are cached.
pub(crate) struct CachedTables {
    /// Tables that are to be cached though their declarations do not say so.
    chosen: Vec<Chosen>,
    /// How many bytes keys and values of all may have.
    most_bytes: usize,
    state: Mutex<State>,
}

/// A table that is to be cached.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) place: Place,
    pub(crate) schema: &'static dyn TableSchema,
}

#[derive(Default)]
struct State {
    /// The slots of tables of which it is known whether they are cached.
    known: BTreeSet<u16>,
    ranges: Arc<Ranges>,
    feed: Option<JoinHandle<()>>,
}

impl CachedTables {
    pub(crate) fn new(chosen: Vec<Chosen>, most_bytes: usize) -> Self {
        Self { chosen, most_bytes, state: Mutex::default() }
    }

    /// Begins to cache the tables that were chosen, as far as it is known where they are.
    pub(crate) fn start(&self, engine: &Arc<Engine>) {
        for chosen in &self.chosen {
            if let Some(slot) = engine.slots.resolve(chosen.place) {
                self.want(engine, slot, chosen.schema);
            }
        }
    }

    /// Begins to cache a table that is used, if that is wanted and has not been begun.
    pub(crate) fn want(&self, engine: &Arc<Engine>, slot: u16, schema: &'static dyn TableSchema) {
        if self.chosen.is_empty() && !schema.is_cached() {
            return;
        }
        let mut state = lock(&self.state);
        if !state.known.insert(slot) || !(schema.is_cached() || self.is_chosen(engine, slot)) {
            return;
        }
        let indexes = schema.indexes();
        let mut bounds = vec![Bounds::slot(slot)];
        bounds.extend(indexes.iter().map(|index| Bounds::slot(index.slot)));
        if !indexes.is_empty() {
            // Who reads an index looks there whether it can be read.
            let key = catalogue_key(slot);
            bounds.push(Bounds::new(key.clone(), after(&key)));
        }
        let mut ranges = Ranges::clone(&state.ranges);
        ranges.extend(bounds);
        state.restart(engine, ranges, self.most_bytes);
    }

    fn is_chosen(&self, engine: &Engine, slot: u16) -> bool {
        self.chosen.iter().any(|chosen| engine.slots.resolve(chosen.place) == Some(slot))
    }

    /// Does not cache the largest table any more.
    fn give_up(&self, engine: &Arc<Engine>, slot: u16) {
        tracing::warn!(
            slot,
            most_bytes = self.most_bytes,
            "a table is too large to be cached: it is read from the store from now on; see `cache_bytes`"
        );
        let mut state = lock(&self.state);
        let mut ranges = Ranges::clone(&state.ranges);
        ranges.remove_slot(slot);
        state.restart(engine, ranges, self.most_bytes);
    }
}

impl State {
    fn restart(&mut self, engine: &Arc<Engine>, ranges: Ranges, most_bytes: usize) {
        self.ranges = Arc::new(ranges);
        if let Some(feed) = self.feed.take() {
            feed.abort();
        }
        let follower = self.ranges.span().map(|span| {
            let listed = self.ranges.iter().cloned().collect();
            Follower::parts(&engine.client, span, listed)
        });
        let current = follower.as_ref().map(Follower::is_current).unwrap_or_default();
        engine.sequencer.restart_cache(self.ranges.clone(), current);
        if let Some(follower) = follower {
            let feed =
                Feed { engine: Arc::downgrade(engine), follower, ranges: self.ranges.clone(), most_bytes };
            self.feed = Some(tokio::spawn(feed.run()));
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(feed) = &self.feed {
            feed.abort();
        }
    }
}

/// Feeds the cache. It does not keep the engine alive.
struct Feed {
    engine: Weak<Engine>,
    follower: Follower,
    ranges: Arc<Ranges>,
    most_bytes: usize,
}

impl Feed {
    async fn run(mut self) {
        if let Err(error) = self.feed().await {
            tracing::warn!(%error, "the cache ends: its tables are read from the store");
        }
    }

    async fn feed(&mut self) -> Result<()> {
        let current = self.follower.is_current();
        let _guard = Current(current.clone());
        let mut listing = Listing::default();
        loop {
            let step = self.follower.next().await?;
            let Some(engine) = self.engine.upgrade() else { return Ok(()) };
            match step {
                follow::Step::Resync(revision) => listing = Listing { revision, ..Listing::default() },
                follow::Step::Rows(rows) => {
                    rows.iter().for_each(|kv| listing.bytes.add(kv));
                    listing.rows.extend(rows);
                    if self.gives_up(&engine, listing.bytes.largest_beyond(self.most_bytes)) {
                        return Ok(());
                    }
                }
                follow::Step::Complete => {
                    let Listing { revision, rows, .. } = std::mem::take(&mut listing);
                    engine.sequencer.step(&current, Step::Replaced(revision, rows));
                }
                follow::Step::Changed(response) => {
                    let revision = response.revision();
                    let mut events = response.into_events();
                    events.retain(|event| self.ranges.covers(event.key()));
                    engine.sequencer.step(&current, Step::Changes(revision, events));
                    if self.gives_up(&engine, engine.sequencer.largest_beyond(self.most_bytes)) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Whether a table is too large; then it goes on with another feed, without that one.
    fn gives_up(&self, engine: &Arc<Engine>, too_large: Option<u16>) -> bool {
        if let Some(slot) = too_large {
            engine.cached_tables.give_up(engine, slot);
        }
        too_large.is_some()
    }
}

/// The cache is not current any more when its feed has ended, however it did.
struct Current(Arc<AtomicBool>);

impl Drop for Current {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Rows on their way into the cache.
#[derive(Default)]
struct Listing {
    revision: i64,
    rows: Vec<KeyValue>,
    bytes: Bytes,
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.schema.name())
    }
}

impl fmt::Debug for CachedTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedTables").field("chosen", &self.chosen).finish_non_exhaustive()
    }
}
