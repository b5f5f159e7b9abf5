//! What `#[derive(Persist)]` says about a struct: its slot, its key, its codec.

use crate::codec::{Codec, Compression, Marshal};
use crate::key::Key;

/// A struct that is a row of a typed table. Implemented by `#[derive(Persist)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a row of a table",
    note = "add `#[derive(Persist)]` and `#[pmap(slot = ..., key = ...)]` to it"
)]
pub trait Persist: Sized + Send + Sync + 'static {
    /// The primary key.
    type Key: Key;
    /// How the struct becomes serde data; written by the derive.
    type Marshal: Marshal<Self>;
    /// The format of the stored value.
    type Codec: Codec<Self, Self::Marshal>;
    /// The table's number, `1..=65534`: the first two bytes of its etcd keys, big-endian.
    const SLOT: u16;
    /// The table's name in messages: the struct's, unless `#[pmap(name = "...")]` says otherwise.
    const NAME: &'static str;
    /// How values are compressed after encoding.
    const COMPRESSION: Compression;
}

/// A row that holds its own key in the field marked `#[pmap(key)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `#[pmap(key)]` field",
    note = "its key lives outside the struct: use `put_at(&txn, &key, &value)` or `insert_at`"
)]
pub trait Keyed: Persist {
    /// The row's primary key.
    fn key(&self) -> &Self::Key;
}
