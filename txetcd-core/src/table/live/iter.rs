//! [`LiveIter`]: rows of one revision, in the order of their keys.

use std::fmt;
use std::sync::Arc;

use txetcd_client::{Error, Result};

use super::content::Ordered;
use crate::engine::bounds::{Bounds, after};
use crate::engine::view::Row;
use crate::table::rows::Rows;
use crate::table::watch::Stored;

/// Rows of a [`Live`](super::Live) view with their keys. A row that cannot be decoded is an error in its place.
pub struct LiveIter<T: Stored> {
    rows: Rows<T::Key, T::Value>,
    map: Ordered<T::Value>,
    rest: Bounds,
    failed: Option<Error>,
}

impl<T: Stored> LiveIter<T> {
    pub(super) fn new(
        rows: Rows<T::Key, T::Value>,
        found: Result<Ordered<T::Value>>,
        bounds: Bounds,
    ) -> Self {
        match found {
            Ok(map) => Self { rows, map, rest: bounds, failed: None },
            Err(error) => Self { rows, map: Ordered::new(), rest: bounds, failed: Some(error) },
        }
    }
}

impl<T: Stored> Iterator for LiveIter<T> {
    type Item = Result<(T::Key, Arc<T::Value>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let (key, row) = self.map.get_next(&*self.rest.start).filter(|(key, _)| self.rest.contains(key))?;
        let (key, row) = (key.clone(), row.clone());
        self.rest.start = after(&key);
        let decoded = self.rows.decode_key(&Row::Own(key.to_vec(), Arc::default()));
        Some(row.and_then(|row| Ok((decoded?, row))))
    }
}

impl<T: Stored> fmt::Debug for LiveIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveIter").finish_non_exhaustive()
    }
}
