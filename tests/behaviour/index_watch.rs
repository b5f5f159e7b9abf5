//! Watches that an index restricts: rows come into its range and leave it, whatever is done to them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::indexes::{Person, person};
use crate::random::Random;
use crate::store::{compact, on_stores_of_their_own};
use futures_util::StreamExt as _;
use txetcd::{Change, ChangeStream, Database, Error};

/// Far more than any of this takes, on a slow machine too.
const LONG: Duration = Duration::from_secs(60);

async fn item(changes: &mut ChangeStream<Person>) -> Result<Change<Person>, Error> {
    let next = tokio::time::timeout(LONG, changes.next()).await.expect("a change in time");
    next.expect("a stream that goes on")
}

async fn next(changes: &mut ChangeStream<Person>) -> Change<Person> {
    item(changes).await.unwrap()
}

async fn put(db: &Database, row: &Person) -> i64 {
    let txn = db.begin().await.unwrap();
    Person::table().put(&txn, row).unwrap();
    txn.commit().await.unwrap()
}

async fn delete(db: &Database, id: u32) -> i64 {
    let txn = db.begin().await.unwrap();
    Person::table().delete(&txn, &id).unwrap();
    txn.commit().await.unwrap()
}

fn named(id: u32, name: &str) -> Person {
    person(id, &id.to_string(), name)
}

fn is_put(row: &Person, previous: Option<&Person>, revision: i64) -> Change<Person> {
    Change::Put { key: row.id, value: row.clone(), previous: previous.cloned(), revision }
}

fn is_delete(row: &Person, revision: i64) -> Change<Person> {
    Change::Delete { key: row.id, previous: Some(row.clone()), revision }
}

/// What a stream says of which row, up to a revision: `+` for a row that is new to it, `=` for one that was changed, `-`
/// for one that is gone.
async fn told(changes: &mut ChangeStream<Person>, last: i64) -> String {
    let mut told = String::new();
    loop {
        let (sign, key, revision) = match next(changes).await {
            Change::Put { key, previous, revision, .. } => {
                (if previous.is_none() { '+' } else { '=' }, key, revision)
            }
            Change::Delete { key, previous, revision } => {
                assert!(previous.is_some(), "all is known here");
                ('-', key, revision)
            }
            Change::Resync { .. } => panic!("nothing was compacted"),
        };
        told += &format!("{sign}{key}");
        if revision == last {
            return told;
        }
    }
}

