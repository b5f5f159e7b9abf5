//! Rows of each of Python's map types.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde_json::{Value, json};
use txetcd::codec::Codec;
use txetcd::{Database, Key, KeySet, PMap, pmap};

use crate::neutral::{Blob, Neutral};
use crate::on_each_server;
use crate::python::{Python, vectors};

/// Which maps Python can write, and which of them it reads back.
#[derive(Default)]
struct Seen {
    written: BTreeSet<&'static str>,
    read: BTreeSet<&'static str>,
    rows: usize,
}

/// The keys and values to try in this map, as neutral JSON.
fn samples(name: &str) -> Vec<(Value, Value)> {
    let vectors = vectors();
    let of = |section: &str, index: usize| -> Vec<Value> {
        let mixin = vectors["maps"][name][index].as_str().expect("a mixin");
        let vectors = vectors[section][mixin].as_array().map_or(&[][..], Vec::as_slice);
        vectors.iter().map(|vector| vector["value"].clone()).collect()
    };
    let (mut keys, mut values) = (of("keys", 0), of("values", 1));
    if keys.is_empty() {
        keys.push(json!(["00112233-4455-6677-8899-aabbccddeeff", "07".repeat(32)]));
    }
    if values.is_empty() {
        values.extend([json!(""), json!("00ff01")]);
    }
    let count = keys.len().max(values.len());
    keys.iter().cycle().cloned().zip(values.iter().cycle().cloned()).take(count).collect()
}

/// The only row of a slot, as its bytes.
async fn stored(db: &Database, slot: u16) -> (Vec<u8>, Vec<u8>) {
    let found = db.client().get(KeySet::prefix(slot.to_be_bytes())).await.expect("an answer");
    let [row] = found.kvs() else { panic!("one row") };
    (row.key().to_vec(), row.value().to_vec())
}

async fn exchange<K, V, C>(
    name: &'static str,
    map: PMap<K, V, C>,
    db: &Database,
    python: &mut Python,
    seen: &mut Seen,
) where
    K: Key + Neutral + PartialEq + Debug,
    V: Neutral + PartialEq + Debug + Send + Sync + 'static,
    C: Codec<V>,
{
    let slot = map.slot();
    for (key, value) in samples(name) {
        let answer = python.ask(&json!({"put": name, "slot": slot, "key": key, "value": value}));
        let (key, value) = (K::from_neutral(&key), V::from_neutral(&value));
        seen.rows += 1;

        let mut of_python = None;
        if answer["written"] == true {
            seen.written.insert(name);
            let entries = db.read(async |txn| map.all(txn).entries().await).await.expect(name);
            assert_eq!(entries.len(), 1, "{name}");
            assert_eq!((&entries[0].0, &entries[0].1), (&key, &value), "{name}: of Python");
            of_python = Some(stored(db, slot).await);
            db.write(async |txn| map.delete(txn, &key)).await.expect(name);
        }

        db.write(async |txn| map.insert(txn, &key, &value)).await.expect(name);
        if let Some((python_key, python_value)) = of_python {
            let (own_key, own_value) = stored(db, slot).await;
            assert_eq!(own_key, python_key, "{name}: one key, one form");
            if V::ONE_FORM {
                assert_eq!(own_value, python_value, "{name}: {value:?}");
            }
        }
        if answer["same"] == true {
            seen.read.insert(name);
            let answer = python.ask(&json!({"get": name, "slot": slot}));
            assert_eq!(K::from_neutral(&answer["key"]), key, "{name}: read by Python");
            assert_eq!(V::from_neutral(&answer["value"]), value, "{name}: read by Python");
        }
        db.write(async |txn| map.truncate(txn).await).await.expect(name);
    }
}

macro_rules! map {
    ($name:ident, Cbor) => {
        pmap::$name::<Value>
    };
    ($name:ident, Json) => {
        pmap::$name::<Value>
    };
    ($name:ident, Pickle) => {
        pmap::$name::<Value>
    };
    ($name:ident, Flatbuffers) => {
        pmap::$name::<Blob>
    };
    ($name:ident, $value:ident) => {
        pmap::$name
    };
}

macro_rules! exchange_all {
    ($($name:ident: $key:ty => $value:ident;)*) => {
        async fn exchange_all(
            db: &Database,
            python: &mut Python,
            seen: &mut Seen,
        ) {
            let mut slot = 0;
            $(
                slot += 1;
                exchange(stringify!($name), <map!($name, $value)>::at(slot), db, python, seen).await;
            )*
        }
    };
}

txetcd_core::__python_maps!(exchange_all);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_every_map_go_both_ways() {
    on_each_server(async |db, mut python| {
        let mut seen = Seen::default();
        exchange_all(&db, &mut python, &mut seen).await;

        let all: BTreeSet<&str> = vectors()["maps"].as_object().unwrap().keys().map(String::as_str).collect();
        let not = |some: &BTreeSet<&'static str>| -> Vec<&str> {
            all.iter().copied().filter(|name| !some.contains(name)).collect()
        };
        println!("{} rows of {} maps", seen.rows, all.len());
        assert_eq!(not(&seen.written), ["MapUuidBytes32FlatBuffers"]);
        assert_eq!(not(&seen.read), NOT_READ_BY_PYTHON);
    })
    .await;
}

/// The maps of which Python reads no key as it wrote it: its reader fails, or gives bytes for text and a tuple of one
/// for an integer.
const NOT_READ_BY_PYTHON: [&str; 11] = [
    "MapOidTimestampFlatBuffers",
    "MapOidTimestampOid",
    "MapOidTimestampStringOid",
    "MapStringStringStringUuid",
    "MapStringStringUuid",
    "MapUint16UuidTimestampFlatBuffers",
    "MapUuidBytes20Bytes20Uint8UuidFlatBuffers",
    "MapUuidBytes20Uint8FlatBuffers",
    "MapUuidBytes20Uint8UuidFlatBuffers",
    "MapUuidBytes32FlatBuffers",
    "MapUuidTimestampUuidFlatBuffers",
];
