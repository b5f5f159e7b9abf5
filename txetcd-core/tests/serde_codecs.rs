//! The codecs `Pickle`, `MsgPack` and `Postcard`: values come back, no bytes make them panic or need much memory, and
//! no error holds a stored value.
#![cfg(all(feature = "pickle", feature = "msgpack", feature = "postcard"))]

use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use txetcd_core::codec::{Codec, CodecError, MsgPack, Pickle, Postcard, Serde};
use txetcd_core::{Oid, Timestamp, Uuid};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    id: Uuid,
    oid: Oid,
    at: Timestamp,
    name: Option<String>,
    data: Vec<u8>,
    hash: [u8; 4],
    numbers: (f64, f32, i8, i16, i32, u16, u32),
    letter: char,
    kinds: Vec<Kind>,
    by_name: BTreeMap<String, Vec<Uuid>>,
    by_pair: BTreeMap<(u8, String), bool>,
    unit: (),
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
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    List(Vec<Untagged>),
    Map(BTreeMap<String, Untagged>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Chain {
    next: Option<Box<Chain>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tree(Vec<Tree>);

fn encode<C: Codec<T, Serde>, T>(value: &T) -> Vec<u8> {
    let mut out = b"kept".to_vec();
    C::encode(value, &mut out).expect("encodes");
    assert!(out.starts_with(b"kept"), "appends");
    out.split_off(4)
}

fn round_trip<C: Codec<T, Serde>, T: PartialEq + Debug>(value: &T) {
    let bytes = encode::<C, T>(value);
    assert_eq!(C::decode(&bytes).as_ref().ok(), Some(value), "{}", C::NAME);
    let mut longer = bytes.clone();
    longer.push(b'.');
    assert!(C::decode(&longer).is_err(), "{}: bytes after the value", C::NAME);
    for cut in 0..bytes.len() {
        assert!(C::decode(&bytes[..cut]).is_err(), "{}: truncated", C::NAME);
    }
}

fn try_all(bytes: &[u8]) {
    fn with<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
        let _: Result<T, _> = <Pickle as Codec<T>>::decode(bytes);
        let _: Result<T, _> = <MsgPack as Codec<T>>::decode(bytes);
        let _: Result<T, _> = <Postcard as Codec<T>>::decode(bytes);
    }
    with::<Row>(bytes);
    with::<Vec<Row>>(bytes);
    with::<Kind>(bytes);
    with::<Untagged>(bytes);
    with::<(Option<u8>, char, [u8; 4], f32)>(bytes);
    with::<Chain>(bytes);
    with::<Tree>(bytes);
    with::<Vec<()>>(bytes);
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..40)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Unit),
        any::<u128>().prop_map(|id| Kind::Newtype(Uuid::from_u128(id))),
        (any::<i64>(), bytes()).prop_map(|(number, data)| Kind::Tuple(number, data)),
        any::<(Option<u128>, String)>()
            .prop_map(|(id, text)| Kind::Struct { id: id.map(Uuid::from_u128), text }),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let scalars = any::<(u128, u64, i64, Option<String>, [u8; 4], char)>();
    let numbers = (-1e300..1e300, -1e30..1e30f32, any::<(i8, i16, i32, u16, u32)>());
    let kinds = proptest::collection::vec(kind(), 0..4);
    let maps = any::<(BTreeMap<String, Vec<u128>>, BTreeMap<(u8, String), bool>)>();
    let flat = (scalars, numbers, bytes(), kinds, maps).prop_map(
        |((id, oid, at, name, hash, letter), numbers, data, kinds, (by_name, by_pair))| Row {
            id: Uuid::from_u128(id),
            oid: Oid::new(oid),
            at: Timestamp::from_nanos(at),
            name,
            data,
            hash,
            numbers: {
                let (float, small, (a, b, c, d, e)) = numbers;
                (float, small, a, b, c, d, e)
            },
            letter,
            kinds,
            by_name: by_name
                .into_iter()
                .take(3)
                .map(|(name, ids)| (name, ids.into_iter().take(2).map(Uuid::from_u128).collect()))
                .collect(),
            by_pair: by_pair.into_iter().take(3).collect(),
            unit: (),
            inner: None,
        },
    );
    let flat = flat.boxed();
    (flat.clone(), proptest::option::of(flat))
        .prop_map(|(row, inner)| Row { inner: inner.map(Box::new), ..row })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_come_back(row in row()) {
        round_trip::<Pickle, Row>(&row);
        round_trip::<MsgPack, Row>(&row);
        round_trip::<Postcard, Row>(&row);
    }

    #[test]
    fn buffered_types_come_back(number in any::<i64>(), text in any::<String>()) {
        let list = Untagged::List(vec![Untagged::Number(number), Untagged::Text(text.clone())]);
        let map = Untagged::Map(BTreeMap::from([(text, list)]));
        round_trip::<Pickle, Untagged>(&map);
        round_trip::<MsgPack, Untagged>(&map);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        try_all(&bytes);
    }

    #[test]
    fn damaged_rows(row in row(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        for mut bytes in [encode::<Pickle, _>(&row), encode::<MsgPack, _>(&row), encode::<Postcard, _>(&row)] {
            let at = at.index(bytes.len());
            bytes[at] = with;
            try_all(&bytes);
        }
    }
}

