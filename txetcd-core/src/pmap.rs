//! The map types of the Python libraries, under their Python names.
//!
//! `txaioetcd` 18.10 has 26 of these types and `zlmdb` 26.10 all 83; their bytes are the same in both. Each is a
//! [`PMap`] of the key and value types that have those bytes, so a table that Python has filled is
//!
//! ```
//! use txetcd_core::pmap::MapStringUuid;
//!
//! const OWNERS: MapStringUuid = MapStringUuid::at(7);
//! ```
//!
//! Where Python has functions that turn values into data (CBOR, JSON, pickles, FlatBuffers) the alias takes the type of
//! the values. Where Python's bytes are not those of an ordinary key the key type is one of [`keys`].
//!
//! Python itself cannot use all of these types fully. It cannot write [`MapUuidBytes32FlatBuffers`]. Its readers fail on
//! the keys of [`MapOidTimestampOid`], [`MapOidTimestampFlatBuffers`], [`MapOidTimestampStringOid`],
//! [`MapUuidTimestampUuidFlatBuffers`] and, unless the text has eight bytes, [`MapStringOidOid`]. They change those of
//! [`MapStringStringUuid`] and [`MapStringStringStringUuid`], from text to bytes, and those with a small integer
//! ([`MapUint16UuidTimestampFlatBuffers`], [`MapUuidBytes20Uint8FlatBuffers`] and its longer siblings), to a tuple of one.
//! From sets it reads
//! only the first elements, see [`UuidSet`].

use std::collections::BTreeSet;

use uuid::Uuid;

#[cfg(feature = "flatbuffers")]
use crate::codec::Flatbuffers;
#[cfg(feature = "json")]
use crate::codec::Json;
#[cfg(feature = "pickle")]
use crate::codec::Pickle;
use crate::codec::{Binary, Cbor, OidSet, OidValue, TimestampValue, Utf8, UuidSet, UuidValue};
use crate::oid::Oid;
use crate::table::PMap;
use crate::timestamp::Timestamp;

pub mod keys;
mod table;
mod values;

pub use values::Bytes20Timestamp;

use keys::*;

macro_rules! alias {
    ($name:ident, $key:ty, Cbor) => { alias!(@generic $name, $key, Cbor); };
    ($name:ident, $key:ty, Json) => { #[cfg(feature = "json")] alias!(@generic $name, $key, Json); };
    ($name:ident, $key:ty, Pickle) => { #[cfg(feature = "pickle")] alias!(@generic $name, $key, Pickle); };
    ($name:ident, $key:ty, Flatbuffers) => {
        #[cfg(feature = "flatbuffers")]
        alias!(@generic $name, $key, Flatbuffers);
    };
    ($name:ident, $key:ty, String) => { alias!(@plain $name, $key, String, Utf8); };
    ($name:ident, $key:ty, Oid) => { alias!(@plain $name, $key, Oid, OidValue); };
    ($name:ident, $key:ty, Uuid) => { alias!(@plain $name, $key, Uuid, UuidValue); };
    ($name:ident, $key:ty, Timestamp) => { alias!(@plain $name, $key, Timestamp, TimestampValue); };
    ($name:ident, $key:ty, Bytes16) => { alias!(@plain $name, $key, [u8; 16], Binary); };
    ($name:ident, $key:ty, Bytes20) => { alias!(@plain $name, $key, [u8; 20], Binary); };
    ($name:ident, $key:ty, Bytes32) => { alias!(@plain $name, $key, [u8; 32], Binary); };
    ($name:ident, $key:ty, Bytes20Timestamp) => {
        alias!(@plain $name, $key, ([u8; 20], Timestamp), Bytes20Timestamp);
    };
    ($name:ident, $key:ty, UuidSet) => { alias!(@plain $name, $key, BTreeSet<Uuid>, UuidSet); };
    ($name:ident, $key:ty, OidSet) => { alias!(@plain $name, $key, BTreeSet<Oid>, OidSet); };
    (@plain $name:ident, $key:ty, $value:ty, $codec:ident) => {
        #[doc = concat!(
            "Python's `", stringify!($name), "`: from `", stringify!($key), "` to `", stringify!($value), "` by [`",
            stringify!($codec), "`]."
        )]
        pub type $name = PMap<$key, $value, $codec>;
    };
    (@generic $name:ident, $key:ty, $codec:ident) => {
        #[doc = concat!(
            "Python's `", stringify!($name), "`: from `", stringify!($key), "` to values by [`", stringify!($codec), "`]."
        )]
        pub type $name<T> = PMap<$key, T, $codec>;
    };
}

macro_rules! aliases {
    ($($name:ident: $key:ty => $value:ident;)*) => { $(alias!($name, $key, $value);)* };
}

table::python_maps!(aliases);
