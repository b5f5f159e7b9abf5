//! `Uuid`: its 16 bytes in the order of RFC 9562, as Python's `UUID.bytes`.

use uuid::Uuid;

use super::read::fixed_size_key;

fixed_size_key!(Uuid, "16 bytes of a uuid", |v: &Uuid| Ok(v.into_bytes()), |b| Ok(Uuid::from_bytes(b)));
