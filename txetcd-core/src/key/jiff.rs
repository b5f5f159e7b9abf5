//! `jiff::Timestamp` as a [`Timestamp`], `jiff::civil::Date` as its days since 1970-01-01 in an `i32`.

use jiff::Span;
use jiff::civil::Date;

use super::KeyError;
use super::convert::{NOT_A_DATE, NOT_AN_INSTANT, same_key_as};
use crate::timestamp::Timestamp;

const EPOCH: Date = Date::constant(1970, 1, 1);

same_key_as!(
    jiff::Timestamp,
    Timestamp,
    |time: &jiff::Timestamp| {
        let nanos = i64::try_from(time.as_nanosecond()).map_err(|_| NOT_AN_INSTANT)?;
        Ok::<_, KeyError>(Timestamp::from_nanos(nanos))
    },
    |time: Timestamp| jiff::Timestamp::from_nanosecond(time.as_nanos().into()).map_err(|_| NOT_AN_INSTANT)
);

same_key_as!(
    Date,
    i32,
    |date: &Date| date.since(EPOCH).map(|span| span.get_days()).map_err(|_| NOT_A_DATE),
    |days: i32| {
        let span = Span::new().try_days(days).map_err(|_| NOT_A_DATE)?;
        EPOCH.checked_add(span).map_err(|_| NOT_A_DATE)
    }
);
