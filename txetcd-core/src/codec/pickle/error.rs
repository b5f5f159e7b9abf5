//! Why bytes are not a pickle of the wanted type, without any part of what was stored.

use std::fmt;

use serde::de;

use crate::codec::CodecError;
use crate::codec::serde_message::{REFUSED, expectation};

/// Why a pickle could not be read.
#[derive(Debug)]
pub(super) struct ReadError(String);

impl ReadError {
    pub(super) fn new(reason: &str) -> Self {
        Self(reason.to_owned())
    }

    pub(super) fn at(offset: usize, reason: &str) -> Self {
        Self(format!("at byte {offset}: {reason}"))
    }
}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        Self::new(expectation(&message).unwrap_or(REFUSED))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pickle: {}", self.0)
    }
}

impl std::error::Error for ReadError {}

impl From<ReadError> for CodecError {
    fn from(error: ReadError) -> Self {
        Self::new(error.to_string())
    }
}
