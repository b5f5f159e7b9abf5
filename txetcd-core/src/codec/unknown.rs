//! [`KeepsUnknown`]: formats in which a field can be kept without being known.

use super::{Cbor, Codec, CodecError, Serde};

/// A format in which a struct is a map keyed by field name, so that what a newer program has stored can be told
/// from what this one knows.
#[diagnostic::on_unimplemented(
    message = "the codec `{Self}` cannot keep unknown fields",
    label = "`keep_unknown` needs field names in what is stored",
    note = "`Cbor` and `Json` have them"
)]
pub trait KeepsUnknown {
    /// The encoded `value` with the entries of `before`, another encoded value, that are not known.
    ///
    /// # Errors
    /// If `value` is not a map in this format. A `before` that is none has nothing to keep.
    fn with_unknown(
        value: Vec<u8>,
        before: &[u8],
        is_known: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<u8>, CodecError>;
}

impl KeepsUnknown for Cbor {
    fn with_unknown(
        value: Vec<u8>,
        before: &[u8],
        is_known: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<u8>, CodecError> {
        use ciborium::Value;
        let Ok(Value::Map(before)) = <Self as Codec<Value, Serde>>::decode(before) else { return Ok(value) };
        let unknown: Vec<_> =
            before.into_iter().filter(|(name, _)| !name.as_text().is_some_and(is_known)).collect();
        if unknown.is_empty() {
            return Ok(value);
        }
        let Value::Map(mut map) = <Self as Codec<Value, Serde>>::decode(&value)? else {
            return Err(CodecError::new("cbor: a row that keeps unknown fields must be a map"));
        };
        map.extend(unknown);
        let mut value = Vec::new();
        <Self as Codec<Value, Serde>>::encode(&Value::Map(map), &mut value)?;
        Ok(value)
    }
}

#[cfg(feature = "json")]
impl KeepsUnknown for super::Json {
    fn with_unknown(
        value: Vec<u8>,
        before: &[u8],
        is_known: &dyn Fn(&str) -> bool,
    ) -> Result<Vec<u8>, CodecError> {
        use serde_json::Value;
        let Ok(Value::Object(before)) = <Self as Codec<Value, Serde>>::decode(before) else {
            return Ok(value);
        };
        let mut unknown = before.into_iter().filter(|(name, _)| !is_known(name)).peekable();
        if unknown.peek().is_none() {
            return Ok(value);
        }
        let Value::Object(mut map) = <Self as Codec<Value, Serde>>::decode(&value)? else {
            return Err(CodecError::new("json: a row that keeps unknown fields must be an object"));
        };
        map.extend(unknown);
        let mut value = Vec::new();
        <Self as Codec<Value, Serde>>::encode(&Value::Object(map), &mut value)?;
        Ok(value)
    }
}
