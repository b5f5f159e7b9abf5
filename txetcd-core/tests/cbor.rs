//! The `Cbor` codec: what is written has the documented shape, what is read may have others, and what is not CBOR is
//! refused. `python_cbor.rs` has what Python writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use ciborium::Value;
use ciborium::tag::Captured;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use txetcd_core::Uuid;
use txetcd_core::codec::{Cbor, Codec, CodecError, Serde};

fn encode<T: Serialize + DeserializeOwned>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    <Cbor as Codec<T, Serde>>::encode(value, &mut out).expect("encodes");
    out
}

fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    <Cbor as Codec<T, Serde>>::decode(bytes)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn reads<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &str, expected: T) {
    assert_eq!(decode::<T>(&hex(bytes)).expect(bytes), expected, "{bytes}");
}

/// Reads what Python writes, and writes the same.
fn same<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &str, value: T) {
    assert_eq!(encode(&value), hex(bytes), "{value:?}");
    reads(bytes, value);
}

fn refused<T: Serialize + DeserializeOwned + Debug>(bytes: &str) -> String {
    decode::<T>(&hex(bytes)).expect_err(bytes).to_string()
}

const UUID: Uuid = Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);
const UUID_HEX: &str = "00112233445566778899aabbccddeeff";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair {
    b: u8,
    a: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UserId(Uuid);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent(Uuid);

#[test]
fn uuids_anywhere() {
    let tagged = format!("d82550{UUID_HEX}");
    same(&tagged, UserId(UUID));
    same(&tagged, Some(UUID));
    same(&tagged, Box::new(UUID));
    // Not to be recognised: a byte string, marked by a tag without meaning.
    same(&format!("82d9d9f750{UUID_HEX}6178"), (Transparent(UUID), "x".to_owned()));
    same(&format!("82{tagged}{tagged}"), vec![UUID, UUID]);
    same(&format!("82{tagged}{tagged}"), [UUID, UUID]);
    same(&format!("a1{tagged}{tagged}"), BTreeMap::from([(UUID, UUID)]));
    same(&format!("a1{tagged}81{tagged}"), HashMap::from([(UUID, (Some(UUID),))]));
    same(&format!("a1{tagged}81{tagged}"), HashMap::from([(UserId(UUID).0, vec![UserId(UUID)])]));
    assert_eq!(encode_ref(&vec![&UUID]), hex(&format!("81{tagged}")));
    // Other forms of a uuid.
    reads(&format!("50{UUID_HEX}"), UUID);
    reads(&format!("d825 5f 44 00112233 4c {} ff", &UUID_HEX[8..]), UUID);
    reads("782430303131323233332d343435352d363637372d383839392d616162626363646465656666", UUID);
    refused::<Uuid>(&format!("d8254f{}", &UUID_HEX[2..]));
    refused::<Uuid>("6161");
}

fn encode_ref<T: Serialize>(value: &T) -> Vec<u8> {
    struct ByRef;
    impl<T: Serialize> txetcd_core::codec::Marshal<T> for ByRef {
        fn serialize<S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
            value.serialize(serializer)
        }
        fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<T, D::Error> {
            Err(serde::de::Error::custom("only written here"))
        }
    }
    let mut out = Vec::new();
    <Cbor as Codec<T, ByRef>>::encode(value, &mut out).expect("encodes");
    out
}

