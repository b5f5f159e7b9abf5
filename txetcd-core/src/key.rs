//! How a key type becomes bytes whose order is the order of its values.
//!
//! [`Key`] is the trait; one file below this one implements it for each family of types. A key has two
//! forms: *whole*, where it ends with the etcd key, and *part*, where something follows it (an element of a
//! tuple that is not the last, the value in a non-unique index entry).
//!
//! | type | bytes |
//! | --- | --- |
//! | [`Uuid`](crate::Uuid) | 16, in the order of RFC 9562 |
//! | [`Oid`](crate::Oid), `u8` to `u128` | big-endian |
//! | `i8` to `i128` | big-endian, sign bit flipped |
//! | `f32`, `f64` | big-endian, negative: all bits flipped, else the sign bit: the order of `total_cmp` |
//! | [`Timestamp`](crate::Timestamp) | nanoseconds since 1970 as `i64`, big-endian; earlier ones are refused |
//! | `chrono::DateTime<Utc>`, `time::UtcDateTime`, `jiff::Timestamp` | as a [`Timestamp`](crate::Timestamp); each by the feature of its crate |
//! | `chrono::NaiveDate`, `time::Date`, `jiff::civil::Date` | the days since 1970-01-01 as an `i32`; by the same features |
//! | `bool` | `00` or `01` |
//! | `char` | its code point, `u32` big-endian |
//! | `[u8; N]` | as they are |
//! | `String`, `Vec<u8>` | whole: as they are; part: each `00` as `00 FF`, then `00 01` |
//! | `Option<K>` | `00`, or `01` and the key |
//! | tuples of 1 to 8, `#[derive(Key)]` structs | each element but the last as a part, the last in the form of the tuple |
//! | `#[derive(Key)]` enums | the place of the variant, one byte |
//!
//! The bytes of uuids, oids, timestamps, byte arrays and whole text, and of tuples of these, are those of Python's
//! `zlmdb`; the others are this library's own. `docs/format.md` has examples.

use std::fmt;

mod array;
#[cfg(feature = "chrono")]
mod chrono;
#[cfg(any(feature = "chrono", feature = "time", feature = "jiff"))]
mod convert;
mod float;
mod integer;
#[cfg(feature = "jiff")]
mod jiff;
mod like;
mod option;
mod prefix;
pub(crate) mod read;
pub(crate) mod row;
mod scalar;
mod text;
#[cfg(feature = "time")]
mod time;
mod tuple;
mod uuid;
mod variant;

pub use prefix::KeyPrefix;
#[doc(hidden)]
pub use variant::{decode_variant, decode_variant_part, encode_variant, end_of_key};

/// A type that can be the key of a table: its bytes sort as its values do, and decode to the same value.
///
/// Both forms promise: `a < b` exactly if `encode(a) < encode(b)`, and `decode(encode(a)) == a`. Decoding
/// never panics, whatever the bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "not a key type",
    note = "keys are `Uuid`, `String`, `Oid`, `Timestamp`, integers, `bool`, `char`, `[u8; N]`, `Vec<u8>`, tuples and `Option` of these",
    note = "a struct or an enum without data becomes one by `#[derive(Key)]`"
)]
pub trait Key: Clone + Send + Sync + 'static {
    /// Appends the whole form, which is the last thing in an etcd key.
    ///
    /// # Errors
    /// For the few values that have no ordered form, a [`Timestamp`](crate::Timestamp) before 1970 for instance.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), KeyError>;

    /// Reads the whole form; all of `bytes` must be used.
    ///
    /// # Errors
    /// If the bytes are not what [`encode`](Key::encode) writes.
    fn decode(bytes: &[u8]) -> Result<Self, KeyError>;

    /// Appends the self-delimiting form, after which more may follow.
    ///
    /// # Errors
    /// As [`encode`](Key::encode).
    fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError>;

    /// Reads the self-delimiting form from the front of `bytes` and moves `bytes` behind it.
    ///
    /// # Errors
    /// If the bytes are not what [`encode_part`](Key::encode_part) writes.
    fn decode_part(bytes: &mut &[u8]) -> Result<Self, KeyError>;

    /// How many bytes the self-delimiting form has; the whole form never has more. Lets a buffer be allocated
    /// once; 0, the default, says that it is not known.
    fn size_hint(&self) -> usize {
        0
    }
}

/// What is given where a key of type `K` is expected: a `K`, or its borrowed form (`str` for `String`).
#[diagnostic::on_unimplemented(
    message = "the key of this table is a `{K}`, not a `{Self}`",
    label = "expected a `{K}`"
)]
pub trait KeyLike<K: Key>: Send + Sync {
    /// Appends the bytes that the equal `K` would have.
    ///
    /// # Errors
    /// As [`Key::encode`].
    fn encode_key(&self, out: &mut Vec<u8>) -> Result<(), KeyError>;

    /// Appends the bytes that the equal `K` would have in front of something else.
    ///
    /// # Errors
    /// As [`Key::encode_part`].
    fn encode_key_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError>;

    /// How many bytes it has at most, as [`Key::size_hint`].
    fn key_size_hint(&self) -> usize {
        0
    }
}

impl<K: Key> KeyLike<K> for K {
    fn encode_key(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.encode(out)
    }

    fn encode_key_part(&self, out: &mut Vec<u8>) -> Result<(), KeyError> {
        self.encode_part(out)
    }

    fn key_size_hint(&self) -> usize {
        self.size_hint()
    }
}

/// Why bytes are not a key, or a value not encodable as one. Carries no part of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError {
    expected: &'static str,
}

impl KeyError {
    /// An error that says what was expected, for instance `"16 bytes of a uuid"`.
    pub const fn expected(expected: &'static str) -> Self {
        Self { expected }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for KeyError {}
