//! What `#[derive(Persist)]` generates, without a database: the constants, the key, and the way of a row into
//! stored bytes and back.

// The derive must not make a user's program warn, whatever that user warns about.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications)]
#![deny(single_use_lifetimes, unnameable_types, unused_lifetimes)]

use std::collections::{BTreeMap, HashSet};
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use txetcd::codec::{Cbor, Codec, CodecError, Compression, Json};
use txetcd::{Field, Key, Keyed, Persist, Place, Table, Uuid};

/// What is stored for a row.
fn stored<T: Persist>(row: &T) -> Vec<u8> {
    let mut out = Vec::new();
    T::Codec::encode(row, &mut out).expect("a row that can be stored");
    out
}

/// The JSON that is stored for a row.
fn json<T: Persist>(row: &T) -> String {
    String::from_utf8(stored(row)).expect("text")
}

/// The row for what was stored.
fn load<T: Persist>(bytes: impl AsRef<[u8]>) -> T {
    T::Codec::decode(bytes.as_ref()).expect("a stored row")
}

/// Whether there is no row in these bytes.
fn is_refused<T: Persist>(bytes: impl AsRef<[u8]>) -> bool {
    T::Codec::decode(bytes.as_ref()).is_err()
}

/// The row after a way to etcd and back.
fn again<T: Persist>(row: &T) -> T {
    load(stored(row))
}

#[derive(Persist, Debug, PartialEq)]
#[pmap(slot = 1)]
struct User {
    #[pmap(key)]
    oid: Uuid,
    email: String,
    name: Option<String>,
    tags: Vec<String>,
    #[pmap(default)]
    friendly: bool,
}

fn user() -> User {
    User {
        oid: Uuid::from_u128(7),
        email: "a@example.com".into(),
        name: Some("A".into()),
        tags: vec!["x".into(), "y".into()],
        friendly: true,
    }
}

#[test]
fn a_row_comes_back() {
    assert_eq!(again(&user()), user());
}

#[test]
fn the_declaration_is_constants() {
    assert_eq!(User::PLACE, Place::Slot(1));
    assert_eq!(User::NAME, "User");
    assert_eq!(User::COMPRESSION, Compression::None);
    assert_eq!(user().key(), &Uuid::from_u128(7));
    let fields: Vec<(&str, bool)> = User::FIELDS.iter().map(|field| (field.name, field.optional)).collect();
    let expected = [("oid", false), ("email", false), ("name", true), ("tags", false), ("friendly", true)];
    assert_eq!(fields, expected);

    #[derive(Persist)]
    #[pmap(oid = "6ba7b810-9dad-41d1-80b4-00c04fd430c8", key = u32)]
    struct Allocated {
        #[pmap(rename = "text", alias = "words", alias = "txt")]
        body: String,
        #[pmap(skip)]
        _seen: bool,
    }
    assert_eq!(Allocated::PLACE, Place::Catalogue(Uuid::from_u128(0x6ba7b810_9dad_41d1_80b4_00c04fd430c8)));
    assert_eq!(Allocated::FIELDS, [Field { name: "text", aliases: &["words", "txt"], optional: false }]);

    #[derive(Persist)]
    #[pmap(slot = 65534, key = String, codec = Json, compress = zlib, name = "all events")]
    struct Event {
        _what: String,
    }
    assert_eq!(Event::PLACE, Place::Slot(65534));
    assert_eq!(Event::NAME, "all events");
    assert_eq!(Event::COMPRESSION, Compression::Zlib);
}

#[test]
fn the_table_is_a_constant() {
    const USERS: Table<User> = User::table();
    let _: Table<User> = USERS;
}

#[test]
fn cbor_is_the_default() {
    fn same<T: Persist<Codec = Cbor>>() {}
    same::<User>();
}

