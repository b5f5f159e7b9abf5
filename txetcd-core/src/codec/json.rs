//! [`Json`]: values as JSON text, as in the Python library's `MapUuidJson` and its siblings.

use serde_json::error::Category;

use super::limited::Limits;
use super::serde_message::{REFUSED, expectation};
use super::{Codec, CodecError, Marshal};

mod scan;

/// Compact JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)): no blanks, UTF-8 unescaped, the fields of a
/// struct in the order of declaration; Python's `json.dumps(separators=(",", ":"), ensure_ascii=False)`.
///
/// A `Uuid` is text, a byte sequence an array. JSON has no NaN and no infinity: they are written as `null`, and
/// the `NaN` and `Infinity` that Python writes in their stead are refused. Refused are also bytes after the value,
/// a key twice in an object, and [deep nesting](Codec). Needs the feature `json`.
#[derive(Debug, Clone, Copy)]
pub struct Json;

const FORMAT: &str = "json";

impl<T, M: Marshal<T>> Codec<T, M> for Json {
    const NAME: &'static str = FORMAT;

    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let limits = Limits::new();
        M::serialize(value, limits.around(&mut serde_json::Serializer::new(out)))
            .map_err(|error| limits.refusal(FORMAT).unwrap_or_else(|| refused(&error)))
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        scan::check(bytes)?;
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        // Its own limit is one level less.
        deserializer.disable_recursion_limit();
        let limits = Limits::new();
        let value = M::deserialize(limits.around(&mut deserializer))
            .map_err(|error| limits.refusal(FORMAT).unwrap_or_else(|| refused(&error)))?;
        deserializer.end().map_err(|error| refused(&error))?;
        Ok(value)
    }
}

/// Keeps the position and what was expected, and drops what was found, since `serde_json` quotes it.
fn refused(error: &serde_json::Error) -> CodecError {
    let message = error.to_string();
    let (line, column) = (error.line(), error.column());
    let position = format!(" at line {line} column {column}");
    let message = message.strip_suffix(&position).unwrap_or(&message);
    let reason = match error.classify() {
        Category::Data => expectation(message).unwrap_or(REFUSED),
        // These messages are `serde_json`'s own, and constant.
        Category::Syntax | Category::Eof | Category::Io => message,
    };
    CodecError::new(if line == 0 { format!("json: {reason}") } else { format!("json:{position}: {reason}") })
}
