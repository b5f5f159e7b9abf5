//! How keys are named in messages.

use std::collections::BTreeMap;

use txetcd_client::{Error, error::Kind};

use super::bookkeeping::slot_of;

/// The names of tables, by slot.
pub(crate) type TableNames = BTreeMap<u16, &'static str>;

/// A key as people know it: `User (slot 1), key "alice"`.
pub(crate) fn describe(key: &[u8], tables: &TableNames) -> String {
    let slot = slot_of(key);
    let rest = key.get(2..).unwrap_or_default();
    let shown = match std::str::from_utf8(rest) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => format!("{text:?}"),
        _ => rest.iter().fold("0x".to_owned(), |shown, byte| shown + &format!("{byte:02x}")),
    };
    match tables.get(&slot) {
        Some(name) => format!("{name} (slot {slot}), key {shown}"),
        None => format!("slot {slot}, key {shown}"),
    }
}

/// The error of an insert whose row is there already.
pub(crate) fn already_exists(key: &[u8], tables: &TableNames) -> Error {
    let row = describe(key, tables);
    Error::new(
        Kind::AlreadyExists,
        format!(
            "{row}: there is a row with this key already: choose another key, or replace the row with `put`"
        ),
    )
}
