//! Keys, codecs, tables and the transaction engine of txetcd.
//!
//! Programs use the facade crate `txetcd`, which re-exports all of this.

pub mod codec;
pub mod key;
pub mod persist;
