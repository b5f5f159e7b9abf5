//! [`Limits`]: what a value may have while it is written or read, for the formats of other crates.
//!
//! Their serializers and deserializers are wrapped, and with them whatever they are given: see [`read`] and [`write`].

use std::cell::Cell;

use super::CodecError;
use super::limit::{MAX_DEPTH, MAX_WRAPPERS, TOO_DEEP};

mod read;
mod write;

/// What is left of the limits. One value is written or read with it.
pub(super) struct Limits {
    depth: Cell<usize>,
    wrappers: Cell<usize>,
    elements: Cell<usize>,
    met: Cell<Option<&'static str>>,
}

impl Limits {
    /// With any number of elements.
    pub(super) fn new() -> Self {
        Self::with_elements(usize::MAX)
    }

    /// With so many elements of arrays and maps, all together.
    pub(super) fn with_elements(elements: usize) -> Self {
        Self {
            depth: Cell::new(MAX_DEPTH),
            wrappers: Cell::new(MAX_WRAPPERS),
            elements: Cell::new(elements),
            met: Cell::new(None),
        }
    }

    /// Wraps a serializer, a deserializer, or what they are given.
    pub(super) fn around<T>(&self, inner: T) -> Limited<'_, T> {
        Limited { inner, limits: self }
    }

    /// The error to report if a limit was met, whatever the format made of it.
    pub(super) fn refusal(&self, format: &str) -> Option<CodecError> {
        self.met.get().map(|reason| CodecError::new(format!("{format}: {reason}")))
    }

    fn take(&self, of: &Cell<usize>, count: usize, reason: &'static str) -> Result<(), &'static str> {
        match of.get().checked_sub(count) {
            Some(left) => {
                of.set(left);
                Ok(())
            }
            None => {
                self.met.set(Some(reason));
                Err(reason)
            }
        }
    }

    fn enter(&self, levels: usize) -> Result<(), &'static str> {
        self.take(&self.depth, levels, TOO_DEEP)
    }

    fn leave(&self, levels: usize) {
        self.depth.set(self.depth.get() + levels);
    }

    fn wrap(&self) -> Result<(), &'static str> {
        self.take(&self.wrappers, 1, TOO_DEEP)
    }

    fn unwrap(&self) {
        self.wrappers.set(self.wrappers.get() + 1);
    }

    fn element(&self) -> Result<(), &'static str> {
        self.take(&self.elements, 1, "too many elements")
    }
}

/// Something of serde's, and the limits within which it may act.
pub(super) struct Limited<'a, T> {
    inner: T,
    limits: &'a Limits,
}
