//! Why a value could not be written or read: where, and what was expected, but never what was stored.
//!
//! Messages that a type's own (de)serialization makes up are dropped, since they like to quote the value.

use std::fmt;

use serde::{de, ser};

use crate::codec::CodecError;
use crate::codec::limit::TOO_DEEP;

/// Why a value could not be written.
#[derive(Debug)]
pub(super) struct WriteError(&'static str);

impl WriteError {
    pub(super) const TOO_DEEP: Self = Self(TOO_DEEP);
    pub(super) const OUT_OF_MEMORY: Self = Self("the buffer took no more bytes");
    const CUSTOM: Self = Self("the serialization of the type, or of a part of it, failed");
}

impl ser::Error for WriteError {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::CUSTOM
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cbor: {}", self.0)
    }
}

impl std::error::Error for WriteError {}

impl From<WriteError> for CodecError {
    fn from(error: WriteError) -> Self {
        Self::new(error.to_string())
    }
}

/// Why bytes could not be read as a value.
#[derive(Debug)]
pub(super) struct ReadError(Box<Failure>);

#[derive(Debug)]
struct Failure {
    reason: String,
    /// The offset of the innermost item that was refused.
    at: Option<usize>,
    /// From the innermost step outwards.
    path: Vec<Step>,
}

/// A step from a value into it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A field of a struct.
    Field(&'static str),
    /// An element of an array, or an entry of a map whose keys are data.
    Index(usize),
}

impl ReadError {
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self(Box::new(Failure { reason: reason.into(), at: None, path: Vec::new() }))
    }

    /// Adds the offset of the item, unless a part of the item was refused.
    pub(super) fn at(mut self, offset: usize) -> Self {
        self.0.at.get_or_insert(offset);
        self
    }

    /// Adds the step that led to the item.
    pub(super) fn inside(mut self, step: Step) -> Self {
        self.0.path.push(step);
        self
    }
}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::new("the type refused the value")
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {}", kind(found)))
    }

    fn invalid_value(_found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}"))
    }

    fn invalid_length(found: usize, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}, found {found} elements"))
    }

    fn unknown_variant(_found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown variant, expected one of {}", expected.join(", ")))
    }

    fn unknown_field(_found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown field, expected one of {}", expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("missing field `{field}`"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("duplicate field `{field}`"))
    }
}

fn kind(found: de::Unexpected<'_>) -> &'static str {
    match found {
        de::Unexpected::Bool(_) => "a boolean",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "an integer",
        de::Unexpected::Float(_) => "a float",
        de::Unexpected::Char(_) | de::Unexpected::Str(_) => "text",
        de::Unexpected::Bytes(_) => "a byte string",
        de::Unexpected::Unit | de::Unexpected::Option => "null",
        de::Unexpected::Seq => "an array",
        de::Unexpected::Map => "a map",
        _ => "something else",
    }
}

/// `cbor: at byte 12, in address.lines[2]: expected a string, found an integer`.
impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cbor: ")?;
        if let Some(at) = self.0.at {
            write!(f, "at byte {at}")?;
            let mut separator = ", in ";
            for step in self.0.path.iter().rev() {
                match step {
                    Step::Field(name) => write!(f, "{separator}{name}")?,
                    Step::Index(index) if separator == "." => write!(f, "[{index}]")?,
                    Step::Index(index) => write!(f, "{separator}[{index}]")?,
                }
                separator = ".";
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.0.reason)
    }
}

impl std::error::Error for ReadError {}

impl From<ReadError> for CodecError {
    fn from(error: ReadError) -> Self {
        Self::new(error.to_string())
    }
}