#[test]
fn names_on_the_wire_and_their_order() {
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64, codec = Json)]
    struct Row {
        zebra: u8,
        #[pmap(rename = "e-mail", alias = "email", alias = "mail")]
        address: String,
        apple: bool,
    }
    let row = Row { zebra: 1, address: "a".into(), apple: true };
    assert_eq!(json(&row), r#"{"zebra":1,"e-mail":"a","apple":true}"#);
    for name in ["e-mail", "email", "mail"] {
        assert_eq!(load::<Row>(format!(r#"{{"zebra":1,"{name}":"a","apple":true}}"#)), row);
    }
    assert!(is_refused::<Row>(r#"{"zebra":1,"address":"a","apple":true}"#));
}

#[test]
fn absent_fields() {
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64, codec = Json)]
    struct Row {
        name: String,
        #[pmap(default)]
        count: u32,
        #[pmap(default = Self::some_tags)]
        tags: Vec<String>,
        nothing: Option<u8>,
    }
    impl Row {
        fn some_tags() -> Vec<String> {
            vec!["new".into()]
        }
    }
    let row = Row { name: "a".into(), count: 0, tags: vec!["new".into()], nothing: None };
    assert_eq!(load::<Row>(r#"{"name":"a"}"#), row);
    assert_eq!(load::<Row>(r#"{"name":"a","of_a_newer_program":[1]}"#), row);
    assert!(is_refused::<Row>("{}"));
}

#[test]
fn skipped_fields_are_not_stored() {
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64, codec = Json)]
    struct Row {
        name: String,
        #[pmap(skip)]
        cache: NotSerde,
        #[pmap(skip, default = one)]
        version: u8,
    }
    #[derive(Debug, Default, PartialEq)]
    struct NotSerde(u8);
    fn one() -> u8 {
        1
    }
    let row = Row { name: "a".into(), cache: NotSerde(5), version: 9 };
    assert_eq!(json(&row), r#"{"name":"a"}"#);
    assert_eq!(again(&row), Row { name: "a".into(), cache: NotSerde(0), version: 1 });
}

/// Marshals a type of another crate that has no serde.
mod level {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Debug, PartialEq)]
    pub(crate) enum Level {
        Low,
        High,
    }

    pub(crate) fn serialize<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match level {
            Level::Low => 0,
            Level::High => 1,
        })
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
        match u8::deserialize(deserializer)? {
            0 => Ok(Level::Low),
            1 => Ok(Level::High),
            _ => Err(D::Error::custom("expected 0 or 1")),
        }
    }
}

#[test]
fn a_module_marshals_a_field() {
    const fn high() -> level::Level {
        level::Level::High
    }
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64, codec = Json)]
    struct Row {
        #[pmap(with = level)]
        one: level::Level,
        #[pmap(with = self::level, rename = "2", default = high)]
        two: level::Level,
    }
    let row = Row { one: level::Level::High, two: level::Level::Low };
    assert_eq!(json(&row), r#"{"one":1,"2":0}"#);
    assert_eq!(again(&row), row);
    assert_eq!(load::<Row>(r#"{"one":0}"#).two, level::Level::High);
}

#[test]
fn the_users_own_serde_is_left_alone() {
    #[derive(Persist, Serialize, Deserialize, Debug, PartialEq)]
    #[pmap(slot = 1, codec = Json)]
    #[serde(rename_all = "SCREAMING-KEBAB-CASE", deny_unknown_fields)]
    struct Row {
        #[pmap(key)]
        row_id: u64,
        #[serde(skip_serializing)]
        secret: String,
    }
    let row = Row { row_id: 1, secret: "s".into() };
    assert_eq!(json(&row), r#"{"row_id":1,"secret":"s"}"#);
    assert_eq!(again(&row), row);
    let mut own = Vec::new();
    <Json as Codec<Row>>::encode(&row, &mut own).expect("the user's own form");
    assert_eq!(own, br#"{"ROW-ID":1}"#);
}

#[test]
fn nested_types_use_their_serde() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Address {
        street: String,
        #[serde(rename = "no")]
        number: u16,
    }
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    #[serde(tag = "kind")]
    enum Contact {
        Mail { address: String },
        None,
    }
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64, codec = Json)]
    struct Row {
        addresses: BTreeMap<String, Vec<Address>>,
        contact: Option<Box<Contact>>,
        tuple: (u8, Contact),
        set: HashSet<u8>,
    }
    let address = Address { street: "s".into(), number: 4 };
    let row = Row {
        addresses: BTreeMap::from([("home".into(), vec![address])]),
        contact: Some(Box::new(Contact::Mail { address: "m".into() })),
        tuple: (1, Contact::None),
        set: HashSet::from([3]),
    };
    assert_eq!(
        json(&row),
        r#"{"addresses":{"home":[{"street":"s","no":4}]},"contact":{"kind":"Mail","address":"m"},"tuple":[1,{"kind":"None"}],"set":[3]}"#
    );
    assert_eq!(again(&row), row);
}

#[test]
fn a_type_that_contains_itself() {
    #[derive(Persist, Serialize, Deserialize, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64)]
    struct Node {
        name: String,
        children: Vec<Self>,
        parent: Option<Box<Node>>,
    }
    let leaf = Node { name: "leaf".into(), children: vec![], parent: None };
    let root = Node { name: "root".into(), children: vec![leaf], parent: None };
    assert_eq!(again(&root), root);
}

#[test]
fn tuple_newtype_and_unit_structs() {
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, codec = Json)]
    struct Pair(#[pmap(key)] u64, String, #[pmap(default)] bool);
    assert_eq!(json(&Pair(1, "a".into(), true)), r#"[1,"a",true]"#);
    assert_eq!(again(&Pair(1, "a".into(), true)), Pair(1, "a".into(), true));
    assert_eq!(load::<Pair>(r#"[1,"a"]"#), Pair(1, "a".into(), false));
    assert_eq!(Pair(1, "a".into(), true).key(), &1);

    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 2, key = u64, codec = Json)]
    struct Text(String);
    assert_eq!(json(&Text("a".into())), r#""a""#);
    assert_eq!(again(&Text("a".into())), Text("a".into()));

    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 3, key = u64, codec = Json)]
    struct Marker;
    assert_eq!(json(&Marker), "null");
    assert_eq!(again(&Marker), Marker);

    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 4, key = u64, codec = Json)]
    struct Empty {}
    assert_eq!(json(&Empty {}), "{}");
    assert_eq!(again(&Empty {}), Empty {});
}

