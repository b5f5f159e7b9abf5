//! What every key type promises: bytes sort as values do, decoding is the inverse of encoding, and whatever bytes
//! decode are the ones that would be written.

use std::cmp::Ordering;
use std::fmt::Debug;

use proptest::prelude::*;
use txetcd_core::key::Key;
use txetcd_core::{Oid, Timestamp, Uuid};

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

/// Checks two keys against the order of their type, and each against its own bytes, followed by others.
fn check<K: Key + Debug>(a: &K, b: &K, rest: &[u8], order: impl Fn(&K, &K) -> Ordering) {
    assert_eq!(whole(a).cmp(&whole(b)), order(a, b), "whole {a:?} {b:?}");
    assert_eq!(part(a).cmp(&part(b)), order(a, b), "part {a:?} {b:?}");
    if order(a, b) != Ordering::Equal {
        let followed = |key, rest: &[u8]| [part(key), rest.to_vec()].concat();
        assert_eq!(followed(a, rest).cmp(&followed(b, &[])), order(a, b), "what follows does not matter");
        assert_eq!(followed(a, &[]).cmp(&followed(b, rest)), order(a, b), "what follows does not matter");
    }
    let decoded = K::decode(&whole(a)).expect("its own bytes");
    assert_eq!(order(&decoded, a), Ordering::Equal);
    let followed = [part(a), rest.to_vec()].concat();
    let mut bytes = &followed[..];
    let decoded = K::decode_part(&mut bytes).expect("its own bytes");
    assert_eq!(order(&decoded, a), Ordering::Equal);
    assert_eq!(bytes, rest);
    assert!(whole(a).len() <= a.size_hint());
    assert_eq!(part(a).len(), a.size_hint());
}

/// Decodes any bytes, which must not panic, and encodes what came out, which must give the same bytes.
fn canonical<K: Key>(bytes: &[u8]) {
    if let Ok(key) = K::decode(bytes) {
        assert_eq!(whole(&key), bytes);
    }
    let mut rest = bytes;
    if let Ok(key) = K::decode_part(&mut rest) {
        assert_eq!(part(&key), bytes[..bytes.len() - rest.len()]);
        assert_eq!(rest, &bytes[bytes.len() - rest.len()..]);
    }
}

/// Texts and byte strings in which the bytes of escapes and end marks are frequent.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec(
            prop::sample::select(vec!['\0', '\u{1}', '\u{2}', 'a', 'ÿ', '\u{10ffff}']),
            0..5
        )
        .prop_map(String::from_iter),
        any::<String>(),
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        prop_oneof![prop::sample::select(vec![0, 1, 2, 0xfe, 0xff]), any::<u8>()],
        0..40,
    )
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        prop::sample::select(vec![
            0.0,
            -0.0,
            1.0,
            -1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            -f64::NAN
        ]),
        prop::sample::select(vec![
            f64::MIN,
            f64::MAX,
            f64::MIN_POSITIVE,
            -f64::MIN_POSITIVE,
            5e-324,
            -5e-324
        ]),
    ]
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (0..=i64::MAX).prop_map(Timestamp::from_nanos)
}

macro_rules! ordered {
    ($($name:ident: $type:ty, $strategy:expr;)*) => {
        proptest! {
            $(
                #[test]
                fn $name(a in $strategy, b in $strategy, rest in bytes()) {
                    check::<$type>(&a, &b, &rest, Ord::cmp);
                }
            )*

            #[test]
            fn any_bytes_are_canonical_or_refused(bytes in bytes()) {
                $(canonical::<$type>(&bytes);)*
                canonical::<f32>(&bytes);
                canonical::<f64>(&bytes);
                canonical::<(Option<f64>, String)>(&bytes);
            }
        }
    };
}

ordered! {
    unsigned: (u8, u16, u32, u64, u128), any::<(u8, u16, u32, u64, u128)>();
    unsigned_alone: u64, any::<u64>();
    signed: (i8, i16, i32, i64, i128), any::<(i8, i16, i32, i64, i128)>();
    signed_alone: i32, any::<i32>();
    booleans: bool, any::<bool>();
    chars: char, any::<char>();
    oids: Oid, any::<u64>().prop_map(Oid::new);
    uuids: Uuid, uuid();
    timestamps: Timestamp, timestamp();
    arrays: [u8; 3], any::<[u8; 3]>();
    empty_arrays: ([u8; 0], u8), any::<u8>().prop_map(|last| ([], last));
    strings: String, text();
    byte_strings: Vec<u8>, bytes();
    options: Option<String>, proptest::option::of(text());
    options_of_options: Option<Option<u8>>, any::<Option<Option<u8>>>();
    one: (String,), text().prop_map(|text| (text,));
    two: (String, String), (text(), text());
    three: (Option<String>, i64, String), (proptest::option::of(text()), any::<i64>(), text());
    nested: ((String, Option<(i8, Vec<u8>)>), (Uuid, String)),
        ((text(), proptest::option::of((any::<i8>(), bytes()))), (uuid(), text()));
    eight: (u8, String, bool, Vec<u8>, i8, Option<char>, Oid, String),
        (any::<u8>(), text(), any::<bool>(), bytes(), any::<i8>(), any::<Option<char>>(),
            any::<u64>().prop_map(Oid::new), text());
}

proptest! {
    #[test]
    fn floats(a in float(), b in float(), rest in bytes()) {
        check(&a, &b, &rest, f64::total_cmp);
        check(&(a as f32), &(b as f32), &rest, f32::total_cmp);
    }

    #[test]
    fn floats_in_tuples(a in (float(), text()), b in (float(), text()), rest in bytes()) {
        check(&a, &b, &rest, |a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    }
}

#[test]
fn the_total_order_of_floats() {
    let ascending =
        [-f64::NAN, f64::NEG_INFINITY, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, f64::INFINITY, f64::NAN];
    assert!(ascending.windows(2).all(|pair| whole(&pair[0]) < whole(&pair[1])));
}
