//! [`Ranges`]: which keys are cached.

use crate::engine::bookkeeping::slot_of;
use crate::engine::bounds::Bounds;

/// Ranges of keys, each within a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u16, Bounds)>);

impl Ranges {
    /// Adds what is not there yet. Whether there was any.
    pub(crate) fn extend(&mut self, new: impl IntoIterator<Item = Bounds>) -> bool {
        let before = self.0.len();
        for bounds in new {
            if !self.cover_all(&bounds) {
                self.0.push((slot_of(&bounds.start), bounds));
            }
        }
        self.0.sort_by(|(_, a), (_, b)| a.start.cmp(&b.start));
        self.0.len() > before
    }

    /// Removes those in a slot.
    pub(crate) fn remove_slot(&mut self, slot: u16) {
        self.0.retain(|(of, _)| *of != slot);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bounds> {
        self.0.iter().map(|(_, bounds)| bounds)
    }

    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        self.up_to(key).is_some_and(|bounds| bounds.contains(key))
    }

    pub(crate) fn cover_all(&self, bounds: &Bounds) -> bool {
        self.up_to(&bounds.start)
            .is_some_and(|cached| cached.contains(&bounds.start) && bounds.end <= cached.end)
    }

    /// From the first key to the last one, with whatever is between the ranges.
    pub(crate) fn span(&self) -> Option<Bounds> {
        let end = self.iter().map(|bounds| &bounds.end).max()?;
        Some(Bounds::new(self.iter().next()?.start.clone(), end.clone()))
    }

    /// The last range that does not begin behind a key. Slots are compared first: that is mostly enough.
    fn up_to(&self, key: &[u8]) -> Option<&Bounds> {
        let slot = slot_of(key);
        let begins = |(of, bounds): &(u16, Bounds)| *of < slot || *of == slot && *bounds.start <= *key;
        self.0[..self.0.partition_point(begins)].last().map(|(_, bounds)| bounds)
    }
}