#[test]
fn enums() {
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = String, codec = Json)]
    enum Shape {
        Nothing,
        Circle(f64),
        Line(f64, f64),
        #[pmap(rename = "rect", alias = "Rectangle")]
        Rect {
            width: f64,
            #[pmap(rename = "h", default)]
            height: f64,
            #[pmap(skip)]
            cache: Option<u8>,
        },
    }
    for (shape, text) in [
        (Shape::Nothing, r#""Nothing""#),
        (Shape::Circle(1.5), r#"{"Circle":1.5}"#),
        (Shape::Line(1.0, 2.0), r#"{"Line":[1.0,2.0]}"#),
        (Shape::Rect { width: 1.0, height: 2.0, cache: None }, r#"{"rect":{"width":1.0,"h":2.0}}"#),
    ] {
        assert_eq!(json(&shape), text);
        assert_eq!(again(&shape), shape);
    }
    assert_eq!(
        load::<Shape>(r#"{"Rectangle":{"width":3.0}}"#),
        Shape::Rect { width: 3.0, height: 0.0, cache: None }
    );
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 2, key = u64, codec = Json)]
    enum Code {
        A = 1,
        B = 7,
    }
    assert_eq!(json(&Code::A), r#""A""#);
    assert_eq!(again(&Code::B), Code::B);
}

#[test]
#[allow(non_camel_case_types)]
fn raw_identifiers() {
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, codec = Json)]
    struct r#match {
        #[pmap(key)]
        r#type: u64,
        r#fn: Option<String>,
    }
    let row = r#match { r#type: 1, r#fn: Some("f".into()) };
    assert_eq!(r#match::NAME, "match");
    assert_eq!(json(&row), r#"{"type":1,"fn":"f"}"#);
    assert_eq!(again(&row), row);
    assert_eq!(row.key(), &1);
    let _ = r#match::table();

    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64, codec = Json)]
    enum r#enum {
        r#If,
        r#Box { r#struct: u8 },
    }
    assert_eq!(json(&r#enum::r#If), r#""If""#);
    assert_eq!(again(&r#enum::Box { r#struct: 1 }), r#enum::Box { r#struct: 1 });
}

#[test]
fn generics() {
    /// A row around any value.
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, codec = Json)]
    struct Versioned<T, K: Key = u64, const N: usize = 2>
    where
        T: Clone,
    {
        #[pmap(key)]
        id: K,
        value: Vec<T>,
        #[pmap(skip)]
        cache: Option<T>,
        #[pmap(default = Self::newest)]
        newest: Option<T>,
        counts: (u8, PhantomData<[(); N]>),
    }
    impl<T: Clone, K: Key, const N: usize> Versioned<T, K, N> {
        const fn newest() -> Option<T> {
            None
        }
    }
    let row: Versioned<String, Uuid, 3> = Versioned {
        id: Uuid::from_u128(1),
        value: vec!["a".into()],
        cache: None,
        newest: Some("b".into()),
        counts: (1, PhantomData),
    };
    assert_eq!(again(&row), row);
    assert_eq!(row.key(), &Uuid::from_u128(1));
    let _ = Versioned::<u8>::table();
    let loaded: Versioned<u8> = load(r#"{"id":1,"value":[2],"counts":[1,null]}"#);
    assert_eq!(
        loaded,
        Versioned { id: 1, value: vec![2], cache: None, newest: None, counts: (1, PhantomData) }
    );
}

#[test]
fn generics_with_associated_types() {
    /// Something measured.
    trait Measure: 'static {
        type Value;
    }
    #[derive(Debug, PartialEq)]
    struct Metre;
    impl Measure for Metre {
        type Value = f64;
    }
    #[derive(Persist)]
    #[pmap(slot = 1, key = u64, codec = Json)]
    struct Reading<M: Measure> {
        value: M::Value,
        all: Vec<<M as Measure>::Value>,
        what: PhantomData<fn() -> M>,
    }
    // `Metre` itself is not serde, and need not be.
    let row = Reading::<Metre> { value: 1.5, all: vec![2.5], what: PhantomData };
    assert_eq!(json(&row), r#"{"value":1.5,"all":[2.5],"what":null}"#);
    assert!((again(&row).value - 1.5).abs() < f64::EPSILON);
}

#[test]
fn generic_code_over_rows() {
    fn copy<T: Persist + Keyed>(row: &T) -> T
    where
        T::Key: PartialEq + std::fmt::Debug,
    {
        let copy = again(row);
        assert_eq!(copy.key(), row.key());
        copy
    }
    assert_eq!(copy(&user()), user());

    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64)]
    struct Wrapper<T> {
        value: T,
    }
    fn wrap<T: Serialize + serde::de::DeserializeOwned + Send + Sync + 'static>(value: T) -> T {
        let row = Wrapper { value };
        let _ = Wrapper::<T>::table();
        again(&row).value
    }
    assert_eq!(wrap(vec![1_u8]), [1]);
}

