//! The bytes of one version of a key, and of one entry of the log.
//!
//! ```text
//! version   create:8  modified:8  version:8  lease:8  value        little-endian
//! ended     ended:8, then a version
//! change    kind:1 (0 put, 1 delete)  ended:8 (0 for none)  key
//! ```

use super::error::{StorageError, damaged};
use crate::proto::KeyValue;

const VERSION_HEADER: usize = 32;

/// One version of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) create: i64,
    pub(crate) modified: i64,
    pub(crate) version: i64,
    pub(crate) lease: i64,
    pub(crate) value: &'a [u8],
}

impl<'a> Record<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, StorageError> {
        let (header, value) =
            bytes.split_first_chunk::<VERSION_HEADER>().ok_or_else(|| damaged("a version is too short"))?;
        Ok(Self {
            create: number(header, 0),
            modified: number(header, 8),
            version: number(header, 16),
            lease: number(header, 24),
            value,
        })
    }

    /// Reads a version that has ended: the revision that ended it, and the version.
    pub(crate) fn decode_ended(bytes: &'a [u8]) -> Result<(i64, Self), StorageError> {
        let (ended, rest) =
            bytes.split_first_chunk::<8>().ok_or_else(|| damaged("an ended version is too short"))?;
        Ok((i64::from_le_bytes(*ended), Self::decode(rest)?))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(VERSION_HEADER + self.value.len());
        for number in [self.create, self.modified, self.version, self.lease] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(self.value);
        bytes
    }

    pub(crate) fn key_value(&self, key: &[u8]) -> KeyValue {
        KeyValue { value: self.value.to_vec(), lease: self.lease, ..self.key_only(key) }
    }

    /// The key and its revisions. etcd 3.7 answers `keys_only` from its index, which knows no lease.
    pub(crate) fn key_only(&self, key: &[u8]) -> KeyValue {
        KeyValue {
            key: key.to_vec(),
            create_revision: self.create,
            mod_revision: self.modified,
            version: self.version,
            ..Default::default()
        }
    }
}

/// Marks an encoded version as ended by `revision`.
pub(crate) fn encode_ended(revision: i64, version: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 + version.len());
    bytes.extend_from_slice(&revision.to_le_bytes());
    bytes.extend_from_slice(version);
    bytes
}

/// What a change did to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Put,
    Delete,
}

/// One entry of the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) kind: Kind,
    /// The `modified` of the version that this change ended, if it ended one.
    pub(crate) ended: Option<i64>,
    pub(crate) key: &'a [u8],
}

impl<'a> Change<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, StorageError> {
        let (header, key) =
            bytes.split_first_chunk::<9>().ok_or_else(|| damaged("a log entry is too short"))?;
        let kind = match header[0] {
            0 => Kind::Put,
            1 => Kind::Delete,
            other => return Err(damaged(format!("a log entry of unknown kind {other}"))),
        };
        let ended = Some(number(header, 1)).filter(|&revision| revision != 0);
        Ok(Self { kind, ended, key })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(9 + self.key.len());
        bytes.push(match self.kind {
            Kind::Put => 0,
            Kind::Delete => 1,
        });
        bytes.extend_from_slice(&self.ended.unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(self.key);
        bytes
    }
}

/// The little-endian number at `at`, which is within every header read here.
fn number<const N: usize>(header: &[u8; N], at: usize) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[at..at + 8]);
    i64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_survives_the_round_trip() {
        let record = Record { create: 2, modified: i64::MAX, version: 7, lease: -1, value: b"v" };
        let bytes = encode_ended(9, &record.encode());
        let (ended, read) = Record::decode_ended(&bytes).unwrap();
        assert_eq!((ended, read.create, read.modified), (9, 2, i64::MAX));
        assert_eq!((read.version, read.lease, read.value), (7, -1, &b"v"[..]));
    }

    #[test]
    fn a_change_survives_the_round_trip() {
        for ended in [None, Some(3)] {
            let bytes = Change { kind: Kind::Delete, ended, key: b"k" }.encode();
            let read = Change::decode(&bytes).unwrap();
            assert_eq!((read.kind, read.ended, read.key), (Kind::Delete, ended, &b"k"[..]));
        }
    }

    #[test]
    fn short_or_unknown_bytes_are_an_error() {
        assert!(Record::decode(&[0; 31]).is_err());
        assert!(Record::decode_ended(&[0; 7]).is_err());
        assert!(Change::decode(&[]).is_err());
        assert!(Change::decode(&[2; 12]).is_err());
    }
}
