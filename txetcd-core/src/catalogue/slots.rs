//! [`Slots`]: the slots of the tables that were attached by id.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use uuid::Uuid;

use crate::persist::Place;

/// Slot by id. A table never moves, so what is remembered stays true.
#[derive(Debug, Default)]
pub(crate) struct Slots(RwLock<HashMap<Uuid, u16>>);

impl Slots {
    fn get(&self, oid: &Uuid) -> Option<u16> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(oid).copied()
    }

    /// The slot of a table: `None` if it is in the catalogue, and was not looked up yet.
    pub(crate) fn resolve(&self, place: Place) -> Option<u16> {
        match place {
            Place::Slot(slot) => Some(slot),
            Place::Catalogue(oid) => self.get(&oid),
        }
    }

    pub(crate) fn remember(&self, oid: Uuid, slot: u16) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(oid, slot);
    }
}
