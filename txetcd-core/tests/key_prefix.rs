//! The prefixes of keys: all keys that begin so begin with their bytes, and no others.

use proptest::prelude::*;
use txetcd_core::key::{Key, KeyPrefix};

fn prefix<K: Key>(prefix: impl KeyPrefix<K>) -> Vec<u8> {
    let mut out = Vec::new();
    prefix.encode_prefix(&mut out).expect("encodes");
    out
}

fn whole<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode(&mut out).expect("encodes");
    out
}

type Three = (String, Vec<u8>, String);

/// A key with the longest tuple there is.
type Eight = (u8, String, u16, String, Option<u8>, String, bool, String);

proptest! {
    #[test]
    fn a_prefix_is_of_its_keys_only(a: [Vec<bool>; 3], b: [Vec<bool>; 3]) {
        // Of two letters, so that keys often begin alike.
        let text = |bits: &Vec<bool>| bits.iter().take(3).map(|bit| if *bit { '\0' } else { 'a' }).collect::<String>();
        let (a, b) = (a.each_ref().map(text), b.each_ref().map(text));
        let key: Three = (a[0].clone(), a[1].clone().into_bytes(), a[2].clone());
        let bytes = whole(&key);
        let second = b[1].clone().into_bytes();
        prop_assert_eq!(bytes.starts_with(&prefix::<Three>(b[0].as_str())), a[0] == b[0]);
        prop_assert_eq!(bytes.starts_with(&prefix::<Three>((b[0].clone(), second))), a[..2] == b[..2]);
        prop_assert_eq!(whole(&a[0]).starts_with(&prefix::<String>(b[0].as_str())), a[0].starts_with(&b[0]));
    }
}

#[test]
fn all_first_elements_are_prefixes() {
    let text = || "a\0b".to_owned();
    let key: Eight = (1, text(), 2, text(), Some(3), text(), true, text());
    let (bytes, one) = (whole(&key), &1);
    let prefixes = [
        prefix::<Eight>(1),
        prefix::<Eight>(one),
        prefix::<Eight>((1, text())),
        prefix::<Eight>((1, text(), 2)),
        prefix::<Eight>((1, text(), 2, "a\0b")),
        prefix::<Eight>((1, text(), 2, text(), Some(3))),
        prefix::<Eight>((1, text(), 2, text(), Some(3), "a\0b")),
        prefix::<Eight>((1, text(), 2, text(), Some(3), text(), true)),
    ];
    assert!(prefixes.iter().all(|prefix| bytes.starts_with(prefix)));
    assert!(prefixes.iter().map(Vec::len).is_sorted());
    assert_eq!(prefix::<(u8, String, u8)>((1, "x")), prefix::<(u8, String, u8)>((1, "x".to_owned())));
}
