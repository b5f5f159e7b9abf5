//! What transactions may cost, in requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::faults::lanes;
use crate::index_changes::{Item, item};
use crate::store::{Account, Store, User, user};
use futures_util::future::try_join_all;
use txetcd::{Database, Error};

/// Counts the requests of a transaction, of which there must have been others before: the first one of a
/// process also asks for its lease.
pub(crate) async fn requests<T>(db: &Database, transaction: impl AsyncFn() -> txetcd::Result<T>) -> u64 {
    let before = db.stats().requests;
    transaction().await.unwrap();
    db.stats().requests - before
}

/// Puts the row `a`, and waits until the tables are cached, if they are to be.
async fn warm_up(store: &Store, db: &Database) {
    let users = User::table();
    let rewrite = async || {
        db.write(async |txn| {
            let a = users.get(txn, "a").await?.unwrap_or_else(|| user("a", 1));
            users.put(txn, &a)
        })
        .await
    };
    rewrite().await.unwrap();
    if store.is_cached {
        let warm = async { while requests(db, rewrite).await > 1 {} };
        tokio::time::timeout(Duration::from_secs(30), warm).await.expect("the tables are cached");
    }
}

/// When each lane was last written to.
async fn written(db: &Database) -> Vec<i64> {
    let lanes = db.client().get(lanes()).await.unwrap();
    lanes.kvs().iter().map(|lane| lane.mod_revision()).collect()
}

stores! {
    async fn requests_of_a_transaction(store) {
        let db = store.connect().await;
        let (users, accounts) = (User::table(), Account::table());
        warm_up(store, &db).await;

        let writes_only = requests(&db, async || db.write(async |txn| users.put(txn, &user("a", 2))).await).await;
        assert_eq!(writes_only, 1);

        let inserts = requests(&db, async || db.write(async |txn| users.insert(txn, &user("b", 2))).await).await;
        assert_eq!(inserts, 1);

        let refused = requests(&db, async || {
            let error: Error = db.write(async |txn| users.insert(txn, &user("b", 2))).await.unwrap_err();
            assert!(error.is_already_exists());
            Ok(())
        })
        .await;
        assert_eq!(refused, 1);

        let read_modify_write = requests(&db, async || {
            db.write(async |txn| {
                let mut a = users.get(txn, "a").await?.expect("a");
                a.age += 1;
                users.put(txn, &a)
            })
            .await
        })
        .await;
        assert_eq!(read_modify_write, if store.is_cached { 1 } else { 2 });

        let together = requests(&db, async || {
            db.read(async |txn| tokio::try_join!(users.get(txn, "a"), users.get(txn, "b"), accounts.get(txn, &1))).await
        })
        .await;
        assert_eq!(together, 1);

        let before = written(&db).await;
        let of_every_kind = requests(&db, async || {
            db.write(async |txn| {
                tokio::try_join!(users.get(txn, "a"), users.all(txn).collect(), users.all(txn).keys())
            })
            .await
        })
        .await;
        assert_eq!(of_every_kind, 1, "one that reads the rows, or that validates what the cache has");
        assert_eq!(written(&db).await, before, "a validation is no write");

        assert_eq!(requests(&db, async || db.write(async |_| Ok::<_, Error>(())).await).await, 0);

        let many = requests(&db, async || db.read(async |txn| users.get_many(txn, &["a", "b", "c"]).await).await).await;
        assert_eq!(many, 1);

        let twice = requests(&db, async || {
            db.write(async |txn| {
                users.get(txn, "a").await?;
                users.get(txn, "a").await
            })
            .await
        })
        .await;
        assert_eq!(twice, 1, "a row that was read is not asked for again, and without a write there is no commit");

        let nothing_sent_for_a_rollback = requests(&db, async || {
            let _: Result<(), Error> =
                db.write(async |txn| users.put(txn, &user("a", 2)).and(Err(no()))).await;
            Ok(())
        })
        .await;
        assert_eq!(nothing_sent_for_a_rollback, 0);
    }

    async fn those_who_write_to_a_table_for_the_first_time_look_at_the_catalogue_together(store) {
        let db = store.connect().await;
        warm_up(store, &db).await;
        let put = async |id: u32| db.write(async |txn| Item::table().put(txn, &item(id, &format!("c{id}"), "red"))).await;
        let cost = requests(&db, async || try_join_all((0..64).map(put)).await).await;
        assert!(cost <= 32, "{cost}");
    }

    async fn a_retry_on_the_same_keys_costs_one_request(store) {
        let db = store.connect().await;
        let other = store.connect().await;
        let users = User::table();
        other.write(async |txn| users.put(txn, &user("a", 1))).await.unwrap();
        warm_up(store, &db).await;
        db.write(async |txn| users.put(txn, &user("b", 1))).await.unwrap();
        let disturbed = AtomicBool::new(false);
        let cost = requests(&db, async || {
            db.write(async |txn| {
                let a = users.get(txn, "a").await?.expect("a");
                let all = users.all(txn).collect().await?;
                if !disturbed.swap(true, Ordering::Relaxed) {
                    other.write(async |txn| users.put(txn, &user("a", 50))).await?;
                }
                users.put(txn, &user("b", a.age + all.len() as u32))
            })
            .await
        })
        .await;
        // Two reads, the commit that failed, and the commit; or the latter two, or just the last one, if the cache knew
        // of the change before.
        let expected = if store.is_cached { 1..=2 } else { 4..=4 };
        assert!(expected.contains(&cost), "{cost}");
        assert_eq!(db.read(async |txn| users.get(txn, "b").await).await.unwrap(), Some(user("b", 52)));
    }
}

fn no() -> Error {
    "".parse::<txetcd::Token>().unwrap_err()
}
