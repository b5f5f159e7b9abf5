//! [`Part`]: the rows of the watched keys that a watch tells of.

use std::sync::Arc;

use txetcd_client::{Error, KeyValue, Result, error::Kind};

use crate::engine::bounds::Bounds;
use crate::engine::view::Row;
use crate::key::Key;
use crate::table::rows::Rows;

/// The rows of a table; all of them, or those with an entry of an index in a range.
pub(super) struct Part<K, V> {
    pub(super) rows: Rows<K, V>,
    entries: Option<Bounds>,
}

/// What a row was before a change, to who watches a part.
pub(super) enum Before<V> {
    /// Not there, or not in the part.
    Outside,
    Inside(V),
    /// It was there, but nobody knows what it was.
    Unknown,
}

impl<K: Key, V: 'static> Part<K, V> {
    pub(super) fn all(rows: Rows<K, V>) -> Self {
        Self { rows, entries: None }
    }

    pub(super) fn with_entries(self, bounds: Bounds) -> Self {
        Self { entries: Some(bounds), ..self }
    }

    /// # Errors
    /// [`is_invalid_argument`](Error::is_invalid_argument) if no row can be in it.
    pub(super) fn check(&self) -> Result<()> {
        match &self.entries {
            Some(bounds) if bounds.is_empty() => Err(Error::new(
                Kind::InvalidArgument,
                "the range of indexed values to watch is empty: its start is not before its end",
            )),
            _ => Ok(()),
        }
    }

    /// Whether a row is in it.
    pub(super) fn has(&self, key: &[u8], value: &V) -> Result<bool> {
        let Some(bounds) = &self.entries else { return Ok(true) };
        Ok((self.rows.entries)(value, key)?.iter().any(|entry| bounds.contains(&entry.key)))
    }

    /// What a row was that surely was there.
    pub(super) fn before(&self, previous: Option<KeyValue>) -> Before<V> {
        let known = previous.and_then(|kv| {
            let row = Row::Stored(Arc::new(kv));
            let value = self.rows.decode(&row).ok()?;
            Some((self.has(row.key(), &value).ok()?, value))
        });
        match known {
            Some((true, value)) => Before::Inside(value),
            Some((false, _)) => Before::Outside,
            None => Before::Unknown,
        }
    }
}

impl<V> Before<V> {
    /// The row, if it was in the part and is known.
    pub(super) fn inside(self) -> Option<V> {
        match self {
            Self::Inside(value) => Some(value),
            Self::Outside | Self::Unknown => None,
        }
    }
}
