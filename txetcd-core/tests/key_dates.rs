//! The instants and dates of `chrono`, `time` and `jiff` as keys: one form for all three.
#![cfg(all(feature = "chrono", feature = "time", feature = "jiff"))]

use std::fmt::Debug;

use chrono::{DateTime, NaiveDate, Utc};
use jiff::civil;
use proptest::prelude::*;
use time::{Date, UtcDateTime};
use txetcd_core::Timestamp;
use txetcd_core::key::Key;

fn whole<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode(&mut out).expect("encodes");
    assert_eq!(out.len(), key.size_hint());
    out
}

/// The key has the bytes of another, and comes back from them.
fn same<K: Key + Debug + PartialEq, L: Key>(key: &K, as_key: &L) {
    let bytes = whole(key);
    assert_eq!(bytes, whole(as_key));
    assert_eq!(K::decode(&bytes).as_ref(), Ok(key));
    let followed = [&bytes[..], b"rest"].concat();
    let mut rest = &followed[..];
    assert_eq!(K::decode_part(&mut rest).as_ref(), Ok(key));
    assert_eq!(rest, b"rest");
}

fn refused<K: Key>(key: &K) -> bool {
    key.encode(&mut Vec::new()).is_err() && key.encode_part(&mut Vec::new()).is_err()
}

#[test]
fn dates_have_known_bytes() {
    assert_eq!(whole(&NaiveDate::from_ymd_opt(1970, 1, 2).unwrap()), [0x80, 0, 0, 1]);
    assert_eq!(whole(&civil::date(1969, 12, 31)), [0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(
        whole(&Date::from_calendar_date(2024, time::Month::February, 29).unwrap()),
        [0x80, 0, 0x4d, 0x46]
    );
}

#[test]
fn what_has_no_form_is_refused() {
    assert!(refused(&DateTime::<Utc>::from_timestamp_nanos(-1)), "would sort last");
    assert!(refused(&DateTime::<Utc>::MAX_UTC));
    assert!(refused(&DateTime::from_timestamp(1_483_228_799, 1_500_000_000).unwrap()), "a leap second");
    assert!(refused(&UtcDateTime::from_unix_timestamp(-1).unwrap()));
    assert!(refused(&UtcDateTime::MAX));
    assert!(refused(&jiff::Timestamp::MIN));
    assert!(refused(&jiff::Timestamp::MAX));
    for bytes in [[0xff; 4], [0; 4]] {
        assert!(NaiveDate::decode(&bytes).is_err());
        assert!(Date::decode(&bytes).is_err());
        assert!(civil::Date::decode(&bytes).is_err());
    }
    assert!(NaiveDate::decode(&[0x80, 0, 0]).is_err());
    assert!(DateTime::<Utc>::decode(&[0xff; 8]).is_err());
}

proptest! {
    #[test]
    fn instants_are_timestamps(nanos in 0..=i64::MAX) {
        let timestamp = Timestamp::from_nanos(nanos);
        same(&DateTime::<Utc>::from_timestamp_nanos(nanos), &timestamp);
        same(&UtcDateTime::from_unix_timestamp_nanos(nanos.into()).unwrap(), &timestamp);
        same(&jiff::Timestamp::from_nanosecond(nanos.into()).unwrap(), &timestamp);
    }

    #[test]
    fn dates_are_days(days in -700_000..2_900_000i32, other in -700_000..2_900_000i32) {
        let date = |days: i32| civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
        same(&date(days), &days);
        same(&NaiveDate::from_num_days_from_ce_opt(days + 719_163).unwrap(), &days);
        same(&Date::from_julian_day(days + 2_440_588).unwrap(), &days);
        prop_assert_eq!(whole(&date(days)).cmp(&whole(&date(other))), date(days).cmp(&date(other)));
        prop_assert_eq!(NaiveDate::decode(&whole(&date(days))).unwrap().to_string(), date(days).to_string());
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
        fn canonical<K: Key>(bytes: &[u8]) {
            if let Ok(key) = K::decode(bytes) {
                assert_eq!(whole(&key), bytes);
            }
        }
        canonical::<DateTime<Utc>>(&bytes);
        canonical::<UtcDateTime>(&bytes);
        canonical::<jiff::Timestamp>(&bytes);
        canonical::<NaiveDate>(&bytes);
        canonical::<Date>(&bytes);
        canonical::<civil::Date>(&bytes);
    }
}
