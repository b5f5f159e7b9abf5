//! How a value becomes the bytes that etcd stores.
//!
//! A [`Codec`] is a format; a [`Marshal`] says how a type is turned into serde data, so that one format
//! serves both types with serde implementations of their own ([`Serde`]) and structs with
//! `#[derive(Persist)]`, which bring their own marshalling and need no serde derive.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize, Serializer};

mod cbor;
mod compression;
#[cfg(feature = "flatbuffers")]
mod flatbuffers;
#[cfg(feature = "json")]
mod json;
mod limit;
#[cfg(any(feature = "json", feature = "msgpack", feature = "pickle", feature = "postcard"))]
mod limited;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "pickle")]
mod pickle;
#[cfg(feature = "postcard")]
mod postcard;
mod raw;
#[cfg(any(feature = "json", feature = "msgpack", feature = "pickle"))]
mod serde_message;
mod set;
mod unknown;

pub use cbor::Cbor;
pub use compression::{Compression, MAX_DECOMPRESSED};
#[cfg(feature = "flatbuffers")]
pub use flatbuffers::{Flatbuffer, Flatbuffers, runtime as flatbuffers_runtime};
#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "msgpack")]
pub use msgpack::MsgPack;
#[cfg(feature = "pickle")]
pub use pickle::Pickle;
#[cfg(feature = "postcard")]
pub use postcard::Postcard;
pub use raw::{Binary, OidValue, TimestampValue, Utf8, UuidValue};
pub use set::{OidSet, StringSet, UuidSet};
pub use unknown::KeepsUnknown;

/// A format for values of type `T`, marshalled as `M` says.
///
/// The codecs of this library that carry nested values refuse more than 128 arrays, maps and variants with a content
/// inside each other, and more than 256 options and newtypes, in writing as in reading.
#[diagnostic::on_unimplemented(
    message = "the codec `{Self}` cannot store a `{T}`",
    label = "this codec does not fit the type"
)]
pub trait Codec<T, M = Serde>: 'static {
    /// The codec's name as the catalogue and error messages have it, `"cbor"` for instance.
    const NAME: &'static str;

    /// Appends the encoded value.
    ///
    /// # Errors
    /// If the value has no form in this format.
    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Decodes a value; all of `bytes` must be used.
    ///
    /// # Errors
    /// If the bytes are not one value of this type in this format. Never panics, and never needs memory out of
    /// proportion to `bytes`.
    fn decode(bytes: &[u8]) -> Result<T, CodecError>;
}

/// How a `T` is turned into serde's data model and back.
pub trait Marshal<T>: 'static {
    /// Serializes the value.
    ///
    /// # Errors
    /// Those of the serializer.
    fn serialize<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error>;

    /// Deserializes a value.
    ///
    /// # Errors
    /// Those of the deserializer.
    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>;
}

/// Marshalling by the type's own `Serialize` and `Deserialize`.
#[derive(Debug, Clone, Copy)]
pub enum Serde {}

impl<T: Serialize + DeserializeOwned> Marshal<T> for Serde {
    fn serialize<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

/// Why a value could not be encoded or decoded. Says where and what was expected, never what was stored.
#[derive(Debug, Clone)]
pub struct CodecError {
    reason: String,
}

impl CodecError {
    /// An error with a reason that holds no part of the value.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for CodecError {}
