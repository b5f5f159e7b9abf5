//! [`Timestamp`]: an instant in nanoseconds since 1970, as the Python library's `numpy.datetime64[ns]`.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::key::KeyError;
use crate::key::read::fixed_size_key;

mod rfc3339;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// An instant in UTC, counted in nanoseconds since 1970-01-01T00:00:00Z; the years 1677 to 2262 fit.
///
/// As a key it is the count as an `i64`, big-endian (`zlmdb`'s `_TimestampKeysMixin`). In that form an instant
/// before 1970 would sort after all others, so it is refused as a key. In serde's data model it is the count as
/// an integer; RFC 3339 text is read too. [`Display`](fmt::Display) and [`FromStr`](std::str::FromStr) are
/// RFC 3339.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of 1970.
    pub const UNIX_EPOCH: Timestamp = Timestamp(0);
    /// The earliest instant, in the year 1677.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest instant, in the year 2262.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// The instant that the system's clock shows.
    ///
    /// A clock that shows a year after 2262 or before 1677 is taken to show the nearest instant that fits.
    pub fn now() -> Self {
        let now = SystemTime::now();
        Self::try_from(now).unwrap_or(if now < UNIX_EPOCH { Self::MIN } else { Self::MAX })
    }

    /// The instant this many nanoseconds after the start of 1970, or before it if negative.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The nanoseconds since the start of 1970.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
}

fixed_size_key!(
    Timestamp,
    "8 bytes of a timestamp",
    |v: &Timestamp| if v.0 < 0 { Err(NOT_BEFORE_1970) } else { Ok(v.0.to_be_bytes()) },
    |b| match i64::from_be_bytes(b) {
        nanos if nanos < 0 => Err(NOT_BEFORE_1970),
        nanos => Ok(Timestamp(nanos)),
    }
);

const NOT_BEFORE_1970: KeyError =
    KeyError::expected("an instant not before 1970: it would sort last as a key");

impl TryFrom<SystemTime> for Timestamp {
    type Error = TimestampError;

    fn try_from(time: SystemTime) -> Result<Self, TimestampError> {
        let nanos = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).ok(),
            // Not by negating an i64: the earliest instant has no positive counterpart.
            Err(before) => {
                i128::try_from(before.duration().as_nanos()).ok().and_then(|nanos| i64::try_from(-nanos).ok())
            }
        };
        nanos.map(Self).ok_or(TimestampError::OUT_OF_RANGE)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(timestamp: Timestamp) -> Self {
        let distance = Duration::from_nanos(timestamp.0.unsigned_abs());
        if timestamp.0 < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(TimestampVisitor)
    }
}

struct TimestampVisitor;

impl de::Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nanoseconds since 1970, or RFC 3339 text")
    }

    fn visit_i64<E: de::Error>(self, nanos: i64) -> Result<Timestamp, E> {
        Ok(Timestamp(nanos))
    }

    fn visit_u64<E: de::Error>(self, nanos: u64) -> Result<Timestamp, E> {
        let refused = |_| E::invalid_value(de::Unexpected::Unsigned(nanos), &self);
        i64::try_from(nanos).map(Timestamp).map_err(refused)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// Why something is not a [`Timestamp`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampError(&'static str);

impl TimestampError {
    const OUT_OF_RANGE: Self = Self("the instant is not within the years 1677 to 2262");
    const NOT_RFC_3339: Self = Self("expected RFC 3339, for instance 2024-02-29T12:34:56.789Z");
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for TimestampError {}
