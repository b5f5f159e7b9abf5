//! Indexes that come and go while there are rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::faults::Meanwhile;
use tokio::sync::Notify;
use txetcd::{Database, Error, IndexState, Key, KeySet, Persist, RebuildProgress, Timestamp};

/// The table before it had indexes.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 30, name = "Item")]
struct Plain {
    #[pmap(key)]
    id: u32,
    code: String,
    colour: String,
}

/// The same with a unique and another index.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 30, name = "Item")]
pub(crate) struct Item {
    #[pmap(key)]
    pub(crate) id: u32,
    #[pmap(index(slot = 31, unique))]
    pub(crate) code: String,
    #[pmap(index(slot = 32))]
    pub(crate) colour: String,
}

/// One index less.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 30, name = "Item")]
struct Colourless {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 31, unique))]
    code: String,
    colour: String,
}

/// The same as [`Item`], written down in another order.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 30, name = "Item")]
struct Reordered {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 32))]
    colour: String,
    #[pmap(index(slot = 31, unique))]
    code: String,
}

fn plain(id: u32) -> Plain {
    Plain { id, code: format!("c{id}"), colour: ["red", "blue"][id as usize % 2].to_owned() }
}

pub(crate) fn item(id: u32, code: &str, colour: &str) -> Item {
    Item { id, code: code.to_owned(), colour: colour.to_owned() }
}

async fn fill(db: &Database, rows: u32) {
    for chunk in (0..rows).collect::<Vec<_>>().chunks(50) {
        db.write(async |txn| chunk.iter().try_for_each(|id| Plain::table().put(txn, &plain(*id))))
            .await
            .unwrap();
    }
}

async fn states(db: &Database) -> Vec<(String, IndexState)> {
    let tables = db.tables().await.unwrap();
    tables.into_iter().flat_map(|table| table.indexes).map(|index| (index.name, index.state)).collect()
}

/// Whether there is an entry for the code of a row.
async fn has_code(db: &Database, id: u32) -> bool {
    let entries = db.client().get(KeySet::prefix(31_u16.to_be_bytes())).await.unwrap();
    entries.kvs().iter().any(|entry| entry.value() == id.to_be_bytes())
}

pub(crate) async fn entries(db: &Database, slot: u16) -> u64 {
    db.client().get(KeySet::prefix(slot.to_be_bytes().to_vec())).count_only().await.unwrap().count()
}

pub(crate) fn raw(slot: u16, rest: &[u8]) -> Vec<u8> {
    [&slot.to_be_bytes(), rest].concat()
}

pub(crate) fn bytes(key: &impl Key) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes).unwrap();
    bytes
}

/// The values of its index are all in order, but for instants before 1970.
#[derive(Persist, Clone, Debug)]
#[pmap(slot = 35)]
struct Event {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 36))]
    at: Timestamp,
}

