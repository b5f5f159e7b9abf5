//! What every codec promises: values come back, no bytes make it panic, and no error holds a stored value.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ciborium::Value;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use txetcd_core::codec::{Binary, Cbor, Codec, CodecError, OidValue, Serde, Utf8, UuidValue};
use txetcd_core::{Oid, Timestamp, Uuid};

fn encode<C: Codec<T, Serde>, T>(value: &T) -> Vec<u8> {
    let mut out = b"kept".to_vec();
    C::encode(value, &mut out).expect("encodes");
    assert!(out.starts_with(b"kept"), "appends");
    out.split_off(4)
}

fn decode<C: Codec<T, Serde>, T>(bytes: &[u8]) -> Result<T, CodecError> {
    C::decode(bytes)
}

/// Both text and binary forms of serde, in both directions.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    assert_eq!(decode::<Cbor, _>(&encode::<Cbor, T>(value)).as_ref().ok(), Some(value));
    #[cfg(feature = "json")]
    {
        use txetcd_core::codec::Json;
        assert_eq!(decode::<Json, _>(&encode::<Json, T>(value)).as_ref().ok(), Some(value));
    }
}

/// Decodes any bytes, none of which may make it panic.
fn try_all(bytes: &[u8]) {
    fn with<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
        let _: Result<T, _> = decode::<Cbor, _>(bytes);
        #[cfg(feature = "json")]
        let _: Result<T, _> = decode::<txetcd_core::codec::Json, _>(bytes);
    }
    with::<Row>(bytes);
    with::<Vec<Row>>(bytes);
    with::<Kind>(bytes);
    with::<Tagged>(bytes);
    with::<BTreeMap<String, Untagged>>(bytes);
    with::<(Option<u8>, char, i128, [u8; 4], f32)>(bytes);
    let _: Result<Value, _> = decode::<Cbor, _>(bytes);
    let _: Result<ciborium::tag::Captured<Value>, _> = decode::<Cbor, _>(bytes);
    let _: Result<String, _> = decode::<Utf8, _>(bytes);
    let _: Result<Vec<u8>, _> = decode::<Binary, _>(bytes);
    let _: Result<Oid, _> = decode::<OidValue, _>(bytes);
    let _: Result<Uuid, _> = decode::<UuidValue, _>(bytes);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: Uuid,
    oid: Oid,
    at: Timestamp,
    name: Option<String>,
    data: Vec<u8>,
    hash: [u8; 4],
    float: f64,
    small: f32,
    big: i128,
    letter: char,
    flags: (bool, i8, u64),
    kinds: Vec<Kind>,
    by_id: BTreeMap<Uuid, Vec<Uuid>>,
    inner: Option<Box<Row>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(Uuid),
    Tuple(i64, Vec<u8>),
    Struct { id: Option<Uuid>, text: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Person { id: Uuid, data: Vec<u8> },
    Team { members: Vec<Uuid> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Id(Uuid),
    Text(String),
    List(Vec<Untagged>),
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..40)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Unit),
        uuid().prop_map(Kind::Newtype),
        (any::<i64>(), bytes()).prop_map(|(number, data)| Kind::Tuple(number, data)),
        (proptest::option::of(uuid()), any::<String>()).prop_map(|(id, text)| Kind::Struct { id, text }),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let scalars = (uuid(), any::<u64>(), any::<i64>(), any::<Option<String>>(), bytes(), any::<[u8; 4]>());
    let numbers = (-1e300..1e300f64, -1e30..1e30f32, any::<i128>(), any::<char>(), any::<(bool, i8, u64)>());
    let ids = proptest::collection::vec(uuid(), 0..3);
    let collections =
        (proptest::collection::vec(kind(), 0..4), proptest::collection::btree_map(uuid(), ids, 0..3));
    let flat = (scalars, numbers, collections).prop_map(
        |((id, oid, at, name, data, hash), (float, small, big, letter, flags), (kinds, by_id))| Row {
            id,
            oid: Oid::new(oid),
            at: Timestamp::from_nanos(at),
            name,
            data,
            hash,
            float,
            small,
            big,
            letter,
            flags,
            kinds,
            by_id,
            inner: None,
        },
    );
    let flat = flat.boxed();
    (flat.clone(), proptest::option::of(flat))
        .prop_map(|(row, inner)| Row { inner: inner.map(Box::new), ..row })
}

