//! Structs that change while their rows stay.

use std::sync::Mutex;
use std::time::Duration;

use txetcd::{Error, KeySet, Persist, Token};

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 20, key = u32, name = "person")]
struct PersonV1 {
    name: String,
    /// In years.
    age: String,
}

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 20, key = u32, name = "person", version = 2, from = PersonV1)]
struct PersonV2 {
    name: String,
    age: u32,
}

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 20, key = u32, name = "person", version = 3, from = PersonV2)]
struct Person {
    names: Vec<String>,
    age: u32,
}

impl From<PersonV1> for PersonV2 {
    fn from(old: PersonV1) -> Self {
        Self { name: old.name, age: old.age.parse().unwrap_or(0) }
    }
}

impl From<PersonV2> for Person {
    fn from(old: PersonV2) -> Self {
        Self { names: vec![old.name], age: old.age }
    }
}

fn v1(n: u32) -> PersonV1 {
    PersonV1 { name: format!("name {n}"), age: n.to_string() }
}

fn v3(n: u32) -> Person {
    Person { names: vec![format!("name {n}")], age: n }
}

macro_rules! declared {
    ($name:ident, [$($declaration:tt)*], { $($fields:tt)* }) => {
        mod $name {
            #[derive(txetcd::Persist, Clone, Debug, PartialEq)]
            #[pmap(slot = 21, key = u32, $($declaration)*)]
            pub(super) struct Row { $($fields)* }
        }
    };
}

// A newer program, and an older one which keeps what it does not know, in each format that can.
declared!(newer, [], { pub(crate) a: u32, pub(crate) b: String, pub(crate) c: Vec<u32> });
declared!(keeping, [keep_unknown], { pub(crate) a: u32 });
declared!(forgetting, [], { pub(crate) a: u32 });
declared!(newer_json, [codec = txetcd::codec::Json, compress = zlib], { pub(crate) a: u32, pub(crate) b: String });
declared!(keeping_json, [codec = txetcd::codec::Json, compress = zlib, keep_unknown], { pub(crate) a: u32 });

