//! `#[derive(Persist)]` and `#[derive(Key)]`, the derive macros of txetcd. Programs use them through the facade crate `txetcd`.
//!
//! Three steps: `schema` reads the user's tokens into a validated model and collects every mistake on the
//! way; `expand` turns the model into thin impls, one file for each; the compiler's type checker does the
//! rest, with assertions placed so that it points at the user's fields. Nothing here knows how a row is stored:
//! generated code names the library's traits and constants, and the library does the work.

mod expand;
mod schema;

use proc_macro::TokenStream;
use syn::DeriveInput;

use self::schema::Schema;
use self::schema::key::KeySchema;

/// Makes a struct or an enum a row of a typed table.
///
/// ```
/// use txetcd::{Persist, Table, Uuid};
///
/// #[derive(Persist)]
/// #[pmap(slot = 1)]
/// struct User {
///     #[pmap(key)]
///     oid: Uuid,
///     email: String,
///     #[pmap(default)]
///     friendly: bool,
/// }
///
/// const USERS: Table<User> = User::table();
/// ```
///
/// The derive implements `Persist`, and `Keyed` if there is a `#[pmap(key)]` field; `User::table()` is the
/// table. Fields can be of any type that serde can carry, without a borrowed lifetime. The struct itself needs
/// no `Serialize` or `Deserialize`; if it has them they are for other purposes and change nothing in what is
/// stored. A type inside a field does need them, so a struct that contains itself needs them too.
///
/// Structs with named fields, tuple structs and unit structs can be rows, and so can enums; their type and
/// const parameters too. All instances of a generic type are in one slot, so a database uses one of them.
///
/// # On the struct or enum
///
/// | attribute | meaning |
/// | --- | --- |
/// | `slot = 1` | the table's number, 1 to 65534; never another one once there are rows |
/// | `oid = "6ba7b810-..."` | instead of a slot: the table's id, for which `db.attach` finds or allocates a slot |
/// | `key = Type` | the type of the primary key; may be left out where a field is the key |
/// | `codec = Type` | the format of stored values; `Cbor` if left out |
/// | `compress = zlib` | compresses stored values: `zlib`, `snappy`, `zstd` or `lz4`, each a feature of the crate |
/// | `name = "users"` | the table's name in messages; the struct's if left out |
/// | `version = 2, from = UserV1` | rows that `UserV1` can read and this struct cannot are converted with `From<UserV1>`; written in the new form only, `db.migrate` rewrites the rest |
/// | `cached` | each process that uses the table keeps a copy of it and its indexes, which follows the store: see `DatabaseBuilder::cached` |
/// | `keep_unknown` | a row that is read and put again keeps the fields that this struct does not have, which a newer program stored; for `Cbor` and `Json` |
/// | `index(name = by_team_role, slot = 5, fields(team, role))` | an index of several fields; may be repeated, as the next one |
/// | `index(name = by_domain, slot = 6, key = String, with = User::domain)` | an index of what a function of a row returns |
/// | `crate = "path"` | where this program sees the crate `txetcd`, if not as `::txetcd` |
///
/// Without a key field the key lives outside the row, which is then stored with `put_at`:
///
/// ```
/// use txetcd::{Persist, codec::Cbor};
///
/// #[derive(Persist)]
/// #[pmap(slot = 2, key = (String, u64), codec = Cbor, compress = zlib, name = "measurements")]
/// enum Measurement {
///     Missing,
///     Single(f64),
///     Range { low: f64, high: f64 },
/// }
/// ```
///
/// A crate that re-exports `txetcd` under a name of its own:
///
/// ```
/// mod vendored {
///     pub use txetcd as storage;
/// }
///
/// #[derive(vendored::storage::Persist)]
/// #[pmap(slot = 3, key = u64, crate = "crate::vendored::storage")]
/// struct Counter(u64);
/// # fn main() {}
/// ```
///
/// # On fields
///
/// | attribute | meaning |
/// | --- | --- |
/// | `key` | this field is the primary key |
/// | `default` | where the field is absent in a stored row: `Default::default()` |
/// | `default = path` | the same: what this function without arguments returns |
/// | `rename = "name"` | the field's name in stored rows |
/// | `alias = "old_name"` | one more name under which the field is read; may be repeated |
/// | `skip` | the field is not stored, and is its default when a row is read |
/// | `with = module` | the functions `serialize` and `deserialize` of the module marshal the field, as in serde |
/// | `index(slot = 2)` | an index of this field; may be repeated |
/// | `references = User` | the field holds the key of a `User`, which must be there; needs an index |
/// | `on_delete = restrict` | what becomes of this row when that one is deleted: `restrict`, the default, refuses it, `cascade` deletes this one, too, `set_null` makes the field `None` |
///
/// `rename` and `alias` can also be on the variants of an enum. An absent `Option` is `None` without `default`;
/// stored fields that the struct does not have are ignored. Together these let a struct change while rows of
/// older shapes are in the table:
///
/// ```
/// use std::time::Duration;
/// use txetcd::Persist;
///
/// #[derive(Persist)]
/// #[pmap(slot = 4)]
/// struct Job {
///     #[pmap(key)]
///     id: u64,
///     #[pmap(rename = "e-mail", alias = "email", alias = "mail")]
///     owner: String,
///     #[pmap(default = three)]
///     attempts: u8,
///     #[pmap(with = seconds)]
///     timeout: Duration,
///     #[pmap(skip)]
///     waiting: usize,
/// }
///
/// fn three() -> u8 {
///     3
/// }
///
/// mod seconds {
///     use serde::{Deserialize, Deserializer, Serializer};
///     use std::time::Duration;
///
///     pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
///         serializer.serialize_u64(duration.as_secs())
///     }
///
///     pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
///         u64::deserialize(deserializer).map(Duration::from_secs)
///     }
/// }
/// # fn main() {}
/// ```
///
/// # Indexes
///
/// Each index has a slot of its own, and a function of the struct that gives it: `by_` and the field's name, or what
/// `name = ...` says. In `index(...)` can also be
///
/// | attribute | meaning |
/// | --- | --- |
/// | `unique` | a value has one row at most |
/// | `each` | an entry for each element of a collection, a `Vec` or a set for instance |
/// | `name = by_mail` | the name of the function |
///
/// A field of a type that is spelt `Option<T>` is an index of `T`, and a row without a value is not in it; so is a row of
/// which any field of a composite index is `None`. A function that is named by `with` takes a reference to the row and
/// returns the `key` type, a reference to it, or an `Option` of these; with `each` anything that can be iterated over.
/// It must always return the same for the same row.
///
/// ```
/// use txetcd::{Database, Persist};
///
/// #[derive(Persist, Clone)]
/// #[pmap(slot = 1)]
/// #[pmap(index(name = by_team_role, slot = 4, fields(team, role)))]
/// #[pmap(index(name = by_domain, slot = 5, key = String, with = User::domain))]
/// struct User {
///     #[pmap(key)]
///     id: u64,
///     #[pmap(index(slot = 2, unique))]
///     email: String,
///     #[pmap(index(slot = 3, each))]
///     tags: Vec<String>,
///     team: Option<String>,
///     role: u8,
///     #[pmap(references = User, on_delete = set_null, index(slot = 6))]
///     boss: Option<u64>,
/// }
///
/// impl User {
///     fn domain(&self) -> Option<&str> {
///         self.email.split_once('@').map(|(_, domain)| domain)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> txetcd::Result<()> {
/// let db = Database::connect("memory:").await?;
/// let joe = User { id: 1, email: "joe@example.org".into(), tags: vec!["admin".into()], team: None, role: 3, boss: None };
/// db.write(async |txn| User::table().insert(txn, &joe)).await?;
///
/// // The same email once more is refused, by whichever process.
/// let error: txetcd::Error =
///     db.write(async |txn| User::table().insert(txn, &User { id: 2, ..joe.clone() })).await.unwrap_err();
/// assert!(error.is_unique_violation());
///
/// db.read(async |txn| {
///     assert_eq!(User::by_email().get(txn, "joe@example.org").await?.map(|user| user.id), Some(1));
///     assert_eq!(User::by_tags().get_all(txn, "admin").await?.len(), 1);
///     assert_eq!(User::by_domain().prefix(txn, "example.").keys().await?, [1]);
///     assert_eq!(User::by_team_role().count(txn).await?, 0);
///     Ok::<_, txetcd::Error>(())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
#[proc_macro_derive(Persist, attributes(pmap))]
pub fn persist(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    match Schema::parse(&input) {
        Ok(schema) => expand::persist(&schema),
        Err(mistakes) => mistakes.into_compile_error(),
    }
    .into()
}