stores! {
    async fn rows_enter_stay_and_leave(store) {
        let db = store.connect().await;
        let mut changes = Person::by_name().watch(&db).range("b".."d").stream().await.unwrap();
        let [before, entered, stayed, left] = ["a", "b", "cz", "d"].map(|name| named(1, name));
        put(&db, &before).await;
        let revision = put(&db, &entered).await;
        assert_eq!(next(&mut changes).await, is_put(&entered, None, revision));
        let revision = put(&db, &stayed).await;
        assert_eq!(next(&mut changes).await, is_put(&stayed, Some(&entered), revision));
        // Another field.
        let other = Person { role: 7, ..stayed.clone() };
        let revision = put(&db, &other).await;
        assert_eq!(next(&mut changes).await, is_put(&other, Some(&stayed), revision));
        let revision = put(&db, &left).await;
        assert_eq!(next(&mut changes).await, is_delete(&other, revision));
        put(&db, &Person { name: None, ..left.clone() }).await;
        let revision = put(&db, &entered).await;
        assert_eq!(next(&mut changes).await, is_put(&entered, None, revision));
        // Into an index's nothing.
        let revision = put(&db, &Person { name: None, ..entered.clone() }).await;
        assert_eq!(next(&mut changes).await, is_delete(&entered, revision));
        delete(&db, 1).await;
        // A new row in the range, and its end.
        let revision = put(&db, &named(2, "c")).await;
        assert_eq!(next(&mut changes).await, is_put(&named(2, "c"), None, revision));
        let revision = delete(&db, 2).await;
        assert_eq!(next(&mut changes).await, is_delete(&named(2, "c"), revision));
    }

    async fn every_way_to_restrict(store) {
        let db = store.connect().await;
        let of = async |watch: txetcd::IndexWatch<'_, Person, _, _>| watch.stream().await.unwrap();
        let mut all = of(Person::by_name().watch(&db)).await;
        let mut equal = of(Person::by_name().watch(&db).equal("bo")).await;
        let mut prefix = of(Person::by_name().watch(&db).prefix("b")).await;
        let mut closed = of(Person::by_name().watch(&db).range("bo"..="bo")).await;
        let mut word = of(Person::by_word().watch(&db).equal("smith")).await;
        let mut unique = Person::by_email().watch(&db).equal("3").stream().await.unwrap();
        let mut from = Person::by_email().watch(&db).range("2"..).stream().await.unwrap();
        let mut team = Person::by_team_role().watch(&db).prefix("red").stream().await.unwrap();
        let red = Person { team: Some("red".to_owned()), role: 1, ..named(4, "joe smith") };
        put(&db, &named(1, "bo")).await;
        put(&db, &named(2, "bob")).await;
        put(&db, &named(3, "b\0")).await;
        put(&db, &named(3, "bo")).await;
        put(&db, &red).await;
        // Two words, and the one that is watched in another place.
        put(&db, &Person { role: 2, name: Some("smith smith".to_owned()), ..red.clone() }).await;
        delete(&db, 3).await;
        put(&db, &Person { email: "5".to_owned(), ..named(1, "bo") }).await;
        let nobody = Person { email: "0".to_owned(), ..Person::default() };
        db.write(async |txn| {
            for id in 1..5 {
                Person::table().delete(txn, &id)?;
            }
            Person::table().put(txn, &nobody)
        })
        .await
        .unwrap();
        let smith = Person { team: Some("red".to_owned()), ..person(9, "3", "bo smith") };
        put(&db, &smith).await;
        // It ends all of them.
        let last = put(&db, &Person { name: Some("bo".to_owned()), ..smith }).await;
        assert_eq!(told(&mut all, last).await, "+1+2+3=3+4=4-3=1-1-2-4+9=9");
        assert_eq!(told(&mut equal, last).await, "+1+3-3=1-1+9");
        assert_eq!(told(&mut closed, last).await, "+1+3-3=1-1+9");
        assert_eq!(told(&mut prefix, last).await, "+1+2+3=3-3=1-1-2+9=9");
        assert_eq!(told(&mut word, last).await, "+4=4-4+9-9");
        assert_eq!(told(&mut unique, last).await, "+3=3-3+9=9");
        assert_eq!(told(&mut from, last).await, "+2+3=3+4=4-3+1-1-2-4+9=9");
        assert_eq!(told(&mut team, last).await, "+4=4-4+9=9");
    }

    async fn what_cannot_be_watched_is_refused(store) {
        let db = store.connect().await;
        let error = Person::by_name().watch(&db).range("d".."b").stream().await.unwrap_err();
        assert!(error.is_invalid_argument() && error.to_string().contains("empty"), "{error}");
        let error = Person::by_name().watch(&db).from(0).stream().await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");
    }

    async fn a_row_that_cannot_be_decoded_is_an_error_in_its_place(store) {
        let db = store.connect().await;
        put(&db, &named(1, "b")).await;
        let mut changes = Person::by_name().watch(&db).equal("b").stream().await.unwrap();
        let key = [&20_u16.to_be_bytes()[..], &1_u32.to_be_bytes()].concat();
        let good = db.client().get(key.clone()).await.unwrap().into_kvs().remove(0);
        db.client().put(key.clone(), [0xff]).await.unwrap();
        let again = db.client().put(key, good.value()).await.unwrap().revision();
        let broken = item(&mut changes).await.unwrap_err();
        assert!(broken.is_decode() && broken.to_string().contains("Person"), "{broken}");
        assert_eq!(next(&mut changes).await, is_put(&named(1, "b"), None, again), "what it was before is not known");
    }

    async fn a_mirror_of_the_changes_is_what_the_index_finds(store) {
        let db = store.connect().await;
        let mut random = Random::new(7);
        let mut changes = Person::by_tags().watch(&db).range("b".."d").stream().await.unwrap();
        let mut mirror = BTreeMap::new();
        for step in 0..30 {
            let txn = db.begin().await.unwrap();
            for id in 0..6 {
                match random.below(4) {
                    0 => Person::table().delete(&txn, &id).unwrap(),
                    1 => {
                        let tag = || (*["a", "b", "bb", "c", "d"].get(random.below(5) as usize).unwrap()).to_owned();
                        let tags = std::iter::repeat_with(tag).take(2).collect();
                        Person::table().put(&txn, &Person { tags, ..named(id, "x") }).unwrap();
                    }
                    _ => {}
                }
            }
            txn.commit().await.unwrap();
            // It ends the step.
            let end = put(&db, &Person { tags: vec!["c".to_owned()], role: step, ..named(9, "end") }).await;
            let mut told = 0;
            while told < end {
                told = match next(&mut changes).await {
                    Change::Put { key, value, previous, revision } => {
                        assert_eq!(mirror.insert(key, value), previous);
                        revision
                    }
                    Change::Delete { key, previous, revision } => {
                        assert!(previous.is_some(), "deleted without having been there");
                        assert_eq!(mirror.remove(&key), previous);
                        revision
                    }
                    Change::Resync { .. } => panic!("nothing was compacted"),
                }
            }
            let found = db.at(end).read(async |txn| Person::by_tags().range(txn, "b".."d").entries().await).await;
            assert_eq!(mirror, found.unwrap().into_iter().collect());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_compaction_the_rows_in_the_range_are_listed() {
    on_stores_of_their_own(async |db, url| {
        let first = put(db, &named(1, "a")).await;
        put(db, &named(2, "b")).await;
        put(db, &named(3, "c")).await;
        // They have been changed, and are no news.
        put(db, &Person { role: 1, ..named(1, "a") }).await;
        let kept = Person { role: 1, ..named(2, "b") };
        let last = put(db, &kept).await;
        compact(url, last).await;
        let mut changes = Person::by_name().watch(db).range("b".."c").from(first).stream().await.unwrap();
        let Change::Resync { revision } = next(&mut changes).await else { panic!("a resync") };
        let later = put(db, &named(3, "bb")).await;
        assert_eq!(next(&mut changes).await, is_put(&kept, None, revision));
        assert_eq!(next(&mut changes).await, is_put(&named(3, "bb"), None, later));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_may_have_left_is_told_as_deleted() {
    on_stores_of_their_own(async |db, url| {
        put(db, &named(1, "b")).await;
        put(db, &named(2, "b")).await;
        let left = put(db, &named(1, "a")).await;
        // What was before the first revision that is left is gone.
        compact(url, left).await;
        let mut changes = Person::by_name().watch(db).equal("b").from(left).stream().await.unwrap();
        assert_eq!(next(&mut changes).await, Change::Delete { key: 1, previous: None, revision: left });
        let later = put(db, &named(2, "c")).await;
        assert_eq!(next(&mut changes).await, is_delete(&named(2, "b"), later));
    })
    .await;
}
