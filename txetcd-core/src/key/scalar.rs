//! `bool` as one byte, `00` or `01`, and `char` as its four-byte big-endian code point.

use super::KeyError;
use super::read::fixed_size_key;

fixed_size_key!(bool, "1 byte of a bool", |v: &bool| Ok([u8::from(*v)]), |b: [u8; 1]| match b {
    [0] => Ok(false),
    [1] => Ok(true),
    _ => Err(KeyError::expected("a bool as 00 or 01")),
});

fixed_size_key!(char, "4 bytes of a char", |v: &char| Ok(u32::from(*v).to_be_bytes()), |b| {
    char::from_u32(u32::from_be_bytes(b)).ok_or(KeyError::expected("a char as its code point"))
});
