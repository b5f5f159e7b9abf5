//! Verifying and rebuilding indexes: what foreign programs left wrong is found, counted and put right.

use std::time::Duration;

use txetcd::{Database, Error, IndexReport, IndexState, KeySet, Op, Persist, Timestamp, Txn, WriteTxn};

use crate::index_changes::{Item, bytes, entries, item, raw};

/// A table before it has an index of many entries for each row.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 33, name = "Tagged")]
struct Untagged {
    #[pmap(key)]
    id: u32,
    tags: Vec<String>,
}

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 33, name = "Tagged")]
struct Tagged {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 34, each))]
    tags: Vec<String>,
}

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 35)]
#[pmap(index(name = by_at_and_name, slot = 37, fields(at, name)))]
struct Event {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 36))]
    at: Timestamp,
    name: String,
}

async fn fill(db: &Database, rows: u32) {
    for chunk in (0..rows).collect::<Vec<_>>().chunks(25) {
        let put = |txn: &WriteTxn, id: &u32| Item::table().put(txn, &item(*id, &format!("c{id}"), "red"));
        db.write(async |txn| chunk.iter().try_for_each(|id| put(txn, id))).await.unwrap();
    }
}

stores! {
    async fn what_foreign_programs_left_is_found_and_repaired(store) {
        let db = store.connect().await;
        let items = Item::table();
        fill(&db, 5).await;
        let row = db.client().get(raw(30, &bytes(&1_u32))).await.unwrap().into_kvs().remove(0);
        let damage = [
            // A row that vanished, one that appeared, and entries that did.
            Op::delete(raw(30, &bytes(&0_u32))),
            Op::put(raw(30, &bytes(&77_u32)), row.value()),
            Op::put(raw(31, b"nobody"), bytes(&3_u32)),
            Op::put(raw(32, b"red\0\x01nonsense"), []),
            Op::delete(raw(32, &[b"red\0\x01".as_slice(), &bytes(&4_u32)].concat())),
        ];
        db.client().txn(Txn::default().then(damage)).await.unwrap();
        let report = items.verify_indexes(&db).await.unwrap();
        // The row 77 is a copy of 1, so that it has its code, too.
        assert_eq!((report.rows, report.missing, report.stale, report.duplicates), (5, 2, 4, 1), "{report:?}");
        assert_eq!(report.problems.len(), 7);
        assert!(items.verify_indexes(&db).repair().await.unwrap_err().is_unique_violation());
        db.client().delete(raw(30, &bytes(&77_u32))).await.unwrap();
        let report = items.verify_indexes(&db).repair().await.unwrap();
        assert!(!report.is_consistent() && report.repaired > 0, "{report:?}");
        let report = items.verify_indexes(&db).await.unwrap();
        assert!(report.is_consistent(), "{report:?}");
        assert_eq!((report.rows, report.entries), (4, 8));
    }

    async fn as_many_missing_as_stale_entries_are_not_consistent(store) {
        let db = store.connect().await;
        fill(&db, 2).await;
        // The entry of a row that has gone, in the place of another row's.
        db.client().put(raw(31, b"c1"), bytes(&9_u32)).await.unwrap();
        let report = Item::table().verify_indexes(&db).await.unwrap();
        assert_eq!((report.missing, report.stale, report.duplicates), (1, 1, 0), "{report:?}");
        assert!(!report.is_consistent());
        let mut two = IndexReport::default();
        (two.stale, two.duplicates) = (1, 1);
        assert!(!two.is_consistent());
        assert_eq!(Item::table().verify_indexes(&db).repair().await.unwrap().repaired, 1);
        let found = db.read(async |txn| Item::by_code().key(txn, "c1").await).await.unwrap();
        assert_eq!(found, Some(1));
        assert!(Item::table().verify_indexes(&db).await.unwrap().is_consistent());
    }

    async fn an_entry_with_another_lease_is_missing(store) {
        let db = store.connect().await;
        fill(&db, 2).await;
        let lease = db.client().lease(Duration::from_secs(600)).await.unwrap();
        db.client().put(raw(31, b"c1"), bytes(&1_u32)).lease(&lease).await.unwrap();
        let report = Item::table().verify_indexes(&db).await.unwrap();
        assert_eq!((report.missing, report.stale, report.duplicates), (1, 0, 0), "{report:?}");
        assert_eq!(Item::table().verify_indexes(&db).repair().await.unwrap().repaired, 1);
        lease.revoke().await.unwrap();
        assert_eq!(entries(&db, 31).await, 2);
    }

    async fn what_is_added_and_what_is_removed_is_repaired(store) {
        let db = store.connect().await;
        fill(&db, 3).await;
        let damage = [Op::delete(raw(31, b"c0")), Op::put(raw(31, b"nobody"), bytes(&1_u32)), Op::delete(raw(31, b"c2"))];
        db.client().txn(Txn::default().then(damage)).await.unwrap();
        let report = Item::table().verify_indexes(&db).repair().await.unwrap();
        assert_eq!((report.missing, report.stale, report.repaired), (2, 1, 3), "{report:?}");
    }

    async fn a_hundred_problems_are_described_and_all_are_counted(store) {
        let db = store.connect().await;
        fill(&db, 125).await;
        db.client().delete(KeySet::prefix(31_u16.to_be_bytes())).await.unwrap();
        let mut told = Vec::new();
        let report =
            Item::table().verify_indexes(&db).on_progress(|found| told.push(found.clone())).await.unwrap();
        assert_eq!((report.missing, report.problems.len()), (125, 100));
        assert!(report.problems[99].contains("Item.by_code"), "{}", report.problems[99]);
        assert!(told.len() > 3, "a page at a time, the table and each index: {}", told.len());
        assert_eq!(told.last(), Some(&report));
    }

    async fn a_rebuild_makes_the_table_known(store) {
        let db = store.connect().await;
        let done = Item::table().rebuild_indexes(&db).await.unwrap();
        assert_eq!((done.rows, done.entries), (0, 0));
        let tables = db.tables().await.unwrap();
        assert_eq!(tables.len(), 1);
        assert!(tables[0].indexes.iter().all(|index| index.state == IndexState::Ready));
    }

    async fn batches_that_are_too_large_are_halved(store) {
        let db = store.connect().await;
        for id in 0..12 {
            let tags = (0..50).map(|tag| format!("{id}/{tag}")).collect();
            db.write(async |txn| Untagged::table().put(txn, &Untagged { id, tags: Vec::clone(&tags) })).await.unwrap();
        }
        let done = Tagged::table().rebuild_indexes(&db).await.unwrap();
        assert_eq!((done.rows, done.entries, done.added, done.removed), (12, 600, 600, 0));
        let report = Tagged::table().verify_indexes(&db).await.unwrap();
        assert!(report.is_consistent() && report.entries == 600, "{report:?}");
    }

    async fn a_value_twice_in_a_row_is_one_entry(store) {
        let db = store.connect().await;
        let tags = ["b", "a", "b"].map(str::to_owned).to_vec();
        db.write(async |txn| Untagged::table().put(txn, &Untagged { id: 1, tags: tags.clone() })).await.unwrap();
        assert_eq!(Tagged::table().rebuild_indexes(&db).await.unwrap().added, 2);
        db.write(async |txn| Tagged::table().put(txn, &Tagged { id: 2, tags: tags.clone() })).await.unwrap();
        assert_eq!(entries(&db, 34).await, 4);
        let both = db.read(async |txn| Tagged::by_tags().get_all(txn, "b").keys().await).await.unwrap();
        assert_eq!(both, [1, 2]);
    }

    async fn a_value_that_no_entry_can_have_is_not_looked_up(store) {
        let db = store.connect().await;
        let event = Event { id: 1, at: Timestamp::from_nanos(1), name: "a".to_owned() };
        db.write(async |txn| Event::table().put(txn, &event)).await.unwrap();
        let never = Timestamp::from_nanos(-1);
        let value: Error = db.read(async |txn| Event::by_at().get_all(txn, &never).await).await.unwrap_err();
        let prefix: Error =
            db.read(async |txn| Event::by_at_and_name().prefix(txn, never).collect().await).await.unwrap_err();
        for (error, what) in [(value, "indexed value"), (prefix, "prefix")] {
            assert!(error.to_string().contains(what) && error.to_string().contains("1970"), "{error}");
        }
    }
}
