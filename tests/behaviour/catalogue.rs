//! The catalogue: slots that are allocated, declarations that are compared.

use crate::store::{Store, User, user};
use txetcd::codec::{Cbor, Json, UuidValue};
use txetcd::{Database, Error, KeySet, Oid, Persist, TableInfo, Uuid};

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(oid = "a0000000-0000-4000-8000-00000000000a", key = u32)]
struct Parcel {
    content: String,
}

#[derive(Persist)]
#[pmap(oid = "a0000000-0000-4000-8000-00000000000b", key = u32)]
struct Crate {
    size: u32,
}

async fn tables(db: &Database) -> Vec<(u16, String)> {
    db.tables().await.unwrap().into_iter().map(|table| (table.slot, table.name)).collect()
}

pub(crate) fn catalogue_key(slot: u16) -> Vec<u8> {
    [[0, 0], slot.to_be_bytes()].concat()
}

/// A row of the catalogue as Python writes it: slot 1, `Users`, the id `...0001`.
const PYTHON: &[u8] =
    b"\xa5\x63oid\x78\x24a0000000-0000-4000-8000-000000000001\x64name\x65Users\x6bdescription\x6c\
    Users table.\x67creator\x67unknown\x64slot\x01";

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

async fn attach_two<A: Persist, B: Persist>(store: &Store) -> (Result<(), Error>, TableInfo) {
    let db = store.builder().namespace(format!("{}/", Uuid::new_v4())).connect().await.unwrap();
    db.attach::<A>().await.unwrap();
    let attached = db.attach::<B>().await.map(drop);
    (attached, db.tables().await.unwrap().remove(0))
}