stores! {
    async fn rows_of_older_versions_are_read_and_written_as_the_newest(store) {
        let db = store.connect().await;
        db.write(async |txn| {
            PersonV1::table().put_at(txn, &1, &v1(1))?;
            PersonV2::table().put_at(txn, &2, &PersonV2 { name: "name 2".into(), age: 2 })?;
            Person::table().put_at(txn, &3, &v3(3))
        })
        .await
        .unwrap();
        let people = Person::table();
        let all = db.read(async |txn| people.all(txn).collect().await).await.unwrap();
        assert_eq!(all, [v3(1), v3(2), v3(3)]);
        db.write(async |txn| {
            let mut one = people.get(txn, &1).await?.expect("a person");
            one.names.push("second".into());
            people.put_at(txn, &1, &one)
        })
        .await
        .unwrap();
        // Written as the newest, which the older ones cannot read.
        let error = db.read(async |txn| PersonV1::table().get(txn, &1).await).await.unwrap_err();
        assert!(error.is_decode(), "{error}");
        assert!(db.read(async |txn| PersonV1::table().get(txn, &2).await).await.is_err());
        // What no version can read is named, with what the newest one expected.
        db.client().put([&[0, 20, 0, 0, 0][..], &[9]].concat(), "hunter2").await.unwrap();
        let error = db.read(async |txn| people.get(txn, &9).await).await.unwrap_err();
        assert!(error.is_decode() && error.to_string().contains("person"), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }

    async fn migration_rewrites_older_rows_in_batches_and_can_be_resumed(store) {
        let db = store.connect().await;
        for chunk in (0..180u32).collect::<Vec<_>>().chunks(60) {
            db.write(async |txn| {
                chunk.iter().try_for_each(|n| match n % 3 {
                    0 => Person::table().put_at(txn, n, &v3(*n)),
                    _ => PersonV1::table().put_at(txn, n, &v1(*n)),
                })
            })
            .await
            .unwrap();
        }
        let lease = db.client().lease(Duration::from_secs(60)).await.unwrap();
        let leased = [&[0, 20, 0, 0, 0][..], &[4]].concat();
        let value = db.client().get(KeySet::key(leased.clone())).await.unwrap().into_kvs().remove(0).into_parts().1;
        db.client().put(leased.clone(), value).lease(&lease).await.unwrap();

        // Stopped after the second batch, resumed from what was reported.
        let reported = Mutex::new(Vec::new());
        let stopped = db.migrate::<Person>().on_progress(|done| reported.lock().unwrap().push(done.clone()));
        let all = stopped.await.unwrap();
        assert_eq!((all.rows, all.rewritten, all.next), (180, 120, None));
        let reported = reported.into_inner().unwrap();
        assert_eq!(reported.iter().map(|done| done.rows).collect::<Vec<_>>(), [50, 100, 150, 180]);
        let token: Token = reported[1].next.as_ref().unwrap().to_string().parse().unwrap();
        let resumed = db.migrate::<Person>().after(&token).await.unwrap();
        assert_eq!((resumed.rows, resumed.rewritten), (80, 0), "nothing is left to rewrite");

        let people = db.read(async |txn| Person::table().all(txn).collect().await).await.unwrap();
        assert_eq!(people, (0..180).map(v3).collect::<Vec<_>>());
        assert_eq!(db.client().get(KeySet::key(leased)).await.unwrap().first().unwrap().lease(), lease.id());
    }

    async fn migration_goes_on_beside_writers_and_with_large_rows(store) {
        let db = store.connect().await;
        for n in 0..12u32 {
            let large = PersonV1 { name: "x".repeat(300_000), age: n.to_string() };
            db.write(async |txn| PersonV1::table().put_at(txn, &n, &large)).await.unwrap();
        }
        let people = Person::table();
        let birthdays = async {
            for n in (0..12u32).cycle().take(36) {
                db.write(async |txn| {
                    let mut person = people.get(txn, &n).await?.expect("a person");
                    person.age += 100;
                    people.put_at(txn, &n, &person)
                })
                .await?;
            }
            Ok::<_, Error>(())
        };
        tokio::try_join!(birthdays, async { db.migrate::<Person>().await }).unwrap();
        let found = db.read(async |txn| people.all(txn).collect().await).await.unwrap();
        assert_eq!(found.iter().map(|person| person.age).collect::<Vec<_>>(), (300..312).collect::<Vec<_>>());
    }

    async fn fields_of_a_newer_program_survive_an_older_one_that_keeps_them(store) {
        let db = store.connect().await;
        let row = newer::Row { a: 1, b: "b".into(), c: vec![1, 2] };
        let kept = newer::Row { a: 2, ..row.clone() };
        let (newer, keeping) = (newer::Row::table(), keeping::Row::table());
        let put = async || db.write(async |txn| newer.put_at(txn, &1, &row)).await.unwrap();
        let read = async || db.read(async |txn| newer.get(txn, &1).await).await;
        let two = keeping::Row { a: 2 };

        put().await;
        db.write(async |txn| {
            keeping.get(txn, &1).await?;
            keeping.put_at(txn, &1, &keeping::Row { a: 7 })?;
            keeping.put_at(txn, &1, &two)
        })
        .await
        .unwrap();
        assert_eq!(read().await.unwrap(), Some(kept.clone()));

        put().await;
        db.write(async |txn| {
            keeping.all(txn).collect().await?;
            keeping.put_at(txn, &1, &two)
        })
        .await
        .unwrap();
        assert_eq!(read().await.unwrap(), Some(kept), "a row that was read by a scan");

        // Another row, or one that was not read, has nothing to keep; nor has one that does not ask for it.
        put().await;
        db.write(async |txn| {
            keeping.take(txn, &1).await?;
            keeping.put_at(txn, &1, &two)
        })
        .await
        .unwrap();
        assert!(read().await.unwrap_err().is_decode());
        put().await;
        db.write(async |txn| keeping.put_at(txn, &1, &two)).await.unwrap();
        assert!(read().await.unwrap_err().is_decode());
        put().await;
        let forgetting = forgetting::Row::table();
        db.write(async |txn| {
            forgetting.get(txn, &1).await?;
            forgetting.put_at(txn, &1, &forgetting::Row { a: 2 })
        })
        .await
        .unwrap();
        assert!(read().await.unwrap_err().is_decode());
    }

    async fn compressed_json_keeps_unknown_fields_too(store) {
        let db = store.connect().await;
        let (newer, keeping) = (newer_json::Row::table(), keeping_json::Row::table());
        let row = newer_json::Row { a: 1, b: "b".into() };
        db.write(async |txn| newer.put_at(txn, &1, &row)).await.unwrap();
        db.write(async |txn| {
            keeping.get(txn, &1).await?;
            keeping.put_at(txn, &1, &keeping_json::Row { a: 2 })
        })
        .await
        .unwrap();
        let found = db.read(async |txn| newer.get(txn, &1).await).await.unwrap();
        assert_eq!(found, Some(newer_json::Row { a: 2, ..row }));
    }

    async fn the_catalogue_knows_the_version(store) {
        let db = store.connect().await;
        db.attach::<PersonV1>().await.unwrap();
        db.attach::<Person>().await.unwrap();
        assert_eq!(db.tables().await.unwrap()[0].version, Some(3));
        let error = db.attach::<PersonV2>().await.unwrap_err();
        assert!(error.is_schema_mismatch(), "{error}");
        assert!(error.to_string().contains("version 2") && error.to_string().contains("version 3"), "{error}");
    }
}
