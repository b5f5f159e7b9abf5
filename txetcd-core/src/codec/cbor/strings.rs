//! Showing text and byte strings to a visitor: also uuids, and integers of more than 64 bits.

use std::borrow::Cow;

use ciborium_ll::tag;
use serde::de::value::SeqDeserializer;
use serde::de::{self, Unexpected, Visitor};
use uuid::Uuid;

use super::error::ReadError;
use super::known::{is_uuid, is_value};

type Result<T, E = ReadError> = std::result::Result<T, E>;

/// How a byte string is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteString {
    Bytes,
    /// As the integers that `Vec<u8>` and arrays take.
    Sequence,
    /// To a type that takes anything: as bytes if it has a tag, else as a sequence.
    ///
    /// Serde asks so when it buffers (untagged and internally tagged enums, flattened structs), and makes no
    /// sequence of buffered bytes, nor a uuid of a buffered sequence. So the writer tags all byte strings but those
    /// of `Vec<u8>` and its like.
    Unknown,
    Refused,
}

pub(super) fn visit_text<'de, V: Visitor<'de>>(text: Cow<'de, str>, visitor: V) -> Result<V::Value> {
    match text {
        text if is_uuid::<V::Value>() => match Uuid::try_parse(&text) {
            Ok(uuid) => visitor.visit_bytes(uuid.as_bytes()),
            Err(_) => Err(ReadError::new("expected a uuid")),
        },
        Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
        Cow::Owned(text) => visitor.visit_string(text),
    }
}

pub(super) fn visit_bytes<'de, V: Visitor<'de>>(
    bytes: Cow<'de, [u8]>,
    tag: Option<u64>,
    visitor: V,
    byte_string: ByteString,
) -> Result<V::Value> {
    if let Some(tag @ (tag::BIGPOS | tag::BIGNEG)) = tag {
        return visit_big(tag, &bytes, visitor);
    }
    let as_bytes = match byte_string {
        ByteString::Bytes => true,
        ByteString::Sequence => false,
        ByteString::Unknown => tag.is_some() || is_value::<V::Value>(),
        ByteString::Refused => return Err(de::Error::invalid_type(Unexpected::Bytes(&bytes), &visitor)),
    };
    match bytes {
        Cow::Borrowed(bytes) if as_bytes => visitor.visit_borrowed_bytes(bytes),
        Cow::Owned(bytes) if as_bytes => visitor.visit_byte_buf(bytes),
        bytes => {
            let mut items = SeqDeserializer::new(bytes.iter().copied());
            let value = visitor.visit_seq(&mut items)?;
            items.end()?;
            Ok(value)
        }
    }
}

/// An integer as its magnitude, big-endian, which of a negative one is one less.
fn visit_big<'de, V: Visitor<'de>>(tag: u64, bytes: &[u8], visitor: V) -> Result<V::Value> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let digits = &bytes[zeros..];
    let mut magnitude = [0; 16];
    let Some(start) = magnitude.len().checked_sub(digits.len()) else {
        return Err(ReadError::new("expected an integer of at most 128 bits"));
    };
    magnitude[start..].copy_from_slice(digits);
    let magnitude = u128::from_be_bytes(magnitude);
    if tag == tag::BIGPOS {
        return match u64::try_from(magnitude) {
            Ok(number) => visitor.visit_u64(number),
            Err(_) => visitor.visit_u128(magnitude),
        };
    }
    let Ok(magnitude) = i128::try_from(magnitude) else {
        return Err(ReadError::new("expected an integer of at most 128 bits"));
    };
    match i64::try_from(!magnitude) {
        Ok(number) => visitor.visit_i64(number),
        Err(_) => visitor.visit_i128(!magnitude),
    }
}
