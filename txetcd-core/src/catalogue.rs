//! The catalogue: which table is in which slot, and how it is declared.
//!
//! It is slot 0, one row a table, in the format of the Python library (`docs/format.md`). [`entry`] is such a
//! row, [`declaration`] what a struct says of itself and how the two are compared, [`attach`] brings them
//! together, and [`slots`] remembers what was found.

pub(crate) mod attach;
pub(crate) mod declaration;
pub(crate) mod entry;
pub(crate) mod slots;

pub use entry::TableInfo;
