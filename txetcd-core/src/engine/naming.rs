//! The tables that a transaction touches, and how their keys are named in messages.

use std::fmt;

use smallvec::SmallVec;
use txetcd_client::{Error, error::Kind};

use super::bookkeeping::slot_of;
use super::schema::{IndexMeta, TableSchema};

/// The tables that a transaction touches, each with its slot. Mostly there are few.
#[derive(Clone, Default)]
pub(crate) struct Tables(SmallVec<[(u16, &'static dyn TableSchema); 2]>);

impl Tables {
    /// Adds a table. Whether it was not there.
    pub(crate) fn enlist(&mut self, slot: u16, schema: &'static dyn TableSchema) -> bool {
        let is_known = |(known, other): &(u16, &dyn TableSchema)| *known == slot && other.id() == schema.id();
        let is_new = !self.0.iter().any(is_known);
        if is_new {
            self.0.push((slot, schema));
        }
        is_new
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &'static dyn TableSchema)> {
        self.0.iter().copied()
    }

    /// `User (slot 1)`, or `User.by_email (slot 2)` for an index.
    fn name(&self, slot: u16) -> String {
        let of_index = |(_, schema): &(u16, &'static dyn TableSchema)| {
            let index = schema.indexes().into_iter().find(|index| index.slot == slot)?;
            Some(index_name(*schema, &index))
        };
        match self.0.iter().find(|(known, _)| *known == slot) {
            Some((_, schema)) => table_name(slot, *schema),
            None => self.0.iter().find_map(of_index).unwrap_or_else(|| format!("slot {slot}")),
        }
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(slot, schema)| table_name(*slot, *schema))).finish()
    }
}

/// A table as people know it: `User (slot 1)`.
pub(crate) fn table_name(slot: u16, schema: &dyn TableSchema) -> String {
    format!("{} (slot {slot})", schema.name())
}

/// An index as people know it: `User.by_email (slot 2)`.
pub(crate) fn index_name(schema: &dyn TableSchema, index: &IndexMeta) -> String {
    format!("{}.{} (slot {})", schema.name(), index.name, index.slot)
}

/// A key as people know it: `User (slot 1), key "alice"`.
pub(crate) fn describe(key: &[u8], tables: &Tables) -> String {
    format!("{}, key {}", tables.name(slot_of(key)), shown(key))
}

/// A row of a table as people know it.
pub(crate) fn describe_row(key: &[u8], schema: &dyn TableSchema) -> String {
    format!("{}, key {}", table_name(slot_of(key), schema), shown(key))
}

/// The part of a key behind its slot.
pub(crate) fn shown(key: &[u8]) -> String {
    let rest = key.get(2..).unwrap_or_default();
    match std::str::from_utf8(rest) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => format!("{text:?}"),
        _ => rest.iter().fold("0x".to_owned(), |shown, byte| shown + &format!("{byte:02x}")),
    }
}

/// Why a key must be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// A row is inserted.
    OfRow,
    /// An entry of a unique index is new.
    OfEntry,
}

impl Absence {
    /// The error where the key is there.
    pub(crate) fn violated(self, key: &[u8], tables: &Tables) -> Error {
        let described = describe(key, tables);
        match self {
            Self::OfRow => Error::new(
                Kind::AlreadyExists,
                format!(
                    "{described}: there is a row with this key already: choose another key, or replace the row with `put`"
                ),
            ),
            Self::OfEntry => Error::new(
                Kind::UniqueViolation,
                format!(
                    "{described}: another row has this value already, and the index is unique: choose another value, or \
                     change that row first"
                ),
            ),
        }
    }
}

/// A row that refers to another one, for the message if that is not there.
#[derive(Debug, Clone)]
pub(crate) struct Dangling {
    /// The key of the row.
    pub(crate) row: Vec<u8>,
    pub(crate) field: &'static str,
}

impl Dangling {
    /// The error where the row with this key is not there.
    pub(crate) fn violated(&self, target: &[u8], tables: &Tables) -> Error {
        Error::new(
            Kind::ReferenceViolation,
            format!(
                "{}: its field `{}` refers to {}, which is not there: insert that row first, in the same transaction if \
                 you like, or refer to another one",
                describe(&self.row, tables),
                self.field,
                describe(target, tables),
            ),
        )
    }
}
