//! What `#[derive(Key)]` calls: the variants of enums, and the end of keys without parts. For generated code.

use super::KeyError;
use super::read::{take, whole};

/// Appends the place of a variant.
///
/// # Errors
/// None; as [`Key::encode`](super::Key::encode) wants it.
#[inline]
pub fn encode_variant(index: u8, out: &mut Vec<u8>) -> Result<(), KeyError> {
    out.push(index);
    Ok(())
}

/// Reads a whole key that is one of `variants`, which are in the order of declaration.
///
/// # Errors
/// If there is no variant in this place.
pub fn decode_variant<T: Clone>(bytes: &[u8], variants: &[T]) -> Result<T, KeyError> {
    whole(bytes, |bytes| decode_variant_part(bytes, variants))
}

/// As [`decode_variant`], from the front of `bytes`.
///
/// # Errors
/// If there is no variant in this place.
pub fn decode_variant_part<T: Clone>(bytes: &mut &[u8], variants: &[T]) -> Result<T, KeyError> {
    let [index] = take(bytes, "1 byte of a variant")?;
    variants.get(usize::from(index)).cloned().ok_or(KeyError::expected("the place of a variant"))
}

/// Reads a whole key of a struct without fields.
///
/// # Errors
/// If anything is there.
pub fn end_of_key(bytes: &[u8]) -> Result<(), KeyError> {
    whole(bytes, |_| Ok(()))
}
