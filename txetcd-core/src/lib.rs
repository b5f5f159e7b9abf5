//! Keys, codecs, tables and the transaction engine of txetcd.
//!
//! Programs use the facade crate `txetcd`, which re-exports all of this.

pub mod codec;
pub mod key;
mod oid;
pub mod persist;
mod timestamp;

pub use oid::Oid;
pub use timestamp::{Timestamp, TimestampError};
pub use uuid::Uuid;
