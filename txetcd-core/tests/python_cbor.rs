//! What Python's `cbor2` writes, all of the vectors, read as the natural Rust type.
#![cfg(feature = "json")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::Ipv4Addr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use txetcd_core::codec::{Cbor, Codec};
use txetcd_core::{Timestamp, Uuid};

const UUID: Uuid = Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);

/// The vectors that are still to be asked for, by name.
struct Vectors(BTreeMap<String, Value>);

impl Vectors {
    fn load() -> Self {
        let all: Value = serde_json::from_str(include_str!("vectors/python.json")).expect("JSON");
        Self(serde_json::from_value(all["cbor"].clone()).expect("a section"))
    }

    fn take(&mut self, name: &str) -> Vec<u8> {
        let vector = self.0.remove(name).unwrap_or_else(|| panic!("no vector {name}"));
        let hex = vector["hex"].as_str().unwrap_or_else(|| panic!("Python does not write {name}"));
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn reads<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, name: &str, value: T) {
        assert_eq!(<Cbor as Codec<T>>::decode(&self.take(name)).expect(name), value, "{name}");
    }

    /// The same bytes are written.
    fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, name: &str, value: T) {
        let mut written = Vec::new();
        <Cbor as Codec<T>>::encode(&value, &mut written).expect(name);
        assert_eq!(written, self.take(name), "{name}");
        assert_eq!(<Cbor as Codec<T>>::decode(&written).expect(name), value, "{name}");
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair {
    b: u8,
    a: u8,
}

#[test]
fn everything_is_read() {
    let mut vectors = Vectors::load();
    vectors.same("dict order kept", Pair { b: 1, a: 2 });
    vectors.same("int", 23u8);
    vectors.same("int24", 24u64);
    vectors.same("neg", -1i32);
    vectors.same("u64max", u64::MAX);
    vectors.same("bignum", 18446744073709551616u128);
    vectors.same("neg bignum", -18446744073709551617i128);
    vectors.same("float 0.1", 0.1);
    vectors.same("inf", f64::INFINITY);
    vectors.same("None", None::<u8>);
    vectors.same("True", true);
    vectors.same("bytes", vec![1u8, 2]);
    vectors.same("text", "ü".to_owned());
    vectors.same("long text", "x".repeat(24));
    vectors.same("list", (1, vec![2]));
    vectors.same("tuple", (1, 2));
    vectors.same("nested same obj", vec![vec![1], vec![1]]);
    vectors.same("uuid", UUID);

    // Written in another form: the shortest float, no tags.
    vectors.reads("float 1.5", 1.5);
    vectors.reads("undefined", None::<u8>);
    vectors.reads("set", BTreeSet::from([1]));
    vectors.reads("frozenset", vec![1]);
    vectors.reads("datetime utc", Timestamp::from_nanos(1_709_210_096_789_012_000));
    vectors.reads("datetime +02", Timestamp::from_nanos(1_709_202_896_000_000_000));
    vectors.reads("date", "2024-02-29".to_owned());
    vectors.reads("Decimal 1.5", (-1i64, 15i128));
    vectors.reads("Fraction", (1u32, 2u32));
    vectors.reads("ipv4", Ipv4Addr::new(1, 2, 3, 4));
    vectors.reads("ipv4net", (8u8, vec![10u8]));
    vectors.reads("regex", "a+".to_owned());
    vectors.reads("complex", (1.0, 2.0));
    assert!(<Cbor as Codec<f64>>::decode(&vectors.take("nan")).unwrap().is_nan());

    // What is left is what Python does not write.
    assert!(vectors.0.values().all(|vector| vector["error"].is_string()), "{:?}", vectors.0);
    assert_eq!(
        vectors.0.keys().collect::<Vec<_>>(),
        ["datetime naive", "np.datetime64", "np.int64", "timedelta"]
    );
}

#[test]
fn a_datetime_is_text_too() {
    let stored = Vectors::load().take("datetime utc");
    assert_eq!(<Cbor as Codec<String>>::decode(&stored).unwrap(), "2024-02-29T12:34:56.789012Z");
}
