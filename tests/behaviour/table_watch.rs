//! The changes of tables: typed, restricted, and listed anew where history is missing.

use std::time::Duration;

use crate::store::{Account, User, compact, on_stores_of_their_own, user};
use futures_util::StreamExt as _;
use txetcd::{Change, ChangeStream, Database, Error, PMap, Stored, Uuid, codec::Utf8};

/// Far more than any of this takes, on a slow machine too.
const LONG: Duration = Duration::from_secs(60);

async fn item<T: Stored>(changes: &mut ChangeStream<T>) -> Result<Change<T>, Error> {
    let next = tokio::time::timeout(LONG, changes.next()).await.expect("a change in time");
    next.expect("a stream that goes on")
}

async fn next<T: Stored>(changes: &mut ChangeStream<T>) -> Change<T> {
    item(changes).await.unwrap()
}

async fn put(db: &Database, row: &User) -> i64 {
    let txn = db.begin().await.unwrap();
    User::table().put(&txn, row).unwrap();
    txn.commit().await.unwrap()
}

async fn delete(db: &Database, name: &str) -> i64 {
    let txn = db.begin().await.unwrap();
    User::table().delete(&txn, name).unwrap();
    txn.commit().await.unwrap()
}

fn is_put(row: &User, previous: Option<&User>, revision: i64) -> Change<User> {
    Change::Put { key: row.name.clone(), value: row.clone(), previous: previous.cloned(), revision }
}

stores! {
    async fn changes_are_rows_with_what_was_before(store) {
        let db = store.connect().await;
        let first = put(&db, &user("a", 1)).await;
        let mut now = User::table().watch(&db).stream().await.unwrap();
        let mut past = User::table().watch(&db).from(first).stream().await.unwrap();
        assert_eq!(next(&mut past).await, is_put(&user("a", 1), None, first));
        let second = put(&db, &user("a", 2)).await;
        let third = delete(&db, "a").await;
        // Of another table.
        db.write(async |txn| Account::table().put(txn, &Account { id: 1, balance: 0 })).await.unwrap();
        let fourth = put(&db, &user("a", 3)).await;
        for changes in [&mut now, &mut past] {
            assert_eq!(next(changes).await, is_put(&user("a", 2), Some(&user("a", 1)), second));
            let deleted =
                Change::Delete { key: "a".to_owned(), previous: Some(user("a", 2)), revision: third };
            assert_eq!(next(changes).await, deleted);
            assert_eq!(next(changes).await, is_put(&user("a", 3), None, fourth));
        }
    }

    async fn the_rows_of_a_transaction_come_together(store) {
        let db = store.connect().await;
        let mut changes = User::table().watch(&db).stream().await.unwrap();
        let names = ["a", "b", "c"];
        let txn = db.begin().await.unwrap();
        for name in names {
            User::table().put(&txn, &user(name, 1)).unwrap();
        }
        let revision = txn.commit().await.unwrap();
        let mut seen = Vec::new();
        for _ in names {
            let Change::Put { key, revision: of, .. } = next(&mut changes).await else { panic!("a put") };
            assert_eq!(of, revision);
            seen.push(key);
        }
        seen.sort();
        assert_eq!(seen, names);
    }

    async fn ranges_and_prefixes_restrict(store) {
        let db = store.connect().await;
        let users = User::table();
        let mut range = users.watch(&db).range("b".."d").stream().await.unwrap();
        let mut prefix = users.watch(&db).prefix("b").stream().await.unwrap();
        for name in ["a", "b", "ba", "c", "d"] {
            put(&db, &user(name, 1)).await;
        }
        let end = delete(&db, "b").await;
        let keys = async |changes: &mut ChangeStream<User>| {
            let mut keys = Vec::new();
            loop {
                match next(changes).await {
                    Change::Put { key, .. } => keys.push(key),
                    Change::Delete { revision, .. } => {
                        assert_eq!(revision, end);
                        return keys;
                    }
                    Change::Resync { .. } => panic!("nothing was compacted"),
                }
            }
        };
        assert_eq!(keys(&mut range).await, ["b", "ba", "c"]);
        assert_eq!(keys(&mut prefix).await, ["b", "ba"]);
        let error = users.watch(&db).range("d".."b").stream().await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");
    }

    async fn maps_have_changes_too(store) {
        const NAMES: PMap<u32, String, Utf8> = PMap::at(77);
        let db = store.connect().await;
        let mut changes = NAMES.watch(&db).range(2..).stream().await.unwrap();
        let txn = db.begin().await.unwrap();
        NAMES.put(&txn, &1, &"one".to_owned()).unwrap();
        NAMES.put(&txn, &2, &"two".to_owned()).unwrap();
        let written = txn.commit().await.unwrap();
        match next(&mut changes).await {
            Change::Put { key: 2, value, previous: None, revision } if revision == written => {
                assert_eq!(value, "two");
            }
            other => panic!("{other:?}"),
        }
    }

    async fn a_row_that_cannot_be_decoded_is_an_error_in_its_place(store) {
        const NUMBERS: PMap<Uuid, String, Utf8> = PMap::at(78);
        let db = store.connect().await;
        let mut changes = NUMBERS.watch(&db).stream().await.unwrap();
        let slot = 78_u16.to_be_bytes();
        let key = Uuid::new_v4();
        let raw = [&slot[..], key.as_bytes()].concat();
        db.client().put(raw.clone(), [0xff, 0xfe]).await.unwrap();
        db.client().put([&slot[..], b"short"].concat(), "text").await.unwrap();
        let good = db.client().put(raw, "good").await.unwrap().revision();
        let broken = item(&mut changes).await.unwrap_err();
        assert!(broken.is_decode() && broken.to_string().contains("slot 78"), "{broken}");
        assert!(item(&mut changes).await.unwrap_err().is_decode());
        match next(&mut changes).await {
            Change::Put { key: of, value, previous: None, revision } => {
                assert_eq!((of, value.as_str(), revision), (key, "good", good));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_compaction_the_rows_are_listed() {
    // More than a page.
    const ROWS: usize = 250;
    on_stores_of_their_own(async |db, url| {
        let users = User::table();
        let name = |number: usize| format!("{number:04}");
        let first = put(db, &user("gone", 0)).await;
        let numbers: Vec<_> = (0..ROWS).collect();
        for some in numbers.chunks(50) {
            let txn = db.begin().await.unwrap();
            some.iter().for_each(|number| users.put(&txn, &user(&name(*number), 1)).unwrap());
            txn.commit().await.unwrap();
        }
        delete(db, "gone").await;
        let last = put(db, &user(&name(0), 2)).await;
        compact(url, last).await;
        let mut changes = users.watch(db).from(first).stream().await.unwrap();
        let Change::Resync { revision } = next(&mut changes).await else { panic!("a resync") };
        assert!(revision >= last);
        // What is put while the rows are listed comes after them.
        let later = put(db, &user(&name(ROWS - 1), 3)).await;
        for number in 0..ROWS {
            let age = if number == 0 { 2 } else { 1 };
            assert_eq!(next(&mut changes).await, is_put(&user(&name(number), age), None, revision));
        }
        let before = user(&name(ROWS - 1), 1);
        assert_eq!(next(&mut changes).await, is_put(&user(&name(ROWS - 1), 3), Some(&before), later));
    })
    .await;
}
