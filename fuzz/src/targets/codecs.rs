//! The codecs. What decodes must encode, and decode to the same value again.

use std::collections::BTreeSet;
use std::fmt::Debug;

use fastrand::Rng;
use txetcd_core::codec::{
    Binary, Cbor, Codec, Flatbuffers, Json, MsgPack, OidSet, OidValue, Pickle, Postcard, StringSet,
    TimestampValue, Utf8, UuidSet, UuidValue,
};
use txetcd_core::{Oid, Timestamp, Uuid};

use crate::Target;
use crate::person::Person;
use crate::row::{Anything, Chain, Kind, Row, Tree, text, uuid};

fn encode<C: Codec<T>, T>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    C::encode(value, &mut out).expect("encodes");
    out
}

/// Whether the bytes were accepted.
fn decode<C: Codec<T>, T: Debug + PartialEq>(bytes: &[u8]) -> bool {
    let Ok(value) = C::decode(bytes) else { return false };
    let again = C::decode(&encode::<C, T>(&value)).expect("its own bytes");
    // A NaN is not equal to itself, so the texts are compared.
    assert!(value == again || format!("{value:?}") == format!("{again:?}"), "{value:?} became {again:?}");
    true
}

macro_rules! target {
    ($target:ident, $name:literal, $codec:ty, [$($type:ty),*]) => {
        pub(super) const $target: Target = Target {
            name: $name,
            memory: 0,
            valid: |rng| match rng.u8(0..8) {
                0 => encode::<$codec, Kind>(&Kind::Struct { id: None, text: text(rng) }),
                _ => encode::<$codec, Row>(&Row::random(rng)),
            },
            run: |bytes| {
                let mut accepted = false;
                $(accepted |= decode::<$codec, $type>(bytes);)*
                accepted
            },
        };
    };
}

target!(CBOR, "cbor", Cbor, [Row, Kind, Anything, Tree, Chain, Vec<Option<u8>>, ciborium::Value]);
target!(JSON, "json", Json, [Row, Kind, Anything, Tree, Chain, Vec<Option<u8>>, serde_json::Value]);
target!(PICKLE, "pickle", Pickle, [Row, Kind, Anything, Tree, Chain, Vec<Option<u8>>]);
target!(MSGPACK, "msgpack", MsgPack, [Row, Kind, Anything, Tree, Chain, Vec<Option<u8>>]);
target!(POSTCARD, "postcard", Postcard, [Row, Kind, Tree, Chain, Vec<Option<u8>>]);

pub(super) const FLATBUFFERS: Target = Target {
    name: "flatbuffers",
    memory: 0,
    valid: |rng| {
        let scores = rng.bool().then(|| (0..rng.usize(0..4)).map(|_| rng.u64(..)).collect());
        encode::<Flatbuffers, Person>(&Person { name: text(rng), scores })
    },
    run: decode::<Flatbuffers, Person>,
};

pub(super) const RAW: Target = Target {
    name: "raw",
    memory: 0,
    valid: |rng| match rng.u8(0..3) {
        0 => encode::<StringSet, _>(&strings(rng)),
        1 => encode::<UuidSet, _>(&BTreeSet::from([uuid(rng), uuid(rng)])),
        _ => encode::<Utf8, _>(&text(rng)),
    },
    run: |bytes| {
        let mut accepted = decode::<Utf8, String>(bytes);
        accepted |= decode::<OidValue, Oid>(bytes);
        accepted |= decode::<UuidValue, Uuid>(bytes);
        accepted |= decode::<TimestampValue, Timestamp>(bytes);
        accepted |= decode::<Binary, [u8; 20]>(bytes);
        accepted |= decode::<UuidSet, BTreeSet<Uuid>>(bytes);
        accepted |= decode::<OidSet, BTreeSet<Oid>>(bytes);
        accepted |= decode::<StringSet, BTreeSet<String>>(bytes);
        assert!(decode::<Binary, Vec<u8>>(bytes));
        accepted
    },
};

fn strings(rng: &mut Rng) -> BTreeSet<String> {
    ["", "a", "ß", "ab"].into_iter().filter(|_| rng.bool()).chain(["z"]).map(str::to_owned).collect()
}
