//! Values that are their own bytes, as the Python library writes them, byte for byte.

use std::collections::BTreeSet;

use proptest::prelude::*;
use txetcd_core::codec::{
    Binary, Codec, OidSet, OidValue, Serde, StringSet, TimestampValue, Utf8, UuidSet, UuidValue,
};
use txetcd_core::{Oid, Timestamp, Uuid};

const A: Uuid = Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);
const B: Uuid = Uuid::from_u128(0xffeeddcc_bbaa_9988_7766_554433221100);
const A_HEX: &str = "00112233445566778899aabbccddeeff";
const B_HEX: &str = "ffeeddccbbaa99887766554433221100";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encode<C: Codec<T, Serde>, T>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    C::encode(value, &mut out).expect("encodes");
    out
}

fn same<C: Codec<T, Serde>, T: PartialEq + std::fmt::Debug>(value: T, expected: &str) {
    let bytes = encode::<C, T>(&value);
    assert_eq!(hex(&bytes), expected);
    assert_eq!(C::decode(&bytes).expect("decodes"), value);
}

#[test]
fn strings() {
    same::<Utf8, _>("hello".to_owned(), "68656c6c6f");
    same::<Utf8, _>(String::new(), "");
    same::<StringSet, _>(BTreeSet::from(["a".to_owned()]), "61");
    same::<StringSet, _>(BTreeSet::<String>::new(), "");
    same::<StringSet, _>(BTreeSet::from(["b".to_owned(), "a".to_owned(), String::new()]), "00610062");
}

#[test]
fn oids() {
    same::<OidValue, _>(Oid::new(1), "0000000000000001");
    same::<OidValue, _>(Oid::MAX_PYTHON, "0020000000000000");
    same::<OidSet, _>(BTreeSet::from([Oid::new(1)]), "0000000000000001");
    same::<OidSet, _>(BTreeSet::from([Oid::new(2), Oid::new(1)]), "00000000000000010000000000000002");
}

#[test]
fn uuids() {
    same::<UuidValue, _>(A, A_HEX);
    same::<UuidValue, _>(Uuid::nil(), "00000000000000000000000000000000");
    same::<UuidSet, _>(BTreeSet::from([A]), A_HEX);
    same::<UuidSet, _>(BTreeSet::from([B, A]), &[A_HEX, B_HEX].concat());
}

#[test]
fn timestamps() {
    same::<TimestampValue, _>(Timestamp::from_nanos(1_709_210_096_789_012_345), "17b85586f99ebf79");
    same::<TimestampValue, _>(Timestamp::UNIX_EPOCH, "0000000000000000");
    same::<TimestampValue, _>(Timestamp::from_nanos(-1), "ffffffffffffffff");
}

#[test]
fn byte_arrays() {
    fn counting<const N: usize>() -> [u8; N] {
        std::array::from_fn(|index| index as u8)
    }
    same::<Binary, _>(counting::<32>(), "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    same::<Binary, _>(counting::<20>(), "000102030405060708090a0b0c0d0e0f10111213");
    same::<Binary, _>(counting::<16>(), "000102030405060708090a0b0c0d0e0f");
    same::<Binary, _>(vec![0u8, 1], "0001");
}

/// Python writes the elements of a set in the order of its hash table.
#[test]
fn sets_are_read_in_any_order() {
    let bytes = [encode::<UuidValue, _>(&B), encode::<UuidValue, _>(&A)].concat();
    let set: BTreeSet<Uuid> = <UuidSet as Codec<_>>::decode(&bytes).unwrap();
    assert_eq!(set, BTreeSet::from([A, B]));
    let set: BTreeSet<String> = <StringSet as Codec<_>>::decode(b"b\0a").unwrap();
    assert_eq!(set, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
}

#[test]
fn what_has_no_form_is_refused() {
    let refused = |set: BTreeSet<String>| <StringSet as Codec<_>>::encode(&set, &mut Vec::new()).is_err();
    assert!(refused(BTreeSet::from([String::new()])));
    assert!(refused(BTreeSet::from(["a\0b".to_owned()])));
    assert!(<StringSet as Codec<BTreeSet<String>>>::decode(b"a\0a").is_err(), "twice");
    assert!(<StringSet as Codec<BTreeSet<String>>>::decode(b"\xff").is_err(), "not UTF-8");
    assert!(<OidSet as Codec<BTreeSet<Oid>>>::decode(&[0; 16]).is_err(), "twice");
    assert!(<OidSet as Codec<BTreeSet<Oid>>>::decode(&[0; 9]).is_err(), "bytes after it");
    assert!(<UuidSet as Codec<BTreeSet<Uuid>>>::decode(&[0; 17]).is_err(), "bytes after it");
    assert!(<TimestampValue as Codec<Timestamp>>::decode(&[0; 9]).is_err(), "bytes after it");
    assert!(<Binary as Codec<[u8; 4]>>::decode(&[0; 5]).is_err(), "bytes after it");
}

proptest! {
    #[test]
    fn sets_come_back(
        uuids in any::<BTreeSet<u128>>(),
        oids in any::<BTreeSet<u64>>(),
        texts in proptest::collection::btree_set("[^\0]*", 0..5),
        nanos in any::<i64>(),
    ) {
        let uuids: BTreeSet<Uuid> = uuids.into_iter().map(Uuid::from_u128).collect();
        let oids: BTreeSet<Oid> = oids.into_iter().map(Oid::new).collect();
        prop_assert_eq!(<UuidSet as Codec<_>>::decode(&encode::<UuidSet, _>(&uuids)).unwrap(), uuids);
        prop_assert_eq!(<OidSet as Codec<_>>::decode(&encode::<OidSet, _>(&oids)).unwrap(), oids);
        if texts.len() != 1 || !texts.contains("") {
            prop_assert_eq!(<StringSet as Codec<_>>::decode(&encode::<StringSet, _>(&texts)).unwrap(), texts);
        }
        let time = Timestamp::from_nanos(nanos);
        prop_assert_eq!(<TimestampValue as Codec<_>>::decode(&encode::<TimestampValue, _>(&time)).unwrap(), time);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = <UuidSet as Codec<BTreeSet<Uuid>>>::decode(&bytes);
        let _ = <OidSet as Codec<BTreeSet<Oid>>>::decode(&bytes);
        let _ = <StringSet as Codec<BTreeSet<String>>>::decode(&bytes);
        let _ = <TimestampValue as Codec<Timestamp>>::decode(&bytes);
        let _ = <Binary as Codec<[u8; 20]>>::decode(&bytes);
    }
}
