//! [`SlotSet`]: the slots of some tables, each once. Mostly there are few.

use smallvec::SmallVec;

#[derive(Debug, Clone, Default)]
pub(crate) struct SlotSet(SmallVec<[u16; 4]>);

impl SlotSet {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains(&self, slot: u16) -> bool {
        self.0.contains(&slot)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }
}

impl Extend<u16> for SlotSet {
    fn extend<I: IntoIterator<Item = u16>>(&mut self, slots: I) {
        for slot in slots {
            if !self.contains(slot) {
                self.0.push(slot);
            }
        }
    }
}

impl FromIterator<u16> for SlotSet {
    fn from_iter<I: IntoIterator<Item = u16>>(slots: I) -> Self {
        let mut each = Self::default();
        each.extend(slots);
        each
    }
}
