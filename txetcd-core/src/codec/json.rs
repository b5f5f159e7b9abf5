//! [`Json`]: values as JSON text, the form in which the Python library's `MapUuidJson` and its siblings store them.

use super::{Codec, CodecError, Marshal};

/// Compact JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)): no blanks, UTF-8 unescaped, fields in the
/// order of their declaration.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl<T, M: Marshal<T>> Codec<T, M> for Json {
    const NAME: &'static str = "json";

    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        M::serialize(value, &mut serde_json::Serializer::new(out))
            .map_err(|_| CodecError::new("json: the value has no form in JSON"))
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        M::deserialize(&mut deserializer)
            .and_then(|value| deserializer.end().map(|()| value))
            .map_err(|error| CodecError::new(format!("json: refused at column {}", error.column())))
    }
}