/// Items of every kind, tags and byte strings included.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i128>().prop_map(Value::from),
        any::<f64>().prop_filter("equal to itself", |number| !number.is_nan()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        bytes().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            proptest::collection::btree_map(any::<i64>(), inner.clone(), 0..5).prop_map(|map| {
                Value::Map(map.into_iter().map(|(key, value)| (key.into(), value)).collect())
            }),
            (4u64..1000, inner).prop_map(|(tag, value)| Value::Tag(tag, Box::new(value))),
        ]
    })
}

proptest! {
    #[test]
    fn rows_come_back(row in row()) {
        round_trip(&row);
    }

    #[test]
    fn buffered_types_come_back(id in uuid(), data in bytes(), text in "[a-z]*", number in any::<i64>()) {
        round_trip(&vec![
            Tagged::Person { id, data: data.clone() },
            Tagged::Team { members: vec![id, id] },
        ]);
        let list = Untagged::List(vec![Untagged::Id(id), Untagged::Text(text), Untagged::Number(number)]);
        round_trip(&BTreeMap::from([("list".to_owned(), list)]));
    }

    #[test]
    fn raw_values_come_back(id in uuid(), oid in any::<u64>(), text in any::<String>(), data in bytes()) {
        prop_assert_eq!(decode::<Utf8, _>(&encode::<Utf8, _>(&text)).unwrap(), text);
        prop_assert_eq!(decode::<Binary, Vec<u8>>(&encode::<Binary, _>(&data)).unwrap(), data);
        prop_assert_eq!(decode::<OidValue, _>(&encode::<OidValue, _>(&Oid::new(oid))).unwrap(), Oid::new(oid));
        prop_assert_eq!(decode::<UuidValue, _>(&encode::<UuidValue, _>(&id)).unwrap(), id);
    }

    /// Where nothing of ours is in the value, `ciborium` reads and writes the same bytes.
    #[test]
    fn ciborium_agrees(value in value()) {
        let bytes = encode::<Cbor, _>(&value);
        let mut plain = Vec::new();
        ciborium::into_writer(&value, &mut plain).unwrap();
        prop_assert_eq!(&bytes, &plain);
        prop_assert_eq!(decode::<Cbor, Value>(&bytes).unwrap(), value);
    }

    #[test]
    fn ciborium_reads_our_rows(row in row()) {
        let read: Row = ciborium::from_reader(&encode::<Cbor, _>(&row)[..]).unwrap();
        prop_assert_eq!(read, row);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        try_all(&bytes);
    }

    #[test]
    fn damaged_rows(row in row(), at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = encode::<Cbor, _>(&row);
        prop_assert!(decode::<Cbor, Row>(&bytes[..cut.index(bytes.len())]).is_err());
        let at = at.index(bytes.len());
        bytes[at] = with;
        try_all(&bytes);
        #[cfg(feature = "json")]
        {
            let mut bytes = encode::<txetcd_core::codec::Json, _>(&row);
            let at = at % bytes.len();
            bytes[at] = with;
            try_all(&bytes);
        }
    }
}

const CANARY: &str = "canary, expected canary";

/// A type that quotes what it refuses.
#[derive(Debug, Serialize)]
struct Quoting;

impl<'de> Deserialize<'de> for Quoting {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(serde::de::Error::custom(format!("bad: {text}")))
    }
}

/// A type that cannot be written, and says so with its value.
#[derive(Debug, Deserialize)]
struct Unwritable(String);

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(format!("bad: {}", self.0)))
    }
}

fn errors_are_silent<C, T>(bytes: &[u8])
where
    C: Codec<T, Serde>,
    T: Debug,
{
    let error = C::decode(bytes).expect_err("of another type");
    let shown = format!("{error} {error:?} {error:#?}");
    assert!(
        !shown.contains("canary") && !shown.contains("8675309") && !shown.contains("99, 97, 110"),
        "{shown}"
    );
}

