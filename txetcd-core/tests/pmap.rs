//! Every map type of the Python library against what Python writes: the keys and the values of each of its mixins.
//!
//! `vectors/python_maps.json` has them as neutral JSON: uuids and byte strings as hex, timestamps as nanoseconds.
#![cfg(all(feature = "json", feature = "pickle", feature = "flatbuffers"))]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde_json::Value;
use txetcd_core::codec::{self, Codec};
use txetcd_core::key::Key;
use txetcd_core::pmap::keys::*;
use txetcd_core::{Oid, PMap, Timestamp, Uuid, pmap};

#[path = "pmap/neutral.rs"]
mod neutral;

use neutral::{Blob, Neutral};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/python_maps.json")).expect("JSON")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &Value) -> Vec<u8> {
    neutral::unhex(text.as_str().expect("hex"))
}

/// What the keys and values of an alias are, taken from the alias itself.
trait Map {
    type Key: Key + Neutral + PartialEq + Debug;
    type Value: Neutral + PartialEq + Debug;
    type Codec: Codec<Self::Value>;
}

impl<K, V, C> Map for PMap<K, V, C>
where
    K: Key + Neutral + PartialEq + Debug,
    V: Neutral + PartialEq + Debug,
    C: Codec<V>,
{
    type Key = K;
    type Value = V;
    type Codec = C;
}

/// Checks one alias; gives the number of keys and values that were compared.
fn check<M: Map>(name: &str, vectors: &Value) -> (usize, usize) {
    let mixins = &vectors["maps"][name];
    let of = |section: &str, index: usize| {
        let mixin = mixins[index].as_str().unwrap_or_else(|| panic!("Python has no map {name}"));
        vectors[section][mixin].as_array().cloned().unwrap_or_default()
    };
    let (keys, values) = (of("keys", 0), of("values", 1));
    for vector in &keys {
        let key = M::Key::from_neutral(&vector["value"]);
        let mut bytes = Vec::new();
        key.encode(&mut bytes).expect("encodes");
        assert_eq!(Value::from(hex(&bytes)), vector["hex"], "{name}: {key:?}");
        assert_eq!(M::Key::decode(&bytes).as_ref(), Ok(&key), "{name}");
    }
    for vector in &values {
        let value = M::Value::from_neutral(&vector["value"]);
        let stored = unhex(&vector["hex"]);
        assert_eq!(M::Codec::decode(&stored).expect("decodes"), value, "{name}");
        let mut bytes = Vec::new();
        M::Codec::encode(&value, &mut bytes).expect("encodes");
        if M::Value::ONE_FORM {
            assert_eq!(Value::from(hex(&bytes)), vector["hex"], "{name}: {value:?}");
        }
        assert_eq!(M::Codec::decode(&bytes).expect("decodes"), value, "{name}");
    }
    (keys.len(), values.len())
}

macro_rules! map {
    ($name:ident, Cbor) => { pmap::$name<Value> };
    ($name:ident, Json) => { pmap::$name<Value> };
    ($name:ident, Pickle) => { pmap::$name<Value> };
    ($name:ident, Flatbuffers) => { pmap::$name<Blob> };
    ($name:ident, $value:ident) => { pmap::$name };
}

macro_rules! check_all {
    ($($name:ident: $key:ty => $value:ident;)*) => {
        fn check_all(vectors: &Value) -> BTreeMap<&'static str, (usize, usize)> {
            fn same<K: Key>(_: PMap<K, impl Sized, impl Sized>) -> std::marker::PhantomData<K> {
                std::marker::PhantomData
            }
            BTreeMap::from([$((stringify!($name), {
                let _: std::marker::PhantomData<$key> = same(<map!($name, $value)>::at(1));
                check::<map!($name, $value)>(stringify!($name), vectors)
            })),*])
        }
    };
}

txetcd_core::__python_maps!(check_all);

