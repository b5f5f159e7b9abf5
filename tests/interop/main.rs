//! Rows of every Python map type, written by Python's own encoders and read here, and the other way round.
//!
//! The rows are in a store, under the raw keys and values that Python makes: `slot | key`. Python runs in a virtual
//! environment with the `zlmdb` and `cbor2` whose bytes the vectors have. Under `cargo xtask test` it must be there;
//! without, the test is left out if there is no `python3` or no network.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde_json::{Value, json};
use txetcd::codec::Codec;
use txetcd::{Database, Error, Key, PMap, pmap};

#[path = "../../txetcd-core/tests/pmap/neutral.rs"]
mod neutral;
mod python;

use neutral::{Blob, Neutral, unhex};
use python::Python;

/// Which maps Python can write, and which of them it reads back.
#[derive(Default)]
struct Seen {
    written: BTreeSet<&'static str>,
    read: BTreeSet<&'static str>,
    rows: usize,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The keys and values to try in this map, as neutral JSON.
fn samples(name: &str, vectors: &Value) -> Vec<(Value, Value)> {
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

async fn exchange<K, V, C>(
    name: &'static str,
    map: PMap<K, V, C>,
    (db, python, vectors): (&Database, &mut Python, &Value),
    seen: &mut Seen,
) -> Result<(), Error>
where
    K: Key + Neutral + PartialEq + Debug,
    V: Neutral + PartialEq + Debug + Send + Sync + 'static,
    C: Codec<V>,
{
    for (key, value) in samples(name, vectors) {
        let asked = json!({"map": name, "slot": map.slot(), "key": key, "value": value});
        let answer = python.ask(&asked);
        let (key, value) = (K::from_neutral(&key), V::from_neutral(&value));
        seen.rows += 1;

        // Python writes, Rust reads.
        if let Some([stored_key, stored_value]) = answer["row"].as_array().map(Vec::as_slice) {
            seen.written.insert(name);
            let row = [stored_key, stored_value].map(|part| unhex(part.as_str().expect("hex")));
            let [raw_key, raw_value] = row.clone();
            db.client().put(raw_key, raw_value).await?;
            let entries = db.read(async |txn| map.all(txn).entries().await).await?;
            assert_eq!(entries.len(), 1, "{name}");
            assert_eq!((&entries[0].0, &entries[0].1), (&key, &value), "{name}: of Python");
            db.write(async |txn| map.delete(txn, &key)).await?;
        }

        // Rust writes, Python reads.
        db.write(async |txn| map.put(txn, &key, &value)).await?;
        let slot = map.slot().to_be_bytes();
        let stored = db.client().get(txetcd::KeySet::prefix(slot)).await?;
        let stored = stored.kvs().first().expect("the row");
        let row = [hex(stored.key()), hex(stored.value())];
        if !answer["row"].is_null() {
            assert_eq!(answer["row"][0], row[0], "{name}: one key, one form");
            if V::ONE_FORM {
                assert_eq!(answer["row"][1], row[1], "{name}: {value:?}");
            }
        }
        if answer["same"] == true {
            seen.read.insert(name);
            let answer = python.ask(&json!({"map": name, "row": row}));
            assert_eq!(K::from_neutral(&answer["key"]), key, "{name}: read by Python");
            assert_eq!(V::from_neutral(&answer["value"]), value, "{name}: read by Python");
        }
        db.write(async |txn| map.truncate(txn).await).await?;
    }
    Ok(())
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
            vectors: &Value,
            seen: &mut Seen,
        ) -> Result<(), Error> {
            let mut slot = 0;
            $(
                slot += 1;
                let with = (db, &mut *python, vectors);
                exchange(stringify!($name), <map!($name, $value)>::at(slot), with, seen).await?;
            )*
            Ok(())
        }
    };
}

txetcd_core::__python_maps!(exchange_all);

#[tokio::test]
async fn python_and_rust_read_each_other() -> Result<(), Error> {
    let vectors = include_str!("../../txetcd-core/tests/vectors/python_maps.json");
    let vectors: Value = serde_json::from_str(vectors).expect("JSON");
    let Some(mut python) = Python::start(&vectors["versions"]) else { return Ok(()) };
    let db = Database::connect("memory:").await?;
    let mut seen = Seen::default();
    exchange_all(&db, &mut python, &vectors, &mut seen).await?;

    let all: BTreeSet<&str> = vectors["maps"].as_object().unwrap().keys().map(String::as_str).collect();
    let not = |some: &BTreeSet<&'static str>| -> Vec<&str> {
        all.iter().copied().filter(|name| !some.contains(name)).collect()
    };
    println!("{} rows of {} maps", seen.rows, all.len());
    assert_eq!(not(&seen.written), ["MapUuidBytes32FlatBuffers"]);
    assert_eq!(not(&seen.read), NOT_READ_BY_PYTHON);
    Ok(())
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