#[test]
fn errors_hold_nothing_of_the_value() {
    fn with<C>()
    where
        C: Codec<BTreeMap<String, String>, Serde>
            + Codec<String, Serde>
            + Codec<u64, Serde>
            + Codec<Vec<u8>, Serde>,
        C: Codec<f64, Serde> + Codec<bool, Serde> + Codec<Unwritable, Serde> + Codec<Quoting, Serde>,
        C: Codec<Row, Serde>
            + Codec<Kind, Serde>
            + Codec<Uuid, Serde>
            + Codec<char, Serde>
            + Codec<u8, Serde>,
        C: Codec<Tagged, Serde>
            + Codec<Untagged, Serde>
            + Codec<BTreeMap<Uuid, u8>, Serde>
            + Codec<(), Serde>,
        C: Codec<Timestamp, Serde>,
    {
        let stored = [
            encode::<C, _>(&CANARY.to_owned()),
            encode::<C, _>(&BTreeMap::from([(CANARY.to_owned(), CANARY.to_owned())])),
            encode::<C, _>(&BTreeMap::from([("kind".to_owned(), CANARY.to_owned())])),
            encode::<C, _>(&8_675_309u64),
            encode::<C, _>(&8675309.5f64),
            encode::<C, _>(&CANARY.as_bytes().to_vec()),
            CANARY.as_bytes().to_vec(),
        ];
        for bytes in &stored {
            errors_are_silent::<C, Row>(bytes);
            errors_are_silent::<C, Kind>(bytes);
            errors_are_silent::<C, Tagged>(bytes);
            errors_are_silent::<C, Uuid>(bytes);
            errors_are_silent::<C, u8>(bytes);
            errors_are_silent::<C, bool>(bytes);
            errors_are_silent::<C, char>(bytes);
            errors_are_silent::<C, ()>(bytes);
            errors_are_silent::<C, Quoting>(bytes);
            errors_are_silent::<C, BTreeMap<Uuid, u8>>(bytes);
        }
        errors_are_silent::<C, Timestamp>(&stored[0]);
        errors_are_silent::<C, Untagged>(&stored[1]);
        errors_are_silent::<C, u64>(&stored[4]);
        errors_are_silent::<C, String>(&stored[3]);
        let error = C::encode(&Unwritable(CANARY.to_owned()), &mut Vec::new()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    with::<Cbor>();
    #[cfg(feature = "json")]
    with::<txetcd_core::codec::Json>();
    errors_are_silent::<OidValue, Oid>(CANARY.as_bytes());
    errors_are_silent::<UuidValue, Uuid>(CANARY.as_bytes());
    errors_are_silent::<Utf8, String>(b"canary\xff");
}

#[cfg(feature = "json")]
mod json {
    use txetcd_core::codec::Json;

    use super::*;

    fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str, value: T) {
        assert_eq!(String::from_utf8(encode::<Json, T>(&value)).unwrap(), text);
        assert_eq!(decode::<Json, T>(text.as_bytes()).ok(), Some(value));
    }

    fn refused<T: Serialize + DeserializeOwned + Debug>(text: &str) -> String {
        decode::<Json, T>(text.as_bytes()).expect_err(text).to_string()
    }

    /// The JSON values of what the Python library writes; its bare `NaN` is not JSON and is refused.
    #[test]
    fn as_python_has_it() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Mixed {
            b: u8,
            a: (u8, f64, Option<u8>, bool, String),
        }
        same(r#"{"b":1,"a":[1,2.5,null,true,"ü"]}"#, Mixed { b: 1, a: (1, 2.5, None, true, "ü".to_owned()) });
        same("{}", BTreeMap::<String, u8>::new());
        same("[]", Vec::<u8>::new());
        same(r#""x""#, "x".to_owned());
        same("1.0", 1.0);
        same("1e+300", 1e300);
        same("1180591620717411303424", 1_180_591_620_717_411_303_424u128);
        same(
            r#""00112233-4455-6677-8899-aabbccddeeff""#,
            Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff),
        );
        refused::<f64>("NaN");
    }

    #[test]
    fn errors_say_where_and_what() {
        assert_eq!(refused::<Vec<u8>>(r#"[1,"x"]"#), "json: at line 1 column 6: expected u8");
        assert_eq!(refused::<Kind>(r#"{"Struct":{}}"#), "json: at line 1 column 12: missing field `text`");
        assert_eq!(refused::<u8>("1 2"), "json: at line 1 column 3: trailing characters");
        assert_eq!(refused::<u8>(""), "json: at line 1 column 0: EOF while parsing a value");
        assert_eq!(refused::<Quoting>(r#""x""#), "json: the type refused the value");
        assert!(refused::<Untagged>(&"[".repeat(1 << 20)).contains("nested too deeply"));
    }
}