#[test]
fn byte_strings() {
    same("40", Vec::<u8>::new());
    same("43010203", [1u8, 2, 3]);
    same("8242010241ff", vec![vec![1u8, 2], vec![255]]);
    same("8243010203 43040506", vec![[1u8, 2, 3], [4, 5, 6]]);
    same("a142010241ff", BTreeMap::from([(vec![1u8, 2], vec![255u8])]));
    same("4101", Some(vec![1u8]));
    same("820102", (1u8, 2u8));
    same("820102", vec![1u16, 2]);
    assert_eq!(encode_ref(&&[1u8, 2][..]), hex("420102"));
    reads("820102", vec![1u8, 2]);
    reads("5f41014102ff", vec![1u8, 2]);
    refused::<[u8; 2]>("43010203");
    refused::<[u8; 2]>("4101");
    refused::<String>("4161");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(Uuid),
    Tuple(u8, Uuid),
    Struct { a: u8, b: Option<Uuid> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Point { id: Uuid, by: Vec<Transparent>, data: Vec<u8>, set: BTreeSet<u8>, none: Option<u8>, unit: () },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Float(f64),
    Id(Uuid),
    Bytes(Vec<u8>),
    Pair { b: Uuid },
    Text(String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: Uuid,
    #[serde(flatten)]
    inner: Inner,
    #[serde(flatten)]
    rest: BTreeMap<String, Untagged>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    owner: Option<Uuid>,
    data: [u8; 2],
}

#[test]
fn enums_and_buffered_types() {
    fn round<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
        assert_eq!(decode::<T>(&encode(&value)).expect("reads"), value);
    }
    same("64556e6974", Shape::Unit);
    same(&format!("a1674e657774797065d82550{UUID_HEX}"), Shape::Newtype(UUID));
    round(Shape::Tuple(1, UUID));
    round(Shape::Struct { a: 1, b: Some(UUID) });
    round(vec![Shape::Unit, Shape::Struct { a: 1, b: None }, Shape::Unit]);
    reads("a164556e6974f6", Shape::Unit);
    reads("bf64556e6974f6ff", Shape::Unit);
    reads("d9d9f764556e6974", Shape::Unit);
    refused::<Shape>("674e657774797065");
    refused::<Shape>("a0");
    refused::<Shape>("a264556e6974f664556e6975f6");
    refused::<Shape>("01");
    round(Tagged::Point {
        id: UUID,
        by: vec![Transparent(UUID)],
        data: vec![1, 2],
        set: BTreeSet::from([1, 2]),
        none: None,
        unit: (),
    });
    round(vec![
        Untagged::Number(1),
        Untagged::Float(1.5),
        Untagged::Id(UUID),
        Untagged::Bytes(vec![1, 2, 3]),
        Untagged::Pair { b: UUID },
        Untagged::Text("x".to_owned()),
    ]);
    round(Flat {
        id: UUID,
        inner: Inner { owner: Some(UUID), data: [1, 2] },
        rest: BTreeMap::from([("more".to_owned(), Untagged::Id(UUID))]),
    });
}

#[test]
fn ciborium_values_keep_tags() {
    let bytes = format!("83d82550{UUID_HEX}d901028101c249010000000000000000");
    let bytes = format!("82{bytes}a1420102420304");
    let value: Value = decode(&hex(&bytes)).unwrap();
    assert_eq!(value, ciborium::from_reader(&hex(&bytes)[..]).unwrap());
    assert_eq!(encode(&value), hex(&bytes));
    same("c11a514b67b0", ciborium::tag::Required::<u64, 1>(1_363_896_240));
    same("821a514b67b0c102", vec![Captured(None, 1_363_896_240), Captured(Some(1), 2)]);
    refused::<ciborium::tag::Required<u64, 1>>("c202");
}

#[test]
fn the_example_of_the_format_document() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct User {
        oid: Uuid,
        name: String,
        age: Option<u8>,
    }
    let user = User { oid: UUID, name: "joe".to_owned(), age: None };
    same(&format!("a3 636f6964 d82550{UUID_HEX} 646e616d65 636a6f65 63616765 f6"), user);
}

#[test]
fn bad_bytes_are_refused() {
    assert!(refused::<u8>("0101").contains("bytes follow"));
    assert!(refused::<u8>("").contains("end before"));
    assert!(refused::<Pair>("a3616101616201 6163").contains("end before"));
    // A key twice: in a map, in the unknown fields of a struct, in what is ignored, in different encodings.
    assert!(refused::<BTreeMap<String, u8>>("a2616101616102").contains("twice"));
    assert!(refused::<BTreeMap<String, u8>>("a261610178016102").contains("twice"));
    assert!(refused::<BTreeMap<u8, u8>>("a20101180101").contains("twice"));
    // Among them null and undefined, floats, strings in pieces, and these inside of a key.
    for keys in [
        ["f6", "f7"],
        ["f93c00", "fb3ff0000000000000"],
        ["6161", "7f60616160ff"],
        ["4161", "5801 61"],
        ["d82541 61", "d8255f4161ff"],
        ["81f6", "9ff7ff"],
        ["a1616101", "bf7801611801ff"],
    ] {
        let map = |first: &str, second: &str| format!("a2 {first} 01 {second} 02");
        assert!(refused::<Value>(&map(keys[0], keys[1])).contains("twice"), "{keys:?}");
        assert!(decode::<Value>(&hex(&map(keys[1], "21"))).is_ok(), "{keys:?}");
    }
    // Among few keys and many, wherever they are.
    for (len, second) in (2..24).flat_map(|len| (1..len).map(move |second| (len, second))) {
        let map = |key: &dyn Fn(u8) -> u8| {
            let entries = (0..len).map(|at| format!("61{:02x}01", key(at) + 0x61));
            format!("b8{len:02x}{}", entries.collect::<String>())
        };
        assert_eq!(decode::<BTreeMap<String, u8>>(&hex(&map(&|at| at))).unwrap().len(), usize::from(len));
        for first in 0..second {
            let twice = map(&|at| if at == second { first } else { at });
            assert!(refused::<BTreeMap<String, u8>>(&twice).contains("twice"), "{twice}");
        }
    }
    assert!(refused::<Pair>("a4616101616202617800617800").contains("twice"));
    assert!(refused::<Pair>("a36161016162026178a2010101 02").contains("twice"));
    assert!(refused::<Pair>("a2616101616101").contains("duplicate field `a`"));
    reads("a46161016162026178a1010161790 1".replace(' ', "").as_str(), Pair { b: 2, a: 1 });
    // More elements than the type has.
    assert!(refused::<(u8, u8)>("83010203").contains("more elements"));
    assert!(refused::<(u8, u8)>("9f010203ff").contains("more elements"));
    assert!(refused::<(u8, u8)>("8101").contains("found 1 element"));
    // Lengths beyond the end.
    for huge in ["9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff", "7bffffffffffffffff"] {
        assert!(refused::<Value>(huge).contains("end before"), "{huge}");
        assert!(
            refused::<Vec<u8>>(huge).contains("found") || refused::<Vec<u8>>(huge).contains("end before")
        );
    }
    // Depth.
    assert!(decode::<Value>(&[vec![0x81; 127], vec![0x80]].concat()).is_ok());
    assert!(refused::<Value>(&format!("{}80", "81".repeat(128))).contains("deep"));
    assert!(decode::<Value>(&vec![0x81; 1 << 20]).is_err());
    assert!(decode::<Value>(&vec![0xc6; 1 << 20]).is_err());
    assert!(decode::<u8>(&[vec![0xc6; 1 << 20], vec![1]].concat()).is_ok());
    // Not CBOR at all, invalid UTF-8, a lone break.
    for bad in ["1c", "61ff", "ff", "f8ff", "7f4161ff", "5f6161ff", "bf01ff"] {
        refused::<Value>(bad);
        refused::<String>(bad);
    }
}

