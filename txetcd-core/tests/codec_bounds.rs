//! The bounds of the serde codecs: what is wide is not deep, a key that comes twice is found wherever it is, and what a
//! type says of a value stays here. `nesting.rs` has what is deep.
#![cfg(all(feature = "json", feature = "msgpack", feature = "pickle", feature = "postcard"))]

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use txetcd_core::codec::{Cbor, Codec, CodecError, Json, MsgPack, Pickle, Postcard, Serde};

fn encode<C: Codec<T, Serde>, T>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    C::encode(value, &mut out)?;
    Ok(out)
}

fn comes_back<C: Codec<T, Serde>, T: PartialEq + Debug>(value: &T) {
    let bytes = encode::<C, T>(value).unwrap_or_else(|error| panic!("{}: {error}", C::NAME));
    let read = C::decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", C::NAME));
    assert!(read == *value, "{}", C::NAME);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Name(String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point(u8, u8);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Part {
    Unit,
    Newtype(Option<Name>),
    Tuple(u8, Vec<u8>),
    Struct { map: BTreeMap<String, (u8, u8)>, point: Point },
}

/// More of everything side by side than may be inside each other.
#[test]
fn what_is_wide_is_not_deep() {
    let parts = [
        Part::Unit,
        Part::Newtype(Some(Name("a".to_owned()))),
        Part::Tuple(1, vec![2, 3]),
        Part::Struct { map: BTreeMap::from([("a".to_owned(), (1, 2))]), point: Point(3, 4) },
    ];
    for part in parts {
        let wide = vec![part; 1000];
        comes_back::<Cbor, _>(&wide);
        comes_back::<Json, _>(&wide);
        comes_back::<MsgPack, _>(&wide);
        comes_back::<Pickle, _>(&wide);
        comes_back::<Postcard, _>(&wide);
    }
}

/// A byte string in so many arrays.
#[derive(Debug, Clone, Deserialize)]
struct Within(usize);

impl Serialize for Within {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.serialize_bytes(b"bytes"),
            levels => [Self(levels - 1)].serialize(serializer),
        }
    }
}

/// They are an array in JSON.
#[test]
fn bytes_can_be_a_level_too_deep() {
    fn written<T: Serialize + DeserializeOwned>(value: &T) {
        let bytes = encode::<Json, _>(value).expect("encodes");
        let read = <Json as Codec<serde_json::Value>>::decode(&bytes).expect("reads");
        assert_eq!(read, serde_json::to_value(value).expect("is a value"));
    }
    written(&Within(127));
    written(&vec![Within(0); 1000]);
    assert!(encode::<Json, _>(&Within(128)).is_err());
}

