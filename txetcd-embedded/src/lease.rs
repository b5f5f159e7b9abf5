//! Leases: what is stored of them, and the clock that says when each one ends.

pub(crate) mod apply;
pub(crate) mod clock;