/// Keys that a type cannot tell apart would be one entry of its map.
#[test]
fn tags_tell_keys_apart_where_they_are_looked_at() {
    let map = |keys: [&str; 2]| format!("a2 {} 01 {} 02", keys[0], keys[1]);
    for keys in [["6161", "d8646161"], ["d8656161", "d8646161"], ["6161", "d8647f6161ff"]] {
        assert!(refused::<BTreeMap<String, u8>>(&map(keys)).contains("twice"), "{keys:?}");
        let inside = keys.map(|key| format!("8201{key}"));
        let inside = map([&inside[0], &inside[1]]);
        assert!(refused::<BTreeMap<(u8, String), u8>>(&inside).contains("twice"), "{keys:?}");
        // To a type that is shown them, and where nobody looks.
        assert!(
            decode::<BTreeMap<(u8, Captured<String>), u8>>(&hex(&inside)).is_ok_and(|map| map.len() == 2)
        );
        assert!(decode::<Value>(&hex(&inside)).is_ok(), "{keys:?}");
        assert!(decode::<BTreeMap<Captured<String>, u8>>(&hex(&map(keys))).is_ok_and(|map| map.len() == 2));
        assert!(decode::<Value>(&hex(&map(keys))).is_ok(), "{keys:?}");
        reads(&format!("a3 616101 616202 6178 {}", map(keys)), Pair { b: 2, a: 1 });
        // Shown before keys inside that have none.
        type Around = BTreeMap<(Captured<String>, BTreeMap<u8, u8>), u8>;
        let around = keys.map(|key| format!("82{key}a10102"));
        assert!(decode::<Around>(&hex(&map([&around[0], &around[1]]))).is_ok_and(|map| map.len() == 2));
    }
}

#[test]
fn a_number_in_a_byte_string_is_the_same_key() {
    let map = |keys: [&str; 2]| format!("a2 {} 01 {} 02", keys[0], keys[1]);
    for keys in [
        ["01", "c24101"],
        ["01", "c2420001"],
        ["00", "c240"],
        ["1bffffffffffffffff", "c248ffffffffffffffff"],
        ["c249010000000000000000", "c24a00010000000000000000"],
    ] {
        assert!(refused::<BTreeMap<u128, u8>>(&map(keys)).contains("twice"), "{keys:?}");
        assert!(decode::<Value>(&hex(&map(keys))).is_ok(), "{keys:?}");
    }
    assert!(refused::<BTreeMap<i64, u8>>(&map(["3863", "c34163"])).contains("twice"));
    // Those of more than 64 bits are told apart by all that they are.
    let huge = 1_u128 << 64;
    let keys = map(["c249010000000000000000", "c249010000000000000001"]);
    reads(&keys, BTreeMap::from([(huge, 1_u8), (huge + 1, 2)]));
    let keys = map(["c249010000000000000000", "c349010000000000000000"]);
    reads(&keys, BTreeMap::from([(huge as i128, 1_u8), (-1 - huge as i128, 2)]));
    let keys = map(["82c249010000000000000000 01", "81c24a01000000000000000001"]);
    reads(&keys, BTreeMap::from([(vec![huge, 1], 1_u8), (vec![(huge << 8) + 1], 2)]));
    reads(&map(["c24101", "c34101"]), BTreeMap::from([(1_i64, 1_u8), (-2, 2)]));
}

