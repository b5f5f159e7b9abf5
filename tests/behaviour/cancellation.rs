//! Futures that are dropped, or held without being polled: they stop nobody else and leave nothing behind.

use std::time::Duration;

use crate::coordination::soon;
use crate::index_changes::{Item, item};
use crate::store::{Account, User, user};
use futures_util::{FutureExt as _, poll};
use txetcd::{Database, Error};

stores! {
    async fn a_read_that_is_held_stops_no_other(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("b", 2))).await.unwrap();
        db.read(async |txn| {
            for polls in 1..4 {
                let mut held = Box::pin(users.get(txn, "a"));
                for _ in 0..polls {
                    if poll!(held.as_mut()).is_ready() {
                        return Ok(());
                    }
                }
                let other = tokio::time::timeout(Duration::from_secs(5), users.get(txn, "b")).await;
                assert_eq!(other.expect("not to wait for the one that is held")?, Some(user("b", 2)));
                assert_eq!(held.await?, None);
            }
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }

    async fn a_write_that_is_held_stops_no_other(store) {
        let db = store.builder().transaction_timeout(Duration::from_secs(5)).connect().await.unwrap();
        let accounts = Account::table();
        for polls in 1..4 {
            let put = async |id: u32| db.write(async |txn| accounts.put(txn, &Account { id, balance: 1 })).await;
            let mut held = Box::pin(put(1));
            let mut ended = false;
            for _ in 0..polls {
                ended = ended || poll!(held.as_mut()).is_ready();
            }
            put(2).await.unwrap();
            if !ended {
                held.await.unwrap();
            }
        }
    }

    async fn who_enters_a_table_and_is_held_or_dropped_stops_no_other(store) {
        for polls in 1..12 {
            for drops in [false, true] {
                let db = store.builder().transaction_timeout(Duration::from_secs(5)).connect().await.unwrap();
                let row = |id: u32| item(id, &format!("c{id}"), "red");
                let put = async |id: u32| db.write(async |txn| Item::table().put(txn, &row(id))).await;
                let mut held = Box::pin(put(1));
                let mut ended = false;
                for _ in 0..polls {
                    ended = ended || poll!(held.as_mut()).is_ready();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let held = if drops { None } else { Some(held) };
                soon(put(2)).await.unwrap();
                if let Some(held) = held.filter(|_| !ended) {
                    held.await.unwrap();
                }
            }
        }
    }

    async fn a_future_that_is_dropped_takes_no_other_with_it(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("a", 1))).await.unwrap();
        db.read(async |txn| {
            let mut first = Box::pin(users.get(txn, "a"));
            let mut second = Box::pin(users.get(txn, "b"));
            assert!(poll!(first.as_mut()).is_pending());
            assert!(poll!(second.as_mut()).is_pending());
            drop(first);
            assert_eq!(second.await?, None);
            assert_eq!(users.get(txn, "a").await?, Some(user("a", 1)));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_read_that_is_dropped_at_once_does_not_keep_the_store_open() {
    let directory = crate::own_server::temporary_directory();
    let url = format!("embedded:{}", directory.path().display());
    let users = User::table();
    let db = Database::connect(&url).await.unwrap();
    assert!(db.read(async |txn| users.get(txn, "a").await).now_or_never().is_none());
    drop(db);
    Database::connect(&url).await.unwrap();
}
