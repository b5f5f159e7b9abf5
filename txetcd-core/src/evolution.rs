//! How stored rows outlive changes of their struct.
//!
//! A row is read as the struct is declared now; if that fails and the declaration names an older version
//! (`#[pmap(version = 2, from = UserV1)]`), it is read as that one, which may name a still older one, and
//! converted with `From`. So bytes that are readable as the newest version are taken as such. Rows are written in
//! the newest form only; a migration rewrites those that nobody touches. Fields that this program does not know
//! survive its read-modify-write if the declaration asks for it (`#[pmap(keep_unknown)]`).

pub(crate) mod migrate;

use crate::codec::{Codec as _, CodecError, KeepsUnknown};
use crate::persist::Persist;

/// Reads a stored value, whichever version of the struct it was written as.
pub(crate) fn decode_row<T: Persist>(stored: &[u8]) -> Result<T, CodecError> {
    decode_current(stored).or_else(|error| match T::decode_older(stored) {
        Some(Ok(row)) => Ok(row),
        // What the newest version says is wrong is what helps.
        Some(Err(_)) | None => Err(error),
    })
}

/// Reads a stored value as the struct is declared now.
fn decode_current<T: Persist>(stored: &[u8]) -> Result<T, CodecError> {
    T::Codec::decode(&T::COMPRESSION.decompress(stored)?)
}

/// A row that is larger grows its buffer.
const USUAL_BYTES: usize = 256;

/// The value as it is stored; with what `before`, the value that it replaces, has beyond the declared fields,
/// if that is kept.
pub(crate) fn encode_row<T: Persist>(row: &T, before: Option<&[u8]>) -> Result<Vec<u8>, CodecError> {
    let mut value = Vec::with_capacity(USUAL_BYTES);
    T::Codec::encode(row, &mut value)?;
    if let Some(before) = before {
        value = T::add_unknown(value, &T::COMPRESSION.decompress(before)?)?;
    }
    T::COMPRESSION.compress(value)
}

/// A row that an older version has written, as the newer one. For generated code.
#[doc(hidden)]
pub fn upgrade<Old: Persist + Into<New>, New>(stored: &[u8]) -> Result<New, CodecError> {
    decode_row::<Old>(stored).map(Into::into)
}

/// The value with the entries of `before` that the struct does not declare. For generated code.
#[doc(hidden)]
pub fn with_unknown<T>(value: Vec<u8>, before: &[u8]) -> Result<Vec<u8>, CodecError>
where
    T: Persist,
    T::Codec: KeepsUnknown,
{
    let is_known =
        |name: &str| T::FIELDS.iter().any(|field| field.name == name || field.aliases.contains(&name));
    T::Codec::with_unknown(value, before, &is_known)
}
