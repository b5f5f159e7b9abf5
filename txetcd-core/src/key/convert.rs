//! The macro for types that are the same key as another type, and the count of days that dates are.

use super::KeyError;

/// Implements [`Key`](super::Key) for `$type` with the bytes of the key type `$as`. `$to` takes `&$type` and gives a
/// `$as`, `$from` is its inverse; both may fail with a [`KeyError`].
macro_rules! same_key_as {
    ($type:ty, $as:ty, $to:expr, $from:expr) => {
        impl $crate::key::Key for $type {
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), $crate::key::KeyError> {
                <$as as $crate::key::Key>::encode(&$to(self)?, out)
            }

            fn decode(bytes: &[u8]) -> Result<Self, $crate::key::KeyError> {
                $from(<$as as $crate::key::Key>::decode(bytes)?)
            }

            fn encode_part(&self, out: &mut Vec<u8>) -> Result<(), $crate::key::KeyError> {
                <$as as $crate::key::Key>::encode_part(&$to(self)?, out)
            }

            fn decode_part(bytes: &mut &[u8]) -> Result<Self, $crate::key::KeyError> {
                $from(<$as as $crate::key::Key>::decode_part(bytes)?)
            }

            fn size_hint(&self) -> usize {
                size_of::<$as>()
            }
        }
    };
}

pub(super) use same_key_as;

/// An instant that a [`Timestamp`](crate::Timestamp) cannot hold.
pub(super) const NOT_AN_INSTANT: KeyError = KeyError::expected("an instant of the years 1970 to 2262");

/// A count of days that the type of the date cannot hold.
pub(super) const NOT_A_DATE: KeyError = KeyError::expected("a date that the type can hold");
