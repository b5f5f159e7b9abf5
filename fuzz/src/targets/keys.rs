//! The keys: what decodes must encode to the same bytes, in both forms.

use txetcd_core::key::Key;
use txetcd_core::pmap::keys::{AnyTimestamp, StringOid, StringString, StringStringString, StringTimestamp};
use txetcd_core::{Oid, Timestamp, Uuid};

use super::Target;
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