#[test]
fn errors_hold_nothing_of_the_value() {
    fn silent<C: Codec<T, Serde>, T: Debug>(bytes: &[u8]) {
        let Err(error) = C::decode(bytes) else { return };
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("canary") && !shown.contains("8675309"), "{shown}");
    }
    fn all<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) {
        silent::<Pickle, T>(bytes);
        silent::<MsgPack, T>(bytes);
        silent::<Postcard, T>(bytes);
    }
    let text = "canary, expected canary".to_owned();
    let map = BTreeMap::from([(text.clone(), text.clone())]);
    let stored = [
        encode::<Pickle, _>(&text),
        encode::<Pickle, _>(&map),
        encode::<Pickle, _>(&8_675_309u64),
        encode::<MsgPack, _>(&text),
        encode::<MsgPack, _>(&map),
        encode::<MsgPack, _>(&8_675_309u64),
        encode::<Postcard, _>(&text),
    ];
    for bytes in &stored {
        all::<Row>(bytes);
        all::<Kind>(bytes);
        all::<u8>(bytes);
        all::<Uuid>(bytes);
        all::<char>(bytes);
        all::<Timestamp>(bytes);
        all::<BTreeMap<u8, u8>>(bytes);
        all::<Vec<bool>>(bytes);
    }
}

#[test]
fn nesting_is_limited() {
    let mut tree = Tree(Vec::new());
    // A newtype is a level of its own in postcard.
    for _ in 0..60 {
        tree = Tree(vec![tree]);
    }
    round_trip::<Pickle, Tree>(&tree);
    round_trip::<MsgPack, Tree>(&tree);
    round_trip::<Postcard, Tree>(&tree);
    for _ in 0..80 {
        tree = Tree(vec![tree]);
    }
    assert!(<Pickle as Codec<Tree>>::encode(&tree, &mut Vec::new()).is_err());
    assert!(<MsgPack as Codec<Tree>>::encode(&tree, &mut Vec::new()).is_err());

    let many = 1 << 20;
    assert!(<Postcard as Codec<Tree>>::decode(&vec![1; many]).is_err());
    assert!(<Postcard as Codec<Chain>>::decode(&vec![1; many]).is_err());
    assert!(<MsgPack as Codec<Tree>>::decode(&vec![0x91; many]).is_err());
    let pickle = [&[0x80, 2][..], &vec![b']'; many], &vec![0x85; many], b"."].concat();
    assert!(<Pickle as Codec<Tree>>::decode(&pickle).is_err());
}