#[test]
fn every_map_has_the_bytes_of_python() {
    let vectors = vectors();
    let checked = check_all(&vectors);
    let python: BTreeSet<&str> = vectors["maps"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(checked.keys().copied().collect::<BTreeSet<_>>(), python, "the maps of zlmdb");
    assert_eq!(checked.len(), 83);
    let without = |count: fn(&(usize, usize)) -> usize| -> Vec<&str> {
        checked.iter().filter(|(_, counts)| count(counts) == 0).map(|(name, _)| *name).collect()
    };
    assert_eq!(without(|counts| counts.0), ["MapUuidBytes32FlatBuffers"], "Python fails to write its keys");
    assert!(
        without(|counts| counts.1).iter().all(|name| name.ends_with("FlatBuffers")),
        "the user's own format"
    );
}

/// Values that no map has; `docs/format.md` says why.
const OF_NO_MAP: [&str; 4] = [
    "_JsonValuesMixin nan",
    "_Pickle5ValuesMixin {'a': 1}",
    "_StringSetValuesMixin {'a'}",
    "_StringSetValuesMixin set()",
];

#[test]
fn no_vector_is_left_out() {
    let (vectors, python) = (vectors(), include_str!("vectors/python.json"));
    let python: Value = serde_json::from_str(python).expect("JSON");
    assert_eq!(vectors["versions"], python["versions"]);
    let mut missing = Vec::new();
    for section in ["keys", "values"] {
        for (mixin, of_python) in python[section].as_object().unwrap() {
            let checked: BTreeSet<&str> = vectors[section][mixin]
                .as_array()
                .map(|checked| checked.iter().map(|vector| vector["hex"].as_str().unwrap()).collect())
                .unwrap_or_default();
            for vector in of_python.as_array().unwrap() {
                if !checked.contains(vector["hex"].as_str().unwrap()) {
                    missing.push(format!("{mixin} {}", vector["in"].as_str().unwrap()));
                }
            }
        }
    }
    assert_eq!(missing, OF_NO_MAP);
}

#[test]
fn the_layout_that_python_only_reads() {
    let key = (Uuid::from_u128(1), [7u8; 32]);
    let mut bytes = Vec::new();
    key.encode(&mut bytes).unwrap();
    assert_eq!(bytes, [key.0.as_bytes() as &[u8], &key.1].concat());
    fn is_its_key<T>(_: PMap<(Uuid, [u8; 32]), T, codec::Flatbuffers>) {}
    is_its_key(pmap::MapUuidBytes32FlatBuffers::<Blob>::at(1));
}

#[test]
fn timestamps_before_1970_are_kept() {
    let mut bytes = Vec::new();
    let key = (Uuid::nil(), AnyTimestamp(Timestamp::from_nanos(-1)));
    key.encode(&mut bytes).unwrap();
    assert_eq!(bytes[16..], [0xff; 8]);
    assert_eq!(<(Uuid, AnyTimestamp)>::decode(&bytes), Ok(key));
}

#[test]
fn odd_keys_in_front_of_something_are_ordinary() {
    fn parts<K: Key + PartialEq + Debug>(key: &K, tuple: &impl Key) {
        let (mut odd, mut ordinary) = (Vec::new(), Vec::new());
        key.encode_part(&mut odd).unwrap();
        tuple.encode_part(&mut ordinary).unwrap();
        assert_eq!(odd, ordinary);
        assert_eq!(odd.len(), key.size_hint());
        odd.push(7);
        let mut rest = &odd[..];
        assert_eq!(K::decode_part(&mut rest).as_ref(), Ok(key));
        assert_eq!(rest, [7]);
    }
    let text = |text: &str| text.to_owned();
    parts(&StringOid(text("a\0b"), Oid::new(1)), &(text("a\0b"), Oid::new(1)));
    parts(&StringString(text("a"), text("b")), &(text("a"), text("b")));
    parts(&StringStringString(text(""), text("b"), text("c")), &(text(""), text("b"), text("c")));
}

#[test]
fn what_could_not_be_found_again_is_refused() {
    let nul = || "a\0b".to_owned();
    assert!(StringString(nul(), String::new()).encode(&mut Vec::new()).is_err());
    assert!(StringString(String::new(), nul()).encode_part(&mut Vec::new()).is_err());
    assert!(StringStringString(String::new(), nul(), nul()).encode(&mut Vec::new()).is_err());
    assert!(StringString::decode(b"a").is_err());
    assert!(StringString::decode(b"a\0b\0c").is_err());
    assert!(StringStringString::decode(b"a\0b").is_err());
    assert!(StringOid::decode(b"1234567").is_err());
    assert!(StringOid::decode(b"\xff12345678").is_err(), "not UTF-8");
}
