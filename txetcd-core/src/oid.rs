//! [`Oid`]: the integer object identifier of the Python library.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::key::read::fixed_size_key;

/// An object identifier: an integer as a key, 8 bytes big-endian.
///
/// Python uses `0..=2^53` only, the integers that JavaScript holds exactly; [`Oid::random`] stays within.
/// The format is `zlmdb`'s (`_OidKeysMixin`). In serde's data model it is an integer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Oid(u64);

impl Oid {
    /// The greatest identifier that Python uses, 2^53.
    pub const MAX_PYTHON: Oid = Oid(1 << 53);

    /// The identifier with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// A random identifier below 2^53, from the operating system's generator: processes that draw at the same
    /// time draw different ones.
    pub fn random() -> Self {
        // The low 62 bits of a version 4 uuid are random.
        let (_, low) = Uuid::new_v4().as_u64_pair();
        Self(low & (Self::MAX_PYTHON.0 - 1))
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

fixed_size_key!(Oid, "8 bytes of an oid", |v: &Oid| Ok(v.0.to_be_bytes()), |b| Ok(Oid(u64::from_be_bytes(
    b
))));

impl From<u64> for Oid {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Oid> for u64 {
    fn from(oid: Oid) -> Self {
        oid.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Oid {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}