#[test]
fn declared_lengths_are_not_believed() {
    // A million elements of no bytes, and then more than that.
    let units = encode::<Postcard, Vec<()>>(&vec![(); 1000]);
    assert_eq!(<Postcard as Codec<Vec<()>>>::decode(&units).map(|units| units.len()).ok(), Some(1000));
    assert!(<Postcard as Codec<Vec<()>>>::decode(&[0xff; 9]).is_err());
    assert!(<Postcard as Codec<Vec<()>>>::decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_err());
    assert!(
        <Postcard as Codec<BTreeMap<(), ()>>>::decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
            .is_err()
    );
    assert!(<Postcard as Codec<Vec<u64>>>::decode(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_err());
    assert!(<MsgPack as Codec<Vec<u64>>>::decode(&[0xdd, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
    assert!(<Pickle as Codec<String>>::decode(b"\x80\x02X\xff\xff\xff\xffa.").is_err());
    assert!(<Pickle as Codec<String>>::decode(b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.").is_err());
}

#[test]
fn keys_come_once() {
    let twice = b"\x80\x02}(X\x01\0\0\0aK\x01X\x01\0\0\0aK\x02u.";
    assert!(<Pickle as Codec<BTreeMap<String, u8>>>::decode(twice).is_err());
    let pairs = b"\x80\x02}(K\x01K\x02\x86N\x8a\x01\x01K\x02\x86Nu.";
    assert!(<Pickle as Codec<BTreeMap<(u8, u8), ()>>>::decode(pairs).is_err());
    assert!(<MsgPack as Codec<BTreeMap<String, u8>>>::decode(b"\x82\xa1a\x01\xd9\x01a\x02").is_err());
    assert!(<MsgPack as Codec<BTreeMap<u8, u8>>>::decode(b"\x82\x01\x01\xcc\x01\x02").is_err());
    assert!(<MsgPack as Codec<BTreeMap<u8, u8>>>::decode(b"\x82\x01\x01\x02\x02").is_ok());
}

mod pickle {
    use super::*;

    fn read<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, CodecError> {
        <Pickle as Codec<T>>::decode(bytes)
    }

    /// The values that Python's `zlmdb` wrote.
    #[test]
    fn of_python() {
        let map = BTreeMap::from([("a".to_owned(), 1u8)]);
        assert_eq!(read::<BTreeMap<String, u8>>(b"\x80\x02}q\0X\x01\0\0\0aq\x01K\x01s.").unwrap(), map);
        assert_eq!(read::<Vec<u8>>(b"\x80\x02]q\0(K\x01K\x02K\x03e.").unwrap(), [1, 2, 3]);
        assert_eq!(read::<Option<u8>>(b"\x80\x02N.").unwrap(), None);
        assert_eq!(read::<String>(b"\x80\x02X\x01\0\0\0xq\0.").unwrap(), "x");
        // Protocol 5, behind the length that `_Pickle5ValuesMixin` puts in front.
        let five = b"\x80\x05\x95\x0a\0\0\0\0\0\0\0}\x94\x8c\x01a\x94K\x01s.";
        assert_eq!(read::<BTreeMap<String, u8>>(five).unwrap(), map);
        assert_eq!(read::<i128>(b"\x80\x02\x8a\x09\0\0\0\0\0\0\0\0\x01.").unwrap(), 1 << 64);
        assert_eq!(read::<f64>(b"\x80\x02K\x01.").unwrap(), 1.0);
    }

    #[test]
    fn nothing_is_called() {
        for call in [
            &b"\x80\x02cos\nsystem\nX\x02\0\0\0ls\x85R."[..],
            b"\x80\x02c__builtin__\nset\n]K\x01a\x85R.",
            b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x06\0\0\0latin1\x86R.",
            b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
            b"\x80\x02(i__main__\nA\n.",
            b"\x80\x02}}b.",
            b"\x80\x02N)\x81.",
            b"\x80\x02Pid\n.",
            b"\x80\x02\x82\x01.",
        ] {
            let error = read::<Untagged>(call).expect_err("not plain data").to_string();
            assert!(error.contains("an object of a class"), "{error}");
        }
        let bytes = Uuid::nil().into_bytes();
        let mut out = Vec::new();
        assert!(<Pickle as Codec<Bytes>>::encode(&Bytes(bytes), &mut out).is_err(), "not in protocol 2");
        assert_eq!(read::<Bytes>(b"\x80\x03C\x10aaaaaaaaaaaaaaaa.").unwrap().0, [b'a'; 16]);
    }

    #[derive(Debug)]
    struct Bytes([u8; 16]);

    impl Serialize for Bytes {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&self.0)
        }
    }

    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            <[u8; 16]>::deserialize(deserializer).map(Self)
        }
    }

    #[test]
    fn opcodes_of_plain_data() {
        assert_eq!(read::<(u8,)>(b"\x80\x02K\x01\x85.").unwrap(), (1,));
        assert_eq!(read::<(u8, u8)>(b"\x80\x02K\x01K\x02\x86.").unwrap(), (1, 2));
        assert_eq!(read::<(u8, u8, u8)>(b"\x80\x02K\x01K\x02K\x03\x87.").unwrap(), (1, 2, 3));
        // What is appended to what is there.
        assert_eq!(read::<Vec<u8>>(b"\x80\x02](K\x01K\x02e(K\x03eK\x04a.").unwrap(), [1, 2, 3, 4]);
        // A memo with numbers of one byte, of four, and without.
        let memo = b"\x80\x04X\x01\0\0\0aq\x07X\x01\0\0\0br\x08\0\0\0\x86h\x07j\x08\0\0\0\x86\x86.";
        let pair = || ("a".to_owned(), "b".to_owned());
        assert_eq!(read::<((String, String), (String, String))>(memo).unwrap(), (pair(), pair()));
        assert_eq!(read::<(u8, u8)>(b"\x80\x04K\x05\x94h\0\x86.").unwrap(), (5, 5));
        let largest = [&b"\x80\x02\x8a\x10"[..], &i128::MAX.to_le_bytes(), b"."].concat();
        assert_eq!(read::<i128>(&largest).unwrap(), i128::MAX);
        let longer = [&b"\x80\x02\x8a\x11"[..], &i128::MAX.to_le_bytes(), b"\0."].concat();
        assert!(read::<i128>(&longer).is_err());
        assert!(read::<[u8; 2]>(b"\x80\x03C\x03abc.").is_err());
        assert_eq!(read::<[u8; 3]>(b"\x80\x03C\x03abc.").unwrap(), *b"abc");
    }

    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Key {
        Number(u8),
        Tuple(Vec<Key>),
    }

    #[test]
    fn keys_of_the_same_elements_in_other_tuples_are_two() {
        // ((1, 2), 3) and (1, (2, 3)).
        let map = b"\x80\x02}(K\x01K\x02\x86K\x03\x86K\x01K\x01K\x02K\x03\x86\x86K\x02u.";
        assert_eq!(read::<BTreeMap<Key, u8>>(map).unwrap().len(), 2);
    }

    /// However short the pickle is, there is room for a mebibyte.
    #[test]
    fn shared_objects_have_some_room() {
        let shared = |kind: &[u8], len: usize, times: usize| {
            let object = [kind, &(len as u32).to_le_bytes(), &vec![b'a'; len]].concat();
            [b"\x80\x02](", &object[..], b"q\0", &b"h\0".repeat(times), b"e."].concat()
        };
        assert_eq!(read::<Vec<String>>(&shared(b"X", 1000, 900)).unwrap().len(), 901);
        assert!(read::<Vec<String>>(&shared(b"X", 1000, 1100)).is_err());
        assert_eq!(read::<Vec<Vec<u8>>>(&shared(b"B", 1000, 900)).unwrap().len(), 901);
        assert!(read::<Vec<Vec<u8>>>(&shared(b"B", 1000, 1100)).is_err());
    }

    /// A list of the list before twice, thirty times over: what it stands for has a billion elements.
    #[test]
    fn shared_lists_are_counted() {
        #[derive(Debug, Serialize, Deserialize)]
        struct Lists(Vec<Lists>);
        let doubled = |times| [b"\x80\x02(]q\0", &b"](h\0h\0eq\0".repeat(times)[..], b"l."].concat();
        assert_eq!(read::<Lists>(&doubled(3)).unwrap().0.len(), 4);
        let error = read::<Lists>(&doubled(30)).unwrap_err().to_string();
        assert!(error.contains("too large"), "{error}");
    }

    #[test]
    fn shared_objects_are_limited() {
        // A list in itself.
        assert!(read::<Untagged>(b"\x80\x02]q\0h\0a.").is_err());
        // A text that is shared often is fine.
        let mut shared = b"\x80\x02](X\x05\0\0\0helloq\0".to_vec();
        shared.extend_from_slice(&b"h\0".repeat(10_000));
        shared.extend_from_slice(b"e.");
        assert_eq!(read::<Vec<String>>(&shared).unwrap().len(), 10_001);
    }

    #[test]
    fn the_stack_is_guarded() {
        for program in [
            &b"\x80\x02."[..],
            b"\x80\x02NN.",
            b"\x80\x02(N.",
            b"\x80\x02]a.",
            b"\x80\x02e.",
            b"\x80\x02h\0.",
            b"\x80\x02N(\x85.",
            b"\x80\x02}(Nu.",
            b"\x80\x02K",
            b"\x80\x01N.",
            b"N.",
            b"",
        ] {
            assert!(read::<Untagged>(program).is_err(), "{program:?}");
        }
    }
}