stores! {
    async fn a_table_without_indexes_has_nothing_to_rebuild(store) {
        let db = store.connect().await;
        fill(&db, 3).await;
        let done = Plain::table().rebuild_indexes(&db).on_progress(|_| panic!("nothing was done")).await.unwrap();
        assert_eq!(done, RebuildProgress::default());
    }

    async fn a_row_whose_indexed_value_has_no_order_is_refused(store) {
        let db = store.connect().await;
        let events = Event::table();
        let at = |nanos| Event { id: 1, at: Timestamp::from_nanos(nanos) };
        let error: Error = db.write(async |txn| events.put(txn, &at(-1))).await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");
        for part in ["Event", "by_at", "slot 36", "1970"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        db.write(async |txn| events.put(txn, &at(0))).await.unwrap();
        assert_eq!(db.read(async |txn| Event::by_at().count(txn).await).await.unwrap(), 1);
    }

    async fn an_index_is_added_to_a_table_with_rows(store) {
        let [old, new] = <[Database; 2]>::try_from(store.connect_many(2).await).unwrap();
        fill(&old, 130).await;
        let items = new.attach::<Item>().await.unwrap();
        assert_eq!(states(&new).await, [("by_code".into(), IndexState::Building), ("by_colour".into(), IndexState::Building)]);
        let refused: Error = new.read(async |txn| Item::by_code().get(txn, "c1").await).await.unwrap_err();
        assert!(refused.is_schema_mismatch(), "{refused}");
        for part in ["Item.by_code", "slot 31", "rebuild_indexes"] {
            assert!(refused.to_string().contains(part), "{refused}");
        }
        for refused in [
            new.read(async |txn| Item::by_colour().get_all(txn, "red").await).await.map(|_| ()).unwrap_err(),
            new.read(async |txn| Item::by_colour().count(txn).await).await.map(|_| ()).unwrap_err(),
            new.read(async |txn| Item::by_colour().all(txn).keys().await).await.map(|_| ()).unwrap_err(),
        ] {
            assert!(Error::is_schema_mismatch(&refused), "{refused}");
        }
        // The program without the index would not keep it: it is stopped, by its next commit at the latest.
        let error: Error = old.write(async |txn| Plain::table().put(txn, &plain(1))).await.unwrap_err();
        assert!(error.is_schema_mismatch(), "{error}");
        assert!(error.to_string().contains("by_code"), "{error}");
        // One that knows it keeps it while it is being built.
        new.write(async |txn| {
            items.put(txn, &item(7, "changed", "green"))?;
            items.insert(txn, &item(500, "new", "green"))?;
            items.delete(txn, &8)
        })
        .await
        .unwrap();
        let batches = AtomicU64::new(0);
        let done = items.rebuild_indexes(&new).on_progress(|_| { batches.fetch_add(1, Ordering::Relaxed); }).await.unwrap();
        assert_eq!((done.rows, done.entries, done.added, done.removed), (130, 260, 256, 0));
        assert!(batches.into_inner() > 4);
        assert!(states(&new).await.iter().all(|(_, state)| *state == IndexState::Ready));
        let (code, colours, green) = new
            .read(async |txn| {
                Ok::<_, Error>((
                    Item::by_code().key(txn, "c9").await?,
                    Item::by_colour().count(txn).await?,
                    Item::by_colour().get_all(txn, "green").keys().await?,
                ))
            })
            .await
            .unwrap();
        assert_eq!((code, colours, green), (Some(9), 130, vec![7, 500]));
        let report = items.verify_indexes(&new).await.unwrap();
        assert!(report.is_consistent(), "{report:?}");
        assert_eq!((report.rows, report.entries), (130, 260));
        // Nothing is left of the building.
        let own = new.client().get(KeySet::prefix([0xff, 0xff, b'b'])).count_only().await.unwrap();
        assert_eq!(own.count(), 0);
    }

    async fn a_new_table_has_its_indexes_at_once(store) {
        let db = store.connect().await;
        let found = db.read(async |txn| Item::by_code().get(txn, "c1").await).await.unwrap();
        assert_eq!(found, None);
        db.write(async |txn| Item::table().insert(txn, &item(1, "c1", "red"))).await.unwrap();
        let found = db.read(async |txn| Item::by_code().get(txn, "c1").await).await.unwrap();
        assert_eq!(found, Some(item(1, "c1", "red")));
        assert!(states(&db).await.iter().all(|(_, state)| *state == IndexState::Ready));
    }

    async fn rows_without_entries_are_not_passed_over_in_silence(store) {
        let db = store.connect().await;
        fill(&db, 3).await;
        // Neither attached nor written with the index so far.
        let error: Error = db.read(async |txn| Item::by_colour().get_all(txn, "red").await).await.unwrap_err();
        assert!(error.is_schema_mismatch(), "{error}");
        // The first write makes the index known, as being built.
        db.write(async |txn| Item::table().put(txn, &item(9, "c9", "red"))).await.unwrap();
        let error: Error = db.read(async |txn| Item::by_colour().get_all(txn, "red").await).await.unwrap_err();
        assert!(error.is_schema_mismatch(), "{error}");
        Item::table().rebuild_indexes(&db).await.unwrap();
        let red = db.read(async |txn| Item::by_colour().get_all(txn, "red").keys().await).await.unwrap();
        assert_eq!(red, [0, 2, 9]);
    }

    async fn an_index_that_goes_takes_its_entries_along(store) {
        let [one, other] = <[Database; 2]>::try_from(store.connect_many(2).await).unwrap();
        for id in 0..5 {
            one.write(async |txn| Item::table().put(txn, &item(id, &format!("c{id}"), "red"))).await.unwrap();
        }
        assert_eq!((entries(&one, 31).await, entries(&one, 32).await), (5, 5));
        // A program that only writes without the index does not remove it.
        let row = Colourless { id: 9, code: "c9".into(), colour: "red".into() };
        let error: Error = other.write(async |txn| Colourless::table().put(txn, &row)).await.unwrap_err();
        assert!(error.is_schema_mismatch(), "{error}");
        other.attach::<Colourless>().await.unwrap();
        assert_eq!((entries(&one, 31).await, entries(&one, 32).await), (5, 0));
        assert_eq!(states(&one).await, [("by_code".into(), IndexState::Ready)]);
        other.write(async |txn| Colourless::table().put(txn, &row)).await.unwrap();
        // The first program still has it in mind: it comes back, and has to be built.
        one.write(async |txn| Item::table().put(txn, &item(7, "c7", "blue"))).await.unwrap();
        assert_eq!(states(&one).await[1], ("by_colour".into(), IndexState::Building));
        let error: Error = one.read(async |txn| Item::by_colour().get_all(txn, "red").await).await.unwrap_err();
        assert!(error.is_schema_mismatch(), "{error}");
        Item::table().rebuild_indexes(&one).await.unwrap();
        let red = one.read(async |txn| Item::by_colour().get_all(txn, "red").keys().await).await.unwrap();
        assert_eq!(red, [0, 1, 2, 3, 4, 9]);
    }

    async fn a_build_goes_on_where_it_was_stopped(store) {
        let db = store.connect().await;
        fill(&db, 200).await;
        let items = db.attach::<Item>().await.unwrap();
        // Dropped in the middle, as by a crash between two batches or within one.
        for stop_after in [2_u64, 3] {
            let (stop, stopped) = tokio::sync::oneshot::channel();
            let mut stop = Some(stop);
            let mut batches = 0;
            let build = items.rebuild_indexes(&db).on_progress(|_| {
                batches += 1;
                if batches == stop_after {
                    stop.take().unwrap().send(()).unwrap();
                }
            });
            tokio::select! {
                biased;
                _ = stopped => {}
                done = build => panic!("it was to be stopped, and did {done:?}"),
            }
        }
        let other = store.connect().await;
        let done = items.rebuild_indexes(&other).await.unwrap();
        assert!(done.rows < 200 && done.rows > 0, "{done:?}");
        let report = items.verify_indexes(&other).await.unwrap();
        assert!(report.is_consistent() && report.entries == 400, "{report:?}");
    }

    async fn an_index_that_comes_during_a_build_gets_all_rows(store) {
        let db = store.connect().await;
        fill(&db, 200).await;
        let colourless = db.attach::<Colourless>().await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let mut stop = Some(stop);
        let build = colourless.rebuild_indexes(&db).on_progress(|done| {
            if done.rows > 50
                && let Some(stop) = stop.take()
            {
                stop.send(()).unwrap();
            }
        });
        tokio::select! {
            biased;
            _ = stopped => {}
            done = build => panic!("it was to be stopped, and did {done:?}"),
        }
        // The rows that were done have no entry in this one.
        let items = db.attach::<Item>().await.unwrap();
        items.rebuild_indexes(&db).await.unwrap();
        let report = items.verify_indexes(&db).await.unwrap();
        assert!(report.is_consistent() && report.entries == 400, "{report:?}");
    }

    async fn rows_with_one_unique_value_stop_the_build(store) {
        let db = store.connect().await;
        fill(&db, 4).await;
        db.write(async |txn| Plain::table().put(txn, &Plain { id: 9, ..plain(2) })).await.unwrap();
        let items = db.attach::<Item>().await.unwrap();
        let error = items.rebuild_indexes(&db).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error}");
        for part in ["Item.by_code", "\"c2\"", "0x00000002", "0x00000009"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        db.write(async |txn| items.put(txn, &item(9, "c9", "red"))).await.unwrap();
        items.rebuild_indexes(&db).await.unwrap();
        assert!(items.verify_indexes(&db).await.unwrap().is_consistent());
    }

    async fn a_row_without_its_entry_does_not_take_that_of_another_row(store) {
        let db = store.connect().await;
        fill(&db, 200).await;
        db.write(async |txn| Plain::table().put(txn, &Plain { code: "c2".into(), ..plain(190) })).await.unwrap();
        let items = db.attach::<Item>().await.unwrap();
        // The first of the two has its entry when the build comes to the other one.
        let error = items.rebuild_indexes(&db).await.unwrap_err();
        assert!(error.is_unique_violation(), "{error}");
        // What the message says is to be done.
        db.write(async |txn| items.put(txn, &item(190, "c190", "red"))).await.unwrap();
        items.rebuild_indexes(&db).await.unwrap();
        let report = items.verify_indexes(&db).await.unwrap();
        assert!(report.is_consistent() && report.entries == 400, "{report:?}");
    }

    async fn an_entry_that_comes_while_its_row_is_deleted_goes_with_it(store) {
        let meanwhile = Arc::new(Meanwhile::default());
        let one = store.builder().faults(meanwhile.clone()).connect().await.unwrap();
        let other = store.connect().await;
        fill(&one, 200).await;
        let items = one.attach::<Item>().await.unwrap();
        let build_a_batch = async move {
            let first = Notify::new();
            let build = Item::table().rebuild_indexes(&other).on_progress(|_| first.notify_one());
            tokio::select! {
                biased;
                () = first.notified() => {}
                _ = build => panic!("there are more batches"),
            }
            assert!(has_code(&other, 5).await);
        };
        meanwhile.after(0, build_a_batch);
        // It has looked for its entry, which was not there yet.
        one.write(async |txn| items.delete(txn, &5)).await.unwrap();
        assert!(meanwhile.has_happened() && !has_code(&one, 5).await);
    }

    async fn an_index_that_goes_and_comes_back_is_built_anew(store) {
        let [one, other] = <[Database; 2]>::try_from(store.connect_many(2).await).unwrap();
        fill(&one, 200).await;
        let items = one.attach::<Item>().await.unwrap();
        let runtime = tokio::runtime::Handle::current();
        let mut batches = 0;
        let build = items.rebuild_indexes(&one).on_progress(|_| {
            batches += 1;
            if batches == 2 {
                tokio::task::block_in_place(|| {
                    runtime.block_on(async {
                        other.attach::<Colourless>().await.unwrap();
                        other.attach::<Item>().await.unwrap();
                    });
                });
            }
        });
        build.await.unwrap();
        assert!(states(&one).await.iter().all(|(_, state)| *state == IndexState::Ready));
        let report = items.verify_indexes(&one).await.unwrap();
        assert!(report.is_consistent() && report.entries == 400, "{report:?}");
    }

    async fn the_order_of_declarations_does_not_matter(store) {
        let [one, other] = <[Database; 2]>::try_from(store.connect_many(2).await).unwrap();
        let revision = async || one.client().get(raw(0, &30_u16.to_be_bytes())).await.unwrap().kvs()[0].mod_revision();
        one.write(async |txn| Item::table().put(txn, &item(1, "c1", "red"))).await.unwrap();
        let entered = revision().await;
        let reordered = Reordered { id: 2, code: "c2".into(), colour: "red".into() };
        other.write(async |txn| Reordered::table().put(txn, &reordered)).await.unwrap();
        one.write(async |txn| Item::table().put(txn, &item(1, "c1", "blue"))).await.unwrap();
        assert_eq!(revision().await, entered);
        let before = states(&one).await;
        other.attach::<Reordered>().await.unwrap();
        assert_eq!(states(&one).await, before);
    }

    async fn entries_that_are_there_before_the_table_are_not_trusted(store) {
        let db = store.connect().await;
        db.client().put(raw(31, b"c1"), bytes(&9_u32)).await.unwrap();
        let items = db.attach::<Item>().await.unwrap();
        let error: Error = db.read(async |txn| Item::by_code().key(txn, "c1").await).await.unwrap_err();
        assert!(error.is_schema_mismatch(), "{error}");
        assert_eq!(items.rebuild_indexes(&db).await.unwrap().removed, 1);
        db.write(async |txn| items.insert(txn, &item(1, "c1", "red"))).await.unwrap();
        assert_eq!(db.read(async |txn| Item::by_code().key(txn, "c1").await).await.unwrap(), Some(1));
    }

    async fn other_indexes_than_the_catalogues_are_refused(store) {
        #[derive(Persist)]
        #[pmap(slot = 30, name = "Item")]
        struct Ambiguous {
            #[pmap(key)]
            id: u32,
            #[pmap(index(slot = 31))]
            code: String,
            #[pmap(index(slot = 32))]
            colour: String,
        }
        #[derive(Persist)]
        #[pmap(slot = 33)]
        struct Squatter {
            #[pmap(key)]
            id: u32,
            #[pmap(index(slot = 32))]
            code: String,
        }
        #[derive(Persist)]
        #[pmap(slot = 31)]
        struct OnAnIndex {
            #[pmap(key)]
            id: u32,
        }
        #[derive(Persist)]
        #[pmap(slot = 40)]
        struct OverRows {
            #[pmap(key)]
            id: String,
            #[pmap(index(slot = 34, unique))]
            code: u64,
        }
        let db = store.connect().await;
        db.attach::<Item>().await.unwrap();
        db.client().put(raw(34, b"a row"), "of a table that nobody attached").await.unwrap();
        for (error, parts) in [
            (db.attach::<Ambiguous>().await.unwrap_err(), ["not unique", ", unique"]),
            (db.attach::<Squatter>().await.unwrap_err(), ["slot 32", "Item"]),
            (db.attach::<OnAnIndex>().await.unwrap_err(), ["slot 31", "Item"]),
            (db.attach::<OverRows>().await.unwrap_err(), ["slot 34", "by_code"]),
        ] {
            assert!(error.is_schema_mismatch(), "{error}");
            for part in parts {
                assert!(error.to_string().contains(part), "{error}");
            }
        }
    }
}