/// Numbers too long for 64 bits, and what looks like others only without its headers or its content.
#[test]
fn different_keys_are_not_taken_for_the_same() {
    // Behind two fields, where nobody looks at keys but to tell whether they come twice.
    let unknown =
        |keys: &[&str; 2], value| format!("a3 616101 616202 6178 a2 {} 01 {} {value}", keys[0], keys[1]);
    for keys in [
        ["8161 61", "8161 62"],
        ["816101", "8101"],
        ["a10102", "01"],
        ["a10102", "a10103"],
        ["a10102", "820102"],
        ["c249010000000000000000", "c249010000000000000001"],
        ["c249010000000000000000", "c349010000000000000000"],
        ["c249010000000000000000", "49010000000000000000"],
        ["82c249010000000000000000 01", "81c24a01000000000000000001"],
    ] {
        reads(&unknown(&keys, "02"), Pair { b: 2, a: 1 });
        let same = [keys[0], keys[0]];
        assert!(refused::<Pair>(&unknown(&same, "02")).contains("twice"), "{keys:?}");
    }
}

#[test]
fn integers_of_any_size() {
    same("00", 0_i128);
    same("20", -1_i128);
    same("00", 0_u128);
    same("1bffffffffffffffff", i128::from(u64::MAX));
    same("c249010000000000000000", i128::from(u64::MAX) + 1);
    same("3b7fffffffffffffff", i64::MIN);
    same("3b8000000000000000", i128::from(i64::MIN) - 1);
    same("3bffffffffffffffff", -1 - i128::from(u64::MAX));
    same("c349010000000000000000", -2 - i128::from(u64::MAX));
    same("c2507fffffffffffffffffffffffffffffff", i128::MAX);
    same("c3507fffffffffffffffffffffffffffffff", i128::MIN);
    same("c250ffffffffffffffffffffffffffffffff", u128::MAX);
    refused::<i64>("3b8000000000000000");
    refused::<i128>("c35080000000000000000000000000000000");
    refused::<u128>("c251 01 00000000000000000000000000000000");
}

#[test]
fn strings_in_pieces_are_strings() {
    reads("5f 41 61 41 62 ff", Value::Bytes(b"ab".to_vec()));
    reads("7f 61 61 61 62 ff", Value::Text("ab".to_owned()));
}

#[test]
fn all_of_a_map_is_read() {
    /// Asks for one entry, whatever there is.
    #[derive(Debug, Serialize)]
    struct First(u8);
    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Entry;
            impl<'de> serde::de::Visitor<'de> for Entry {
                type Value = First;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an entry")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<First, A::Error> {
                    let entry = map.next_entry::<u8, u8>()?;
                    Ok(First(entry.map_or(0, |(_, value)| value)))
                }
            }
            deserializer.deserialize_map(Entry)
        }
    }
    assert_eq!(decode::<First>(&hex("a10107")).unwrap().0, 7);
    assert!(refused::<First>("a201070208").contains("more elements"));
    assert!(refused::<First>("bf01070208ff").contains("more elements"));
}

#[test]
fn what_is_too_deep_to_read_is_not_written() {
    let mut value = Value::Null;
    for _ in 0..128 {
        value = Value::Array(vec![value]);
    }
    assert_eq!(decode::<Value>(&encode(&value)).unwrap(), value);
    let deeper = Value::Array(vec![value]);
    assert!(<Cbor as Codec<Value, Serde>>::encode(&deeper, &mut Vec::new()).is_err());
}

#[test]
fn errors_say_where_and_what() {
    #[derive(Debug, Serialize, Deserialize)]
    struct User {
        address: Address,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Address {
        lines: Vec<String>,
    }
    let error = refused::<User>("a16761646472657373a1656c696e6573826161 05");
    assert_eq!(error, "cbor: at byte 19, in address.lines[1]: expected a string, found an integer");
    #[derive(Debug, Serialize, Deserialize)]
    struct Wide {
        maps: BTreeMap<u8, BTreeMap<u8, u8>>,
    }
    let error = refused::<Wide>("a1 646d617073 a2 01 a0 02 a2 03 04 05 6161");
    assert_eq!(error, "cbor: at byte 14, in maps[1][1]: expected u8, found text");
    let error = refused::<Wide>("a1 646d617073 a2 01 a0 02 a2 03 04 6161 05");
    assert_eq!(error, "cbor: at byte 13, in maps[1][1]: expected u8, found text");
    let error = refused::<User>("a16761646472657373a0");
    assert_eq!(error, "cbor: at byte 9, in address: missing field `lines`");
}
