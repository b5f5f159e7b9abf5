//! `Timestamp` and `Oid` outside of keys: text, system time, serde.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use txetcd_core::{Oid, Timestamp};

#[test]
fn text() {
    let time = Timestamp::from_nanos(1_709_210_096_789_012_345);
    assert_eq!(time.to_string(), "2024-02-29T12:34:56.789012345Z");
    assert_eq!(Timestamp::UNIX_EPOCH.to_string(), "1970-01-01T00:00:00.000000000Z");
    assert_eq!(Timestamp::from_nanos(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
    assert_eq!(Timestamp::MIN.to_string(), "1677-09-21T00:12:43.145224192Z");
    assert_eq!(Timestamp::MAX.to_string(), "2262-04-11T23:47:16.854775807Z");

    for same in ["2024-02-29t12:34:56.789012345z", "2024-02-29 14:34:56.789012345+02:00"] {
        assert_eq!(same.parse(), Ok(time), "{same}");
    }
    let parsed = |text: &str| text.parse::<Timestamp>().map(Timestamp::as_nanos);
    assert_eq!(parsed("1970-01-01T00:00:00.5Z"), Ok(500_000_000));
    assert_eq!(parsed("1969-12-31T23:30:00-00:31"), Ok(60_000_000_000));
    assert_eq!(parsed("2000-02-29T00:00:00Z"), Ok(951_782_400_000_000_000));
}

#[test]
fn what_is_not_a_time_is_refused() {
    for bad in [
        "",
        "2024-02-29",
        "2024-02-29T12:34:56",
        "2023-02-29T12:34:56Z",
        "1900-02-29T12:34:56Z",
        "2024-13-01T12:34:56Z",
        "2024-00-01T12:34:56Z",
        "2024-04-31T12:34:56Z",
        "2024-04-00T12:34:56Z",
        "2024-02-29T24:34:56Z",
        "2024-02-29T12:60:56Z",
        "2024-02-29T12:34:60Z",
        "2024-02-29T12:34:56.Z",
        "2024-02-29T12:34:56.0123456789Z",
        "2024-02-29T12:34:56Z ",
        "2024-02-29T12:34:56+2400",
        "2024-02-29T12:34:56+24:00",
        "+024-02-29T12:34:56Z",
        "2024-02-29T12:34:5ßZ",
        "1677-09-21T00:12:43.145224191Z",
        "2262-04-11T23:47:16.854775808Z",
    ] {
        assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
    }
}

#[test]
fn system_time() {
    let before = SystemTime::now();
    let now = SystemTime::from(Timestamp::now());
    assert!(before <= now && now <= SystemTime::now());
    assert_eq!(Timestamp::try_from(UNIX_EPOCH - Duration::from_nanos(1)), Ok(Timestamp::from_nanos(-1)));
    let year_2500 = UNIX_EPOCH + Duration::from_secs(530 * 365 * 86_400);
    assert!(Timestamp::try_from(year_2500).is_err());
}

#[test]
fn random_oids_are_python_s() {
    let drawn: Vec<Oid> = (0..1000).map(|_| Oid::random()).collect();
    assert!(drawn.iter().all(|oid| *oid <= Oid::MAX_PYTHON));
    let mut distinct = drawn.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), drawn.len());
    assert_eq!(Oid::new(7).to_string().parse(), Ok(Oid::from(7)));
    assert_eq!(u64::from(Oid::new(7)), 7);
}

proptest! {
    #[test]
    fn text_and_back(nanos in any::<i64>()) {
        let time = Timestamp::from_nanos(nanos);
        prop_assert_eq!(time.to_string().parse(), Ok(time));
        prop_assert_eq!(Timestamp::try_from(SystemTime::from(time)), Ok(time));
    }

    #[test]
    fn any_text(text in any::<String>()) {
        let _ = text.parse::<Timestamp>();
    }

    #[test]
    fn nearly_a_time(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})") {
        let _ = text.parse::<Timestamp>();
    }
}
