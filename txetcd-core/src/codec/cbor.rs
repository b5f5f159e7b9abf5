//! [`Cbor`]: values as CBOR, the form in which the Python library's `MapUuidCbor` and its siblings store them.

use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Codec, CodecError, Marshal};

/// CBOR ([RFC 8949](https://www.rfc-editor.org/rfc/rfc8949)); a struct is a map keyed by field name.
#[derive(Debug, Clone, Copy)]
pub struct Cbor;

impl<T, M: Marshal<T>> Codec<T, M> for Cbor {
    const NAME: &'static str = "cbor";

    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        ciborium::into_writer(&Ref::<T, M>(value, PhantomData), out)
            .map_err(|_| CodecError::new("cbor: the value has no form in CBOR"))
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        let mut rest = bytes;
        let value: Owned<T, M> = ciborium::from_reader(&mut rest)
            .map_err(|_| CodecError::new("cbor: the bytes are not a value of this type"))?;
        if rest.is_empty() { Ok(value.0) } else { Err(CodecError::new("cbor: bytes follow the value")) }
    }
}
struct Ref<'a, T, M>(&'a T, PhantomData<M>);
impl<T, M: Marshal<T>> Serialize for Ref<'_, T, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        M::serialize(self.0, serializer)
    }
}
struct Owned<T, M>(T, PhantomData<M>);
impl<'de, T, M: Marshal<T>> Deserialize<'de> for Owned<T, M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        M::deserialize(deserializer).map(|value| Self(value, PhantomData))
    }
}