/// Makes a struct or an enum without data the key of tables.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use txetcd::{Key, Persist};
///
/// #[derive(Key, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
/// struct Place {
///     country: Country,
///     city: String,
///     number: u32,
/// }
///
/// #[derive(Key, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
/// enum Country {
///     Austria,
///     Bhutan,
/// }
///
/// #[derive(Persist)]
/// #[pmap(slot = 5)]
/// struct House {
///     #[pmap(key)]
///     at: Place,
///     floors: u8,
/// }
/// ```
///
/// Serde is needed here because the key is also a field of the stored row. The key's own bytes are made without it.
///
/// A struct has the bytes of a tuple of its fields, in the order of declaration; a struct of one field those of
/// the field. Each field must be a key. Their names are not stored. The first fields are prefixes of the key, one by
/// itself, several as a tuple: `houses.prefix(txn, (Country::Bhutan, "Paro"))`.
///
/// An enum is one byte, the place of the variant: 0 for the first, whatever its `#[repr]`. It has at most 256
/// variants, without fields and without `= number`. **The bytes are those of the order of declaration**: a new variant
/// goes to the end, and one that moves or goes away changes what stored keys mean.
///
/// Both sort as `#[derive(PartialOrd, Ord)]` has it, and need `Clone`. Type and const parameters can be used; all
/// bytes are those of the types that take their place. `#[pmap(crate = "path")]` says where this program sees the
/// crate `txetcd`, if not as `::txetcd`.
#[proc_macro_derive(Key, attributes(pmap))]
pub fn key(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    match KeySchema::parse(&input) {
        Ok(schema) => expand::key::expand(&schema),
        Err(mistakes) => mistakes.into_compile_error(),
    }
    .into()
}