#[test]
fn a_unit_variant_has_no_content() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Kind {
        Unit,
        Other(u8),
    }
    assert!(matches!(<Json as Codec<Kind>>::decode(br#"{"Other":1}"#), Ok(Kind::Other(1))));
    assert!(<Json as Codec<Kind>>::decode(br#"{"Unit":1}"#).is_err());
    assert!(<Cbor as Codec<Kind>>::decode(b"\xa1\x64Unit\x01").is_err());
    assert!(<MsgPack as Codec<Kind>>::decode(b"\x81\xa4Unit\x01").is_err());
    assert!(<Pickle as Codec<Kind>>::decode(b"\x80\x02}X\x04\0\0\0UnitK\x01s.").is_err());
    // Nor are there two, or none.
    assert!(<Pickle as Codec<Kind>>::decode(b"\x80\x02}.").is_err());
    let two = b"\x80\x02}(X\x05\0\0\0OtherK\x01X\x04\0\0\0UnitNu.";
    assert!(<Pickle as Codec<Kind>>::decode(two).is_err());
}

#[test]
fn a_key_that_comes_twice_with_another_between_is_found() {
    fn refused<C: Codec<BTreeMap<String, u8>, Serde>>(bytes: &[u8]) {
        let error = C::decode(bytes).expect_err(C::NAME).to_string();
        assert!(error.contains("a key twice"), "{error}");
    }
    refused::<Cbor>(b"\xa3\x61a\x01\x61b\x02\x61a\x03");
    refused::<Json>(br#"{"a":1,"b":2,"a":3}"#);
    refused::<MsgPack>(b"\x83\xa1a\x01\xa1b\x02\xa1a\x03");
    refused::<Pickle>(b"\x80\x02}(X\x01\0\0\0aK\x01X\x01\0\0\0bK\x02X\x01\0\0\0aK\x03u.");
}

/// Each of which says how long it is in another way.
#[test]
fn every_form_of_an_unknown_field_is_passed_over() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Known {
        a: u8,
    }
    let counted = |head: &[u8], len: usize| [head, &vec![7; len]].concat();
    let forms = [
        counted(b"\xd4", 2),
        counted(b"\xd5", 3),
        counted(b"\xd6", 5),
        counted(b"\xd7", 9),
        counted(b"\xd8", 17),
        counted(b"\xc7\x03", 4),
        counted(b"\xc8\x00\x03", 4),
        counted(b"\xc9\x00\x00\x00\x03", 4),
        counted(b"\xc4\x03", 3),
        counted(b"\xc5\x00\x03", 3),
        counted(b"\xc6\x00\x00\x00\x03", 3),
        counted(b"\xd9\x03", 3),
        counted(b"\xda\x00\x03", 3),
        counted(b"\xdb\x00\x00\x00\x03", 3),
        counted(b"\xca", 4),
        counted(b"\xcb", 8),
        counted(b"\xdc\x00\x03", 3),
        counted(b"\xdd\x00\x00\x00\x03", 3),
        b"\xde\x00\x02\x01\x01\x02\x02".to_vec(),
        b"\xdf\x00\x00\x00\x02\x01\x01\x02\x02".to_vec(),
    ];
    for form in forms {
        let bytes = [b"\x82\xa1x", &form[..], b"\xa1a\x01"].concat();
        assert_eq!(<MsgPack as Codec<Known>>::decode(&bytes).expect("reads").a, 1, "{form:x?}");
        let error = <MsgPack as Codec<Known>>::decode(&bytes[..form.len()]).expect_err("cut").to_string();
        assert!(error.contains("the bytes end before"), "{form:x?}: {error}");
    }
    // A key twice inside of it, and too much depth with the level around it, in keys and values.
    for (form, reason) in [
        (b"\xde\x00\x02\x01\x01\x01\x02".to_vec(), "a key twice"),
        ([vec![0x91; 126], vec![0x90]].concat(), ""),
        ([vec![0x91; 127], vec![0x90]].concat(), "too deeply"),
        ([[0x81, 0x01].repeat(127), vec![0x80]].concat(), "too deeply"),
        ([vec![0x81; 127], vec![0x80], vec![0x01; 127]].concat(), "too deeply"),
    ] {
        let bytes = [b"\x82\xa1x", &form[..], b"\xa1a\x01"].concat();
        match <MsgPack as Codec<Known>>::decode(&bytes) {
            Ok(_) => assert_eq!(reason, ""),
            Err(error) => assert!(!reason.is_empty() && error.to_string().contains(reason), "{error}"),
        }
    }
}

/// It may hold the value, in the words in which serde says what it expected, too.
#[test]
fn what_a_type_says_of_a_value_is_not_passed_on() {
    #[derive(Debug, Serialize)]
    struct Picky(String);
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("found {text}, expected not {text}")))
        }
    }
    fn check<C: Codec<Picky, Serde>>() {
        let bytes = encode::<C, _>(&Picky("s3cret".to_owned())).expect("encodes");
        let error = C::decode(&bytes).expect_err(C::NAME);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
    check::<Cbor>();
    check::<Json>();
    check::<MsgPack>();
    check::<Pickle>();
    check::<Postcard>();
}
