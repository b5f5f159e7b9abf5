//! `time::UtcDateTime` as a [`Timestamp`], `time::Date` as its days since 1970-01-01 in an `i32`.

use time::{Date, UtcDateTime};

use super::KeyError;
use super::convert::{NOT_A_DATE, NOT_AN_INSTANT, same_key_as};
use crate::timestamp::Timestamp;

/// 1970-01-01 as a Julian day.
const EPOCH: i32 = 2_440_588;

same_key_as!(
    UtcDateTime,
    Timestamp,
    |time: &UtcDateTime| {
        let nanos = i64::try_from(time.unix_timestamp_nanos()).map_err(|_| NOT_AN_INSTANT)?;
        Ok::<_, KeyError>(Timestamp::from_nanos(nanos))
    },
    |time: Timestamp| UtcDateTime::from_unix_timestamp_nanos(time.as_nanos().into())
        .map_err(|_| NOT_AN_INSTANT)
);

same_key_as!(Date, i32, |date: &Date| Ok::<_, KeyError>(date.to_julian_day() - EPOCH), |days: i32| {
    let days = days.checked_add(EPOCH).ok_or(NOT_A_DATE)?;
    Date::from_julian_day(days).map_err(|_| NOT_A_DATE)
});
