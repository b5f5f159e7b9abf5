//! [`Declaration`]: what a struct says of its table, and whether the catalogue agrees.

use txetcd_client::{Error, Result, error::Kind};
use uuid::Uuid;

use super::entry::TableInfo;
use crate::codec::{Codec, Compression};
use crate::engine::schema::{IndexMeta, ReferenceMeta};
use crate::key::Key as _;
use crate::persist::{Field, Persist, Place};

/// Who writes the rows that attaching writes.
const CREATOR: &str = "txetcd";

/// What `#[derive(Persist)]` says of a table.
#[derive(Debug, Clone)]
pub(crate) struct Declaration {
    pub(super) place: Place,
    name: &'static str,
    key: String,
    codec: &'static str,
    compression: Compression,
    fields: &'static [Field],
    version: u32,
    pub(super) indexes: Vec<IndexMeta>,
    pub(super) is_key: fn(&[u8]) -> bool,
    pub(super) references: Vec<ReferenceMeta>,
}

impl Declaration {
    pub(crate) fn of<T: Persist>() -> Self {
        Self {
            place: T::PLACE,
            name: T::NAME,
            key: short_name(std::any::type_name::<T::Key>()),
            codec: <T::Codec as Codec<T, T::Marshal>>::NAME,
            compression: T::COMPRESSION,
            fields: T::FIELDS,
            version: T::VERSION,
            indexes: T::INDEXES.iter().map(|index| *index.meta()).collect(),
            is_key: |bytes| T::Key::decode(bytes).is_ok(),
            references: T::REFERENCES.iter().map(|reference| *reference.meta()).collect(),
        }
    }

    /// The table's row in the catalogue, if it has one.
    pub(super) fn find(&self, entries: &[TableInfo]) -> Option<TableInfo> {
        let found = entries.iter().find(|entry| match self.place {
            Place::Slot(slot) => entry.slot == slot,
            Place::Catalogue(oid) => entry.oid == oid,
        });
        found.cloned()
    }

    /// A first row for the table, without its indexes.
    pub(super) fn entry(&self, slot: u16) -> TableInfo {
        let oid = match self.place {
            Place::Slot(_) => Uuid::new_v4(),
            Place::Catalogue(oid) => oid,
        };
        TableInfo {
            oid,
            name: self.name.to_owned(),
            description: None,
            tags: None,
            creator: CREATOR.to_owned(),
            slot,
            key: Some(self.key.clone()),
            codec: Some(self.codec.to_owned()),
            compression: Some(self.compression.to_string()),
            fields: Some(self.fields.iter().map(|field| field.name.to_owned()).collect()),
            version: Some(self.version),
            indexes: Vec::new(),
            referenced_by: Vec::new(),
        }
    }

    /// Checks that rows written as the catalogue says can be read as declared. Returns the catalogue's row with
    /// this declaration in it, but for its indexes, which are as they were.
    pub(super) fn agree(&self, entry: TableInfo) -> Result<TableInfo> {
        let own = self.entry(entry.slot);
        // A row without a declaration is the Python library's, whose names are its own.
        if entry.key.is_some() {
            self.same("name", Some(&entry.name), &own.name, entry.slot)?;
        }
        self.same("key", entry.key.as_ref(), &self.key, entry.slot)?;
        self.same("codec", entry.codec.as_deref(), self.codec, entry.slot)?;
        self.same("compression", entry.compression.as_deref(), &self.compression.to_string(), entry.slot)?;
        let stored_version = entry.version.unwrap_or(1);
        if stored_version > self.version {
            return Err(self.mismatch(
                entry.slot,
                format!(
                    "it is declared as version {}, but a newer program has stored version {stored_version}: use that one",
                    self.version
                ),
            ));
        }
        // A newer version says by its `from` how rows of the older one are read.
        if let Some(stored) = entry.fields.as_ref().filter(|_| stored_version == self.version) {
            self.can_read(stored, entry.slot)?;
        }
        let TableInfo { key, codec, compression, fields, version, .. } = own;
        Ok(TableInfo { key, codec, compression, fields, version, ..entry })
    }

    fn same<S: AsRef<str> + ?Sized>(
        &self,
        what: &str,
        stored: Option<&S>,
        declared: &str,
        slot: u16,
    ) -> Result<()> {
        match stored.map(AsRef::as_ref) {
            Some(stored) if stored != declared => Err(self.mismatch(
                slot,
                format!(
                    "the {what} is declared as `{declared}`, but the catalogue has `{stored}`: declare it so, or use \
                     another slot"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// A field that is new must be one that older rows can do without.
    fn can_read(&self, stored: &[String], slot: u16) -> Result<()> {
        let is_stored = |name: &str| stored.iter().any(|stored| stored == name);
        let new = self.fields.iter().find(|field| {
            !field.optional && !is_stored(field.name) && !field.aliases.iter().any(|alias| is_stored(alias))
        });
        // A table of which no fields are known has nothing to compare.
        match new.filter(|_| !stored.is_empty()) {
            None => Ok(()),
            Some(field) => Err(self.mismatch(
                slot,
                format!(
                    "the field `{}` is declared, but rows were stored with the fields {}: give it `#[pmap(default)]`, \
                     or `#[pmap(alias = \"...\")]` with its former name",
                    field.name,
                    stored.join(", "),
                ),
            )),
        }
    }

    pub(super) fn mismatch(&self, slot: u16, what: String) -> Error {
        Error::new(Kind::SchemaMismatch, format!("{}: {what}", self.table(slot)))
    }

    /// The table as people know it.
    pub(super) fn table(&self, slot: u16) -> String {
        format!("{} (slot {slot})", self.name)
    }
}

/// The name of a type without the paths in it: `(String, u32)` for `(alloc::string::String, u32)`.
pub(super) fn short_name(name: &str) -> String {
    let mut short = String::new();
    let mut rest = name;
    while let Some(at) = rest.find("::") {
        let (before, behind) = rest.split_at(at);
        let start = before.rfind(|character: char| !character.is_alphanumeric() && character != '_');
        short.push_str(start.map_or("", |start| &before[..=start]));
        rest = &behind[2..];
    }
    short + rest
}

#[cfg(test)]
mod tests {
    use super::short_name;

    #[test]
    fn names_of_types_have_no_paths() {
        for (name, short) in [
            ("u32", "u32"),
            ("uuid::Uuid", "Uuid"),
            ("(alloc::string::String, core::option::Option<uuid::Uuid>)", "(String, Option<Uuid>)"),
            ("[u8; 20]", "[u8; 20]"),
            ("alloc::vec::Vec<u8>", "Vec<u8>"),
        ] {
            assert_eq!(short_name(name), short);
        }
    }
}
