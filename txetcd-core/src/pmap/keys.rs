//! The keys of Python's maps that are not ordinary keys.
//!
//! They have Python's bytes, and these do not always sort as the values do: scans and ranges over them are in the order
//! of the bytes. Tables of one's own have no need of them.

mod fixed;
mod joined;
mod suffixed;

pub use fixed::{AnyTimestamp, TimestampLe, U16Le};
pub use joined::{StringString, StringStringString};
pub use suffixed::{StringOid, StringTimestamp};