#[test]
fn a_codec_that_knows_nothing_of_serde() {
    /// Stores one row type, by hand.
    struct ByHand;
    #[derive(Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64, codec = ByHand)]
    struct Row {
        byte: u8,
    }
    impl<M> Codec<Row, M> for ByHand {
        const NAME: &'static str = "by hand";

        fn encode(row: &Row, out: &mut Vec<u8>) -> Result<(), CodecError> {
            out.push(row.byte);
            Ok(())
        }

        fn decode(bytes: &[u8]) -> Result<Row, CodecError> {
            match bytes {
                [byte] => Ok(Row { byte: *byte }),
                _ => Err(CodecError::new("expected one byte")),
            }
        }
    }
    assert_eq!(stored(&Row { byte: 7 }), [7]);
    assert_eq!(again(&Row { byte: 7 }), Row { byte: 7 });
}

/// A program that took all the good names.
mod hostile {
    #![allow(dead_code, missing_docs, non_camel_case_types, non_snake_case)]

    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct String;
    pub(crate) struct Vec;
    pub(crate) struct Box;
    pub(crate) struct u16;
    pub(crate) struct Table;
    pub(crate) struct Cbor;
    pub(crate) trait Sized {}
    pub(crate) trait Send {}
    pub(crate) trait Sync {}
    pub(crate) trait Default {}
    pub(crate) trait Serialize {}
    pub(crate) trait Deserialize {}
    pub(crate) trait Persist {}
    pub(crate) trait Keyed {}
    pub(crate) fn Some() {}
    pub(crate) fn None() {}
    pub(crate) fn Ok() {}
    pub(crate) fn Err() {}
    pub(crate) mod core {}
    pub(crate) mod std {}
    pub(crate) mod serde {}
    pub(crate) mod txetcd {}
    pub(crate) mod txetcd_core {}

    #[derive(::txetcd::Persist, Debug, PartialEq)]
    #[pmap(slot = 1)]
    pub(crate) struct Row<T> {
        #[pmap(key)]
        pub(crate) id: u64,
        pub(crate) value: ::std::option::Option<T>,
        #[pmap(default)]
        pub(crate) text: ::std::string::String,
    }

    #[derive(::txetcd::Persist, Debug, PartialEq)]
    #[pmap(slot = 2, key = u64)]
    pub(crate) enum Choice {
        One(u8),
        Two { two: u8 },
    }
}

#[test]
fn shadowed_names_do_no_harm() {
    let row = hostile::Row { id: 1, value: Some(2_u8), text: "t".into() };
    assert_eq!(again(&row), row);
    assert_eq!(again(&hostile::Choice::One(1)), hostile::Choice::One(1));
    assert_eq!(again(&hostile::Choice::Two { two: 1 }), hostile::Choice::Two { two: 1 });
}

/// A program that sees the crate under another name.
mod renamed {
    pub(crate) mod vendored {
        pub(crate) use txetcd as other;
    }
    use vendored::other;

