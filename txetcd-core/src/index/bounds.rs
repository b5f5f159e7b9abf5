//! Which entries an indexed value, a range of values or the beginning of values has.
//!
//! An entry of a unique index is the value; that of another one goes on with the primary key.

use std::ops::{Bound, RangeBounds};

use txetcd_client::Result;

use crate::engine::bounds::{Bounds, after};
use crate::engine::view::entries::IndexOf;
use crate::key::{Key, KeyLike, KeyPrefix};
use crate::table::rows::Rows;

impl IndexOf {
    /// The beginning of all entries of a value.
    pub(super) fn key<K: Key, V: 'static, P: Key, Q: KeyLike<K> + ?Sized>(
        &self,
        rows: &Rows<P, V>,
        value: &Q,
    ) -> Result<Vec<u8>> {
        let mut key = self.index.slot.to_be_bytes().to_vec();
        let encoded =
            if self.index.unique { value.encode_key(&mut key) } else { value.encode_key_part(&mut key) };
        encoded.map_err(|error| rows.no_form("indexed value", error))?;
        Ok(key)
    }

    pub(super) fn value_bounds<K: Key, V: 'static, P: Key, Q: KeyLike<K> + ?Sized>(
        &self,
        rows: &Rows<P, V>,
        value: &Q,
    ) -> Result<Bounds> {
        let start = self.key(rows, value)?;
        let end = self.behind(start.clone());
        Ok(Bounds::new(start, end))
    }

    pub(super) fn range_bounds<K: Key, V: 'static, P: Key, Q: KeyLike<K>>(
        &self,
        rows: &Rows<P, V>,
        range: &impl RangeBounds<Q>,
    ) -> Result<Bounds> {
        let all = Bounds::slot(self.index.slot);
        let start = match range.start_bound() {
            Bound::Included(value) => self.key(rows, value)?,
            Bound::Excluded(value) => self.behind(self.key(rows, value)?),
            Bound::Unbounded => all.start,
        };
        let end = match range.end_bound() {
            Bound::Included(value) => self.behind(self.key(rows, value)?),
            Bound::Excluded(value) => self.key(rows, value)?,
            Bound::Unbounded => all.end,
        };
        Ok(Bounds::new(start, end))
    }

    pub(super) fn prefix_bounds<K: Key, V: 'static, P: Key>(
        &self,
        rows: &Rows<P, V>,
        prefix: &impl KeyPrefix<K>,
    ) -> Result<Bounds> {
        let mut start = self.index.slot.to_be_bytes().to_vec();
        let encoded = if self.index.unique {
            prefix.encode_prefix(&mut start)
        } else {
            prefix.encode_prefix_part(&mut start)
        };
        encoded.map_err(|error| rows.no_form("prefix", error))?;
        Ok(Bounds::prefix(start))
    }

    /// The first key behind the entries of a value.
    fn behind(&self, key: Vec<u8>) -> Vec<u8> {
        if self.index.unique { after(&key) } else { Bounds::prefix(key).end }
    }
}
