//! Keys as the Python library writes them, byte for byte.
//!
//! Not here are those of its layouts that cannot be an ordinary key: (Oid, Timestamp) with the timestamp
//! little-endian, a u16 in the machine's order, (String, Oid) and (String, String) without an end mark, `None` as
//! zeros. They belong to the aliases of the Python library's map types.

use std::fmt::Debug;

use txetcd_core::key::{Key, KeyLike};
use txetcd_core::{Oid, Timestamp, Uuid};

const A: Uuid = Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);
const B: Uuid = Uuid::from_u128(0xffeeddcc_bbaa_9988_7766_554433221100);
const C: Uuid = Uuid::from_u128(0x12345678_1234_5678_1234_567812345678);
const A_HEX: &str = "00112233445566778899aabbccddeeff";
const B_HEX: &str = "ffeeddccbbaa99887766554433221100";
const C_HEX: &str = "12345678123456781234567812345678";
const TIME: Timestamp = Timestamp::from_nanos(1_709_210_096_789_012_345);
const TIME_HEX: &str = "17b85586f99ebf79";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn whole<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode(&mut out).expect("encodes");
    out
}

fn part<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode_part(&mut out).expect("encodes");
    out
}

fn same<K: Key + Debug + PartialEq>(key: K, parts: &[&str]) {
    let bytes = whole(&key);
    assert_eq!(hex(&bytes), parts.concat(), "{key:?}");
    assert_eq!(K::decode(&bytes).as_ref(), Ok(&key));
}

fn bytes<const N: usize>(from: u8) -> [u8; N] {
    std::array::from_fn(|index| from + index as u8)
}

fn bytes_hex(from: u8, count: u8) -> String {
    hex(&(from..from + count).collect::<Vec<_>>())
}

#[test]
fn oids() {
    same(Oid::new(0), &["0000000000000000"]);
    same(Oid::new(1), &["0000000000000001"]);
    same(Oid::MAX_PYTHON, &["0020000000000000"]);
    same((Oid::new(1), Oid::new(2)), &["0000000000000001", "0000000000000002"]);
    same(
        (Oid::new(1), Oid::new(2), Oid::new(3)),
        &["0000000000000001", "0000000000000002", "0000000000000003"],
    );
    same((Oid::new(1), "aß".to_owned()), &["0000000000000001", "61c39f"]);
}

#[test]
fn strings() {
    same("hello".to_owned(), &["68656c6c6f"]);
    same("ünï✓".to_owned(), &["c3bc6ec3afe29c93"]);
}

#[test]
fn uuids() {
    same(A, &[A_HEX]);
    same((A, B), &[A_HEX, B_HEX]);
    same((A, B, C), &[A_HEX, B_HEX, C_HEX]);
    let one = Uuid::from_u128(1);
    same((A, B, C, one), &[A_HEX, B_HEX, C_HEX, "00000000000000000000000000000001"]);
    same((A, "abc".to_owned()), &[A_HEX, "616263"]);
    same((A, String::new()), &[A_HEX]);
    same((A, B, "abc".to_owned()), &[A_HEX, B_HEX, "616263"]);
    same((A, B, C, "abc".to_owned()), &[A_HEX, B_HEX, C_HEX, "616263"]);
}

#[test]
fn timestamps() {
    same(TIME, &[TIME_HEX]);
    same(Timestamp::UNIX_EPOCH, &["0000000000000000"]);
    same((TIME, A), &[TIME_HEX, A_HEX]);
    same((A, TIME), &[A_HEX, TIME_HEX]);
    same((A, TIME, B), &[A_HEX, TIME_HEX, B_HEX]);
    same((TIME, A, "aß".to_owned()), &[TIME_HEX, A_HEX, "61c39f"]);
    same((TIME, A, String::new()), &[TIME_HEX, A_HEX]);
    same((TIME, "abc".to_owned()), &[TIME_HEX, "616263"]);
    same((u64::MAX, TIME), &["ffffffffffffffff", TIME_HEX]);
    // Python's map key, which is in the machine's order, has here the bytes 01 02.
    same((0x0102u16, A, TIME), &["0102", A_HEX, TIME_HEX]);
}

#[test]
fn an_instant_before_1970_is_refused() {
    let before = Timestamp::from_nanos(-1);
    assert!(before.encode(&mut Vec::new()).is_err());
    assert!((before, A).encode(&mut Vec::new()).is_err());
    assert!(Some(before).encode_part(&mut Vec::new()).is_err());
    assert!(Timestamp::decode(&[0xff; 8]).is_err());
    assert!(<(Timestamp, Uuid)>::decode(&[0xff; 24]).is_err());
}

