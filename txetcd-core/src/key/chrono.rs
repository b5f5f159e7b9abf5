//! `chrono::DateTime<Utc>` as a [`Timestamp`], `chrono::NaiveDate` as its days since 1970-01-01 in an `i32`.

use chrono::{DateTime, NaiveDate, Utc};

use super::KeyError;
use super::convert::{NOT_A_DATE, NOT_AN_INSTANT, same_key_as};
use crate::timestamp::Timestamp;

/// 1970-01-01, counted from the first day of the year 1 as day 1.
const EPOCH: i32 = 719_163;

same_key_as!(DateTime<Utc>, Timestamp, to_timestamp, |time: Timestamp| Ok::<_, KeyError>(
    DateTime::from_timestamp_nanos(time.as_nanos())
));

same_key_as!(
    NaiveDate,
    i32,
    |date: &NaiveDate| Ok::<_, KeyError>(chrono::Datelike::num_days_from_ce(date) - EPOCH),
    |days: i32| {
        let days = days.checked_add(EPOCH).ok_or(NOT_A_DATE)?;
        NaiveDate::from_num_days_from_ce_opt(days).ok_or(NOT_A_DATE)
    }
);

/// A leap second would have the bytes of the second after it.
fn to_timestamp(time: &DateTime<Utc>) -> Result<Timestamp, KeyError> {
    let nanos = time.timestamp_nanos_opt().filter(|_| time.timestamp_subsec_nanos() < 1_000_000_000);
    nanos.map(Timestamp::from_nanos).ok_or(NOT_AN_INSTANT)
}
