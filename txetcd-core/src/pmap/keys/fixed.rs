//! Elements of keys whose bytes do not sort as their values do.

use crate::key::KeyError;
use crate::key::read::fixed_size_key;
use crate::timestamp::Timestamp;

macro_rules! element {
    ($(#[$doc:meta])* $name:ident, $value:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub $value);

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $value {
            fn from(element: $name) -> Self {
                element.0
            }
        }
    };
}

element! {
    /// A timestamp as `i64` nanoseconds since 1970, big-endian, as most of Python's maps have it
    /// (`_TimestampKeysMixin`). Unlike a [`Timestamp`] as a key it can be before 1970, and then sorts last.
    AnyTimestamp, Timestamp
}

element! {
    /// A timestamp as `i64` nanoseconds since 1970, little-endian, behind an oid (`_OidTimestampKeysMixin`). Sorts by
    /// its lowest byte first.
    TimestampLe, Timestamp
}

element! {
    /// An integer of 16 bits, little-endian (`_Uint16UuidTimestampKeysMixin`). Sorts by its lower byte first.
    ///
    /// Python writes it in the order of its machine, which is little-endian on all that are common.
    U16Le, u16
}

fixed_size_key!(
    AnyTimestamp,
    "8 bytes of a timestamp",
    |v: &AnyTimestamp| Ok::<_, KeyError>(v.0.as_nanos().to_be_bytes()),
    |b| Ok(AnyTimestamp(Timestamp::from_nanos(i64::from_be_bytes(b))))
);

fixed_size_key!(
    TimestampLe,
    "8 bytes of a timestamp",
    |v: &TimestampLe| Ok::<_, KeyError>(v.0.as_nanos().to_le_bytes()),
    |b| Ok(TimestampLe(Timestamp::from_nanos(i64::from_le_bytes(b))))
);

fixed_size_key!(U16Le, "2 bytes of a u16", |v: &U16Le| Ok::<_, KeyError>(v.0.to_le_bytes()), |b| Ok(U16Le(
    u16::from_le_bytes(b)
)));
