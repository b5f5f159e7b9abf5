//! [`TableInfo`]: a row of the catalogue.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::indexes::IndexInfo;
use crate::codec::{Cbor, Codec, KeepsUnknown as _, Serde};
use crate::engine::schema::Unindexed;
use crate::table::rows::Rows;

/// What the catalogue has of a table.
///
/// A CBOR map in this order, at the key `00 00 | slot u16`. The first six are the Python library's; the
/// others are this library's, absent in rows that only Python has written, which ignores them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TableInfo {
    /// The table's identity.
    #[serde(with = "uuid_text")]
    pub oid: Uuid,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// Who wrote the row.
    pub creator: String,
    /// Its slot.
    pub slot: u16,
    /// The type of its keys, as in `Uuid` or `(String, u32)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The codec of its values, as in `cbor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// How its values are compressed, as in `zlib`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// The names of its fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// The version of its declaration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Its indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<IndexInfo>,
    /// The slots of tables whose rows refer to rows of this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub referenced_by: Vec<u16>,
}

impl TableInfo {
    /// All slots that the table has: its own, and those of its indexes.
    pub(super) fn slots(&self) -> impl Iterator<Item = u16> {
        std::iter::once(self.slot).chain(self.indexes.iter().map(|index| index.slot))
    }
}

/// The keys of [`TableInfo`]; what else a row has is kept when it is written again.
const KNOWN: [&str; 13] = [
    "oid",
    "name",
    "description",
    "tags",
    "creator",
    "slot",
    "key",
    "codec",
    "compression",
    "fields",
    "version",
    "indexes",
    "referenced_by",
];

/// The catalogue as a table of its own.
pub(crate) const CATALOGUE: Rows<u16, TableInfo> = Rows {
    slot: 0,
    schema: &Unindexed { name: "the catalogue", cached: false },
    encode: |entry, before| {
        let mut value = Vec::new();
        <Cbor as Codec<_, Serde>>::encode(entry, &mut value)?;
        match before {
            Some(before) => Cbor::with_unknown(value, before, &|name| KNOWN.contains(&name)),
            None => Ok(value),
        }
    },
    decode: |value| <Cbor as Codec<_, Serde>>::decode(value),
    entries: |_, _| Ok(Vec::new()),
    references: |_, _| Ok(Vec::new()),
    remembers: true,
    keeps_unknown: true,
    key: PhantomData,
};

/// A uuid as its text, which is how Python has it in the catalogue.
mod uuid_text {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(oid: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        oid.hyphenated().to_string().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::parse_str(&text).map_err(|_| serde::de::Error::custom("expected a uuid in its text form"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_python_is_read_and_written_byte_for_byte() {
        let python = concat!(
            "a5636f6964782461303030303030302d303030302d343030302d383030302d303030303030303030303031646e616d65655573",
            "6572736b6465736372697074696f6e6c5573657273207461626c652e6763726561746f7267756e6b6e6f776e64736c6f7401",
        );
        let bytes: Vec<u8> = (0..python.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&python[at..at + 2], 16).unwrap())
            .collect();
        let entry = (CATALOGUE.decode)(&bytes).unwrap();
        assert_eq!(entry.oid, Uuid::from_u128(0xa0000000_0000_4000_8000_000000000001));
        assert_eq!((entry.name.as_str(), entry.slot), ("Users", 1));
        assert_eq!((entry.description.as_deref(), entry.key.as_deref()), (Some("Users table."), None));
        assert_eq!((CATALOGUE.encode)(&entry, None).unwrap(), bytes);
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let newer = ciborium::Value::Map(vec![
            ("oid".into(), "a0000000-0000-4000-8000-000000000001".into()),
            ("name".into(), "Users".into()),
            ("creator".into(), "someone".into()),
            ("slot".into(), 7.into()),
            ("retention".into(), 30.into()),
        ]);
        let mut bytes = Vec::new();
        ciborium::into_writer(&newer, &mut bytes).unwrap();
        let entry = (CATALOGUE.decode)(&bytes).unwrap();
        assert_eq!((CATALOGUE.encode)(&entry, Some(&bytes)).unwrap(), bytes);
    }
}
