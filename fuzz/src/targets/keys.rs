//! The keys: what decodes must encode to the same bytes, in both forms; and values must sort as their bytes do.

use std::fmt::Debug;

use txetcd_core::key::Key;
use txetcd_core::pmap::keys::{AnyTimestamp, StringOid, StringString, StringStringString, StringTimestamp};
use txetcd_core::{Oid, Timestamp, Uuid};

use crate::Target;
use crate::row::{text, uuid};

type Long = (Option<String>, Vec<u8>, (i8, u128), f64, bool, char, Option<(Timestamp, Oid)>, String);

fn decode<K: Key>(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    if let Ok(key) = K::decode_part(&mut rest) {
        let mut part = Vec::new();
        key.encode_part(&mut part).expect("encodes");
        assert_eq!(part, bytes[..bytes.len() - rest.len()], "a part has one form");
    }
    let Ok(key) = K::decode(bytes) else { return false };
    let mut whole = Vec::new();
    key.encode(&mut whole).expect("encodes");
    assert_eq!(whole, bytes, "a key has one form");
    true
}

macro_rules! decode_all {
    ($bytes:expr, $($type:ty),*) => {{
        let mut accepted = false;
        $(accepted |= decode::<$type>($bytes);)*
        accepted
    }};
}

pub(super) const KEYS: Target = Target {
    name: "keys",
    memory: 0,
    valid: |rng| {
        let mut out = Vec::new();
        let encoded = match rng.u8(0..4) {
            0 => (uuid(rng), text(rng)).encode(&mut out),
            1 => (text(rng), text(rng), rng.i32(..)).encode(&mut out),
            2 => StringOid(text(rng), Oid::new(rng.u64(..))).encode(&mut out),
            _ => {
                let at = Timestamp::from_nanos(rng.i64(0..));
                let long: Long = (
                    rng.bool().then(|| text(rng)),
                    vec![rng.u8(..), 0],
                    (rng.i8(..), rng.u128(..)),
                    rng.f64(),
                    rng.bool(),
                    rng.char(..),
                    rng.bool().then(|| (at, Oid::new(rng.u64(..)))),
                    text(rng),
                );
                long.encode(&mut out)
            }
        };
        encoded.expect("encodes");
        out
    },
    run: |bytes| {
        decode_all!(
            bytes,
            Long,
            (Uuid, String),
            (String, String, i32),
            (Vec<u8>, u8),
            Option<Option<String>>,
            ([u8; 4], f32, i64),
            Timestamp,
            chrono::DateTime<chrono::Utc>,
            (time::Date, jiff::civil::Date),
            (AnyTimestamp, Uuid),
            StringOid,
            StringTimestamp,
            (StringString, bool),
            StringStringString
        )
    },
};

/// Two keys sort as their bytes do. An input is one byte, which says how long the first is, and both.
pub(super) const ORDER: Target = Target {
    name: "key-order",
    memory: 0,
    valid: |rng| {
        let one = (KEYS.valid)(rng);
        let mut other = one.clone();
        if let Some(byte) = rng.choice(&mut other) {
            *byte = byte.wrapping_add(1);
        }
        let len = one.len().min(255);
        [&[len as u8], &one[..len], &other].concat()
    },
    run: |bytes| {
        let Some((len, rest)) = bytes.split_first() else { return false };
        let (one, other) = rest.split_at(rest.len().min(usize::from(*len)));
        let mut accepted = false;
        macro_rules! compare_all {
            ($($type:ty),*) => {{ $(accepted |= compare::<$type>(one, other);)* }};
        }
        compare_all!(
            (Option<String>, Vec<u8>, (i8, u128)),
            (Uuid, String),
            (String, String, i32),
            (Vec<u8>, u8),
            (bool, char, Option<(Timestamp, Oid)>, String),
            Option<Option<String>>,
            ([u8; 4], i64, i16),
            (u16, u32, u64),
            (i128, Oid),
            Timestamp,
            chrono::DateTime<chrono::Utc>,
            chrono::NaiveDate,
            (time::UtcDateTime, time::Date),
            (jiff::Timestamp, jiff::civil::Date)
        );
        accepted | compare_floats(one, other)
    },
};

fn compare<K: Key + Ord + Debug>(one: &[u8], other: &[u8]) -> bool {
    let (Ok(left), Ok(right)) = (K::decode(one), K::decode(other)) else { return false };
    assert_eq!(left.cmp(&right), one.cmp(other), "{left:?} {right:?}");
    true
}

/// Floats have the total order.
fn compare_floats(one: &[u8], other: &[u8]) -> bool {
    let (Ok(left), Ok(right)) = (f64::decode(one), f64::decode(other)) else { return false };
    assert_eq!(left.total_cmp(&right), one.cmp(other), "{left:?} {right:?}");
    true
}