#[test]
fn byte_arrays() {
    same(bytes::<32>(0), &[&bytes_hex(0, 32)]);
    same(bytes::<20>(0), &[&bytes_hex(0, 20)]);
    same(bytes::<16>(0), &[&bytes_hex(0, 16)]);
    same((bytes::<32>(0), bytes::<32>(200)), &[&bytes_hex(0, 32), &bytes_hex(200, 32)]);
    same((bytes::<20>(0), bytes::<20>(100)), &[&bytes_hex(0, 20), &bytes_hex(100, 20)]);
    same((bytes::<32>(0), A), &[&bytes_hex(0, 32), A_HEX]);
    same((bytes::<32>(0), "abc".to_owned()), &[&bytes_hex(0, 32), "616263"]);
    same((bytes::<20>(0), "abc".to_owned()), &[&bytes_hex(0, 20), "616263"]);
    same((TIME, bytes::<32>(0)), &[TIME_HEX, &bytes_hex(0, 32)]);
    same((bytes::<20>(0), TIME), &[&bytes_hex(0, 20), TIME_HEX]);
    same((bytes::<16>(0), TIME), &[&bytes_hex(0, 16), TIME_HEX]);
    same((bytes::<16>(0), TIME, A), &[&bytes_hex(0, 16), TIME_HEX, A_HEX]);
    same((A, bytes::<20>(0), 7u8), &[A_HEX, &bytes_hex(0, 20), "07"]);
    same((A, bytes::<20>(0), 7u8, B), &[A_HEX, &bytes_hex(0, 20), "07", B_HEX]);
    same(
        (A, bytes::<20>(0), bytes::<20>(100), 7u8, B),
        &[A_HEX, &bytes_hex(0, 20), &bytes_hex(100, 20), "07", B_HEX],
    );
}

#[test]
fn what_is_new_here() {
    assert_eq!(hex(&part(&"a\0b".to_owned())), "6100ff620001");
    assert_eq!(hex(&part(&vec![0u8, 0])), "00ff00ff0001");
    same(("a".to_owned(), "b".to_owned()), &["610001", "62"]);
    same(("".to_owned(), ("".to_owned(), "b".to_owned()), 1u8), &["0001", "0001", "620001", "01"]);
    same(-1i8, &["7f"]);
    same(i32::MIN, &["00000000"]);
    same(0i64, &["8000000000000000"]);
    same(1u128, &["00000000000000000000000000000001"]);
    same(1.0f32, &["bf800000"]);
    same(-1.0f32, &["407fffff"]);
    same(0.0f64, &["8000000000000000"]);
    same(-0.0f64, &["7fffffffffffffff"]);
    same(true, &["01"]);
    same('ß', &["000000df"]);
    same(None::<String>, &["00"]);
    same(Some(String::new()), &["01"]);
    same(Some(("a".to_owned(), Some(2u8))), &["01", "610001", "01", "02"]);
}

#[test]
fn borrowed_forms_have_the_bytes_of_the_owned() {
    fn like<K: Key>(key: K, borrowed: &[&dyn KeyLike<K>]) {
        for form in borrowed {
            let (mut in_whole, mut in_part) = (Vec::new(), Vec::new());
            form.encode_key(&mut in_whole).unwrap();
            form.encode_key_part(&mut in_part).unwrap();
            assert_eq!((in_whole, in_part), (whole(&key), part(&key)));
        }
    }
    let text = "a\0b".to_owned();
    like(text.clone(), &[&text, &&text, &"a\0b"]);
    like(vec![1u8, 0], &[&vec![1u8, 0], &&vec![1u8, 0], &&[1u8, 0][..], &[1u8, 0], &&[1u8, 0]]);
    like((A, text.clone()), &[&(A, text.clone()), &&(A, text.clone()), &(A, "a\0b")]);
    like((A, 1u8, B, text.clone()), &[&(A, 1u8, B, "a\0b")]);
    like(A, &[&A, &&A]);

    let mut out = Vec::new();
    <str as KeyLike<String>>::encode_key("a", &mut out).unwrap();
    <[u8] as KeyLike<Vec<u8>>>::encode_key(b"b", &mut out).unwrap();
    assert_eq!(out, b"ab");
}

#[test]
fn a_key_allocates_once() {
    let key = ("a\0b".repeat(50), (Some(vec![0u8; 100]), "c".repeat(1000)), 1u8);
    let mut out = Vec::new();
    key.encode(&mut out).unwrap();
    assert_eq!(key.size_hint(), part(&key).len());
    assert!(out.len() <= key.size_hint() && out.capacity() == key.size_hint(), "grown once, by the hint");
}

#[test]
fn errors_hold_nothing_of_the_key() {
    let error = <(String, bool)>::decode(b"secret\x00\x01\x02").unwrap_err();
    assert_eq!(error.to_string(), "expected a bool as 00 or 01");
    assert!(!format!("{error:?}").contains("secret"));
    assert_eq!(u32::decode(&[1, 2]).unwrap_err().to_string(), "expected 4 bytes of a u32");
    assert_eq!(u32::decode(&[1, 2, 3, 4, 5]).unwrap_err().to_string(), "expected the end of the key");
}