stores! {
    async fn a_table_gets_a_slot_and_keeps_it(store) {
        let db = store.connect().await;
        let parcels = Parcel::table();
        let parcel = Parcel { content: "tea".to_owned() };
        let error = db.write(async |txn| parcels.put_at(txn, &1, &parcel)).await.unwrap_err();
        assert!(error.is_invalid_argument() && error.to_string().contains("db.attach::<Parcel>()"), "{error}");
        let error = db.read(async |txn| parcels.all(txn).collect().await).await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");

        let parcels = db.attach::<Parcel>().await.unwrap();
        db.write(async |txn| parcels.put_at(txn, &1, &parcel)).await.unwrap();
        db.attach::<Parcel>().await.unwrap();
        let row = db.client().get([0_u8, 0, 0, 1].as_slice()).await.unwrap().into_kvs().remove(0);
        assert_eq!(row.version(), 1, "nothing to enter the second time");
        assert_eq!(tables(&db).await, [(1, "Parcel".to_owned())]);

        let other = store.connect().await;
        let parcels = other.attach::<Parcel>().await.unwrap();
        assert_eq!(other.read(async |txn| parcels.get(txn, &1).await).await.unwrap(), Some(parcel));
    }

    async fn processes_that_attach_at_once_agree(store) {
        for _ in 0..4 {
            let namespace = format!("{}/", Uuid::new_v4());
            let mut databases = Vec::new();
            for _ in 0..4 {
                databases.push(store.builder().namespace(namespace.as_str()).connect().await.unwrap());
            }
            let attach = async |number: usize| match number % 2 {
                0 => databases[number].attach::<Parcel>().await.map(drop),
                _ => databases[number].attach::<Crate>().await.map(drop),
            };
            futures_util::future::try_join_all((0..4).map(attach)).await.unwrap();
            let mut found = tables(&databases[0]).await;
            found.sort_by(|a, b| a.1.cmp(&b.1));
            assert_eq!(found.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["Crate", "Parcel"]);
            assert_ne!(found[0].0, found[1].0, "a slot each");
        }
    }

    async fn a_slot_that_has_rows_is_passed_over(store) {
        let db = store.connect().await;
        // A table with a fixed slot, which nobody has attached.
        db.write(async |txn| User::table().put(txn, &user("ann", 1))).await.unwrap();
        db.attach::<Parcel>().await.unwrap();
        assert_eq!(tables(&db).await, [(2, "Parcel".to_owned())]);
    }

    async fn a_row_of_python_is_kept_and_completed(store) {
        #[derive(Persist)]
        #[pmap(oid = "a0000000-0000-4000-8000-000000000001", key = String, name = "people")]
        struct Person {
            age: u32,
        }
        let db = store.connect().await;
        db.client().put(catalogue_key(1), PYTHON).await.unwrap();
        db.attach::<Person>().await.unwrap();
        db.attach::<Parcel>().await.unwrap();
        let tables = db.tables().await.unwrap();
        assert_eq!(tables.len(), 2);
        let person = &tables[0];
        assert_eq!((person.slot, person.name.as_str(), person.creator.as_str()), (1, "Users", "unknown"));
        assert_eq!(person.description.as_deref(), Some("Users table."));
        assert_eq!((person.key.as_deref(), person.codec.as_deref()), (Some("String"), Some("cbor")));
        assert_eq!(person.fields.as_deref(), Some(["age".to_owned()].as_slice()));
        assert_eq!(tables[1].slot, 2, "the slot after the last one, as Python chooses it");
        // What Python parses comes first, in its order.
        let stored = db.client().get(KeySet::key(catalogue_key(1))).await.unwrap().into_kvs().remove(0);
        let text = String::from_utf8_lossy(stored.value()).into_owned();
        let places = ["oid", "name", "description", "creator", "slot", "key"].map(|name| text.find(name).unwrap());
        assert!(places.is_sorted(), "{places:?}");
    }

    /// The rows of the vectors: a table, its unique index, a compressed table, and the catalogue of the three.
    async fn a_database_of_python_is_read(store) {
        #[derive(Persist, Clone, Debug, PartialEq)]
        #[pmap(oid = "a0000000-0000-4000-8000-000000000001", key = Uuid)]
        struct Owner {
            oid: Uuid, // which Python has stored as text
            email: String,
            n: u8,
        }
        #[derive(Persist, Clone, Debug, PartialEq)]
        #[pmap(oid = "a0000000-0000-4000-8000-000000000003", key = Oid, compress = zlib)]
        struct Zipped {
            k: String,
        }
        let db = store.connect().await;
        let vectors = include_str!("../../txetcd-core/tests/vectors/python.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        for row in vectors["catalogue"]["rows"].as_array().unwrap() {
            let [key, value] = ["key", "value"].map(|part| unhex(row[part].as_str().unwrap()));
            db.client().put(key, value).await.unwrap();
        }
        let names = ["Users", "IdxUsersByEmail", "Zipped"].map(str::to_owned);
        let [users, index, zipped] = names;
        assert_eq!(tables(&db).await, [(1, users), (2, index), (3, zipped)]);

        let (owners, zipped) = (db.attach::<Owner>().await.unwrap(), db.attach::<Zipped>().await.unwrap());
        let by_email = txetcd::PMap::<String, Uuid, UuidValue>::at(2);
        let (owners, index, zipped) = db
            .read(async |txn| {
                Ok::<_, Error>((
                    owners.all(txn).entries().await?,
                    by_email.all(txn).entries().await?,
                    zipped.all(txn).entries().await?,
                ))
            })
            .await
            .unwrap();
        let key = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        let owner = Owner { oid: key, email: "a@b.c".to_owned(), n: 1 };
        assert_eq!(owners, [(key, owner)]);
        assert_eq!(index, [("a@b.c".to_owned(), key)]);
        assert_eq!(zipped, [(Oid::new(7), Zipped { k: "v".repeat(40) })]);
    }

    async fn a_different_declaration_is_refused_with_both_sides(store) {
        macro_rules! stored_as {
            ($name:ident, $declaration:tt, { $($fields:tt)* }) => {
                mod $name {
                    #[allow(unused_imports)]
                    use super::*;
                    #[derive(txetcd::Persist)]
                    #[pmap $declaration]
                    #[allow(dead_code)]
                    pub(super) struct Row { $($fields)* }
                }
            };
        }
        stored_as!(first, (slot = 7, key = u32, codec = Cbor, name = "rows"), { a: u32, b: String });
        stored_as!(other_key, (slot = 7, key = String, codec = Cbor, name = "rows"), { a: u32, b: String });
        stored_as!(other_codec, (slot = 7, key = u32, codec = Json, name = "rows"), { a: u32, b: String });
        stored_as!(zipped, (slot = 7, key = u32, compress = zlib, name = "rows"), { a: u32, b: String });
        stored_as!(other_name, (slot = 7, key = u32, name = "others"), { a: u32, b: String });
        stored_as!(new_field, (slot = 7, key = u32, name = "rows"), { a: u32, b: String, c: u32 });
        macro_rules! refused {
            ($($name:ident: $($says:literal),*;)*) => {$(
                let (attached, _) = attach_two::<first::Row, $name::Row>(store).await;
                let error = attached.unwrap_err();
                assert!(error.is_schema_mismatch(), "{error}");
                for says in [$($says),*] {
                    assert!(error.to_string().contains(says), "{error}");
                }
            )*};
        }
        refused! {
            other_key: "slot 7", "`String`", "`u32`";
            other_codec: "`json`", "`cbor`";
            zipped: "`zlib`", "`none`";
            other_name: "`others`", "`rows`";
            new_field: "`c`", "a, b", "default";
        }

        stored_as!(removed, (slot = 7, key = u32, name = "rows"), { a: u32 });
        stored_as!(with_default, (slot = 7, key = u32, name = "rows"), { a: u32, b: String, #[pmap(default)] c: u32 });
        stored_as!(with_option, (slot = 7, key = u32, name = "rows"), { a: u32, b: String, c: Option<u32> });
        stored_as!(renamed, (slot = 7, key = u32, name = "rows"), { a: u32, #[pmap(alias = "b")] text: String });
        macro_rules! accepted {
            ($($name:ident: $fields:expr;)*) => {$(
                let (attached, info) = attach_two::<first::Row, $name::Row>(store).await;
                attached.unwrap();
                assert_eq!(info.fields.unwrap(), $fields);
            )*};
        }
        accepted! {
            removed: ["a"];
            with_default: ["a", "b", "c"];
            with_option: ["a", "b", "c"];
            renamed: ["a", "text"];
        }
    }

    async fn a_read_only_database_looks_up_and_enters_nothing(store) {
        let reader = store.builder().read_only(true).connect().await.unwrap();
        let error = reader.attach::<Parcel>().await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
        reader.attach::<User>().await.unwrap();
        assert!(reader.tables().await.unwrap().is_empty());
        let db = store.connect().await;
        let parcels = db.attach::<Parcel>().await.unwrap();
        db.write(async |txn| parcels.put_at(txn, &1, &Parcel { content: String::new() })).await.unwrap();
        reader.attach::<Parcel>().await.unwrap();
        assert_eq!(reader.read(async |txn| parcels.count(txn).await).await.unwrap(), 1);
    }

    async fn a_damaged_catalogue_is_named(store) {
        let db = store.connect().await;
        db.client().put(catalogue_key(3), "hunter2").await.unwrap();
        for error in [db.tables().await.unwrap_err(), db.attach::<Parcel>().await.unwrap_err()] {
            assert!(error.is_decode() && error.to_string().contains("catalogue"), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
