//! The subcommands: their arguments, and what each prints. The work is done in the library.

pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod run;
pub(crate) mod simulate;
pub(crate) mod teeth;