    #[derive(other::Persist, Debug, PartialEq)]
    #[pmap(slot = 1, crate = "other")]
    pub(crate) struct Near {
        #[pmap(key)]
        pub(crate) id: u64,
    }

    #[derive(other::Persist, Debug, PartialEq)]
    #[pmap(slot = 1, key = u64, crate = "crate::renamed::vendored::other")]
    pub(crate) enum Far {
        Away(u8),
    }
}

#[test]
fn the_crate_may_have_another_name() {
    assert_eq!(again(&renamed::Near { id: 1 }).key(), &1);
    assert_eq!(again(&renamed::Far::Away(2)), renamed::Far::Away(2));
}

/// Rows that a macro declares.
mod by_macro {
    pub(crate) type Id = u64;

    pub(crate) const fn first() -> Id {
        1
    }

    pub(crate) mod id {
        use serde::{Deserialize, Serialize};

        use super::Id;

        pub(crate) fn serialize<S: serde::Serializer>(id: &Id, serializer: S) -> Result<S::Ok, S::Error> {
            id.serialize(serializer)
        }

        pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
            Id::deserialize(deserializer)
        }
    }

    macro_rules! row {
        ($name:ident, $slot:literal, $key:ty { $($field:ident: $ty:ty = $default:path),* }) => {
            #[derive(txetcd::Persist, Debug, PartialEq)]
            #[pmap(slot = $slot)]
            pub(crate) struct $name {
                #[pmap(key)]
                pub(crate) key: $key,
                $(#[pmap(default = $default)] pub(crate) $field: $ty,)*
                #[pmap(default = $crate::by_macro::first, with = $crate::by_macro::id)]
                pub(crate) own: $crate::by_macro::Id,
            }
        };
    }

    row!(Row, 4, (String, Id) { list: Vec<Option<Id>> = Vec::new });
}

#[test]
fn a_macro_may_declare_rows() {
    let row = by_macro::Row { key: ("a".into(), 2), list: vec![None, Some(1)], own: 3 };
    assert_eq!(again(&row), row);
    assert_eq!(by_macro::Row::PLACE, Place::Slot(4));
}

/// Rows for other programs, in the most pedantic of libraries.
pub mod library {
    #![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::cargo)]
    #![deny(clippy::absolute_paths, clippy::missing_inline_in_public_items, clippy::std_instead_of_core)]
    #![deny(clippy::shadow_unrelated, clippy::allow_attributes, clippy::missing_docs_in_private_items)]

    use txetcd::Persist;

    /// A public row with private fields.
    #[derive(Persist, Clone, Debug, PartialEq, Eq)]
    #[pmap(slot = 1)]
    pub struct Account {
        /// Its number.
        #[pmap(key)]
        id: u64,
        /// What is on it.
        #[pmap(default = zero)]
        pub balance: i64,
    }

    /// A balance that was not stored.
    const fn zero() -> i64 {
        0
    }

    impl Account {
        /// An empty account.
        #[must_use]
        #[inline]
        pub const fn new(id: u64) -> Self {
            Self { id, balance: zero() }
        }
    }

    /// A public row of any type.
    #[derive(Persist, Clone, Debug, PartialEq, Eq)]
    #[pmap(slot = 2, key = u64)]
    #[non_exhaustive]
    pub enum Event<T> {
        /// It happened.
        Happened(T),
        /// It did not.
        Cancelled {
            /// Why not.
            reason: Option<T>,
        },
    }
}

#[test]
fn private_fields_stay_private() {
    assert_eq!(again(&library::Account::new(3)), library::Account::new(3));
}

#[test]
fn deprecated_parts_do_not_warn() {
    #[derive(Persist)]
    #[pmap(slot = 1, key = u64, codec = Json)]
    #[allow(dead_code)]
    struct Row {
        #[deprecated]
        #[pmap(default)]
        old: u8,
    }
    let row: Row = load("{}");
    assert_eq!(json(&row), r#"{"old":0}"#);
}

#[test]
fn doc_comments_and_other_attributes_are_ignored() {
    /// A row.
    #[derive(Persist, Debug, Default, PartialEq)]
    #[pmap(slot = 1)]
    #[pmap(key = u64)]
    #[pmap(codec = Json,)]
    #[non_exhaustive]
    #[repr(C)]
    struct Row {
        /// A field.
        #[cfg_attr(test, pmap(default))]
        here: u8,
        #[cfg(not(test))]
        absent: Missing,
    }
    assert_eq!(json(&Row { here: 1 }), r#"{"here":1}"#);
    assert_eq!(load::<Row>("{}"), Row { here: 0 });
}
