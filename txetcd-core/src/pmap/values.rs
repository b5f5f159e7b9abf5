//! The value of Python's maps that has no codec of its own elsewhere.

use crate::codec::{Binary, Codec, CodecError, TimestampValue};
use crate::timestamp::Timestamp;

/// A `([u8; 20], Timestamp)` as the 20 bytes and the nanoseconds since 1970, an `i64` big-endian (`zlmdb`'s
/// `_Bytes20TimestampValuesMixin`). Python's `None` is zeros.
#[derive(Debug, Clone, Copy)]
pub struct Bytes20Timestamp;

impl<M> Codec<([u8; 20], Timestamp), M> for Bytes20Timestamp {
    const NAME: &'static str = "bytes20_timestamp";

    fn encode((bytes, time): &([u8; 20], Timestamp), out: &mut Vec<u8>) -> Result<(), CodecError> {
        <Binary as Codec<_, M>>::encode(bytes, out)?;
        <TimestampValue as Codec<_, M>>::encode(time, out)
    }

    fn decode(bytes: &[u8]) -> Result<([u8; 20], Timestamp), CodecError> {
        let (bytes, time) = bytes
            .split_first_chunk::<20>()
            .ok_or_else(|| CodecError::new("expected 20 bytes and 8 of a timestamp"))?;
        Ok((*bytes, <TimestampValue as Codec<_, M>>::decode(time)?))
    }
}
