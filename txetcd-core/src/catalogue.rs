//! The catalogue: which table is in which slot, and how it is declared.
//!
//! It is slot 0, one row a table, in the format of the Python library (`docs/format.md`). [`entry`] is such a
//! row, [`declaration`] what a struct says of itself and how the two are compared, [`attach`] brings them
//! together, and [`slots`] remembers what was found.
//!
//! The catalogue also has the indexes of each table. Who writes to a table must keep all of them, so every commit
//! is guarded by the table's row here being one that the program agrees with ([`agreement`]); who reads an index
//! looks here whether it is ready ([`state`]).

pub(crate) mod agreement;
pub(crate) mod attach;
pub(crate) mod declaration;
pub(crate) mod entry;
mod indexes;
pub(crate) mod slots;
pub(crate) mod state;

pub use entry::TableInfo;
pub use indexes::{IndexInfo, IndexState};
