//! One row at a time.

use crate::store::{User, user};
use txetcd::{Database, Error, Lease, PMap, Result};

/// Puts a row that is there under a lease, as a foreign program would.
async fn put_under_lease(db: &Database, key: &[u8]) -> Lease {
    let lease = db.client().lease(std::time::Duration::from_secs(60)).await.unwrap();
    let value = db.client().get(key).await.unwrap().into_kvs().remove(0).into_parts().1;
    db.client().put(key, value).lease(&lease).await.unwrap();
    lease
}

stores! {
    async fn a_row_is_stored_changed_and_deleted(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.insert(txn, &user("ann", 30))).await.unwrap();
        let read = async || db.read(async |txn| users.get(txn, "ann").await).await.unwrap();
        assert_eq!(read().await, Some(user("ann", 30)));
        db.write(async |txn| users.put(txn, &user("ann", 31))).await.unwrap();
        assert_eq!(read().await, Some(user("ann", 31)));
        db.write(async |txn| users.delete(txn, "ann")).await.unwrap();
        assert_eq!(read().await, None);
        db.write(async |txn| users.delete(txn, "ann")).await.unwrap();
    }

    async fn an_insert_of_a_row_that_is_there_is_refused(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.insert(txn, &user("ann", 30))).await.unwrap();
        let error: Error = db.write(async |txn| users.insert(txn, &user("ann", 1))).await.unwrap_err();
        assert!(error.is_already_exists(), "{error}");
        let message = error.to_string();
        assert!(message.contains("User") && message.contains("ann") && message.contains("put"), "{message}");
        assert_eq!(db.read(async |txn| users.get(txn, "ann").await).await.unwrap(), Some(user("ann", 30)));

        // The same, committed by hand.
        let txn = db.begin().await.unwrap();
        users.insert(&txn, &user("ann", 2)).unwrap();
        assert!(txn.commit().await.unwrap_err().is_already_exists());
        // And after it was read.
        let txn = db.begin().await.unwrap();
        assert!(users.get(&txn, "ann").await.unwrap().is_some());
        users.insert(&txn, &user("ann", 2)).unwrap();
        assert!(txn.commit().await.unwrap_err().is_already_exists());
    }

    async fn a_transaction_sees_its_own_writes(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("old", 1))).await.unwrap();
        db.write(async |txn| {
            users.insert(txn, &user("new", 2))?;
            assert_eq!(users.get(txn, "new").await?, Some(user("new", 2)));
            assert!(users.insert(txn, &user("new", 3)).unwrap_err().is_already_exists());
            users.put(txn, &user("old", 4))?;
            assert_eq!(users.get(txn, "old").await?, Some(user("old", 4)));
            users.delete(txn, "old")?;
            assert_eq!(users.get(txn, "old").await?, None);
            assert!(!users.contains(txn, "old").await?);
            users.insert(txn, &user("old", 5))?;
            assert_eq!(users.count(txn).await?, 2);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        let all = db.read(async |txn| users.all(txn).collect().await).await.unwrap();
        assert_eq!(all, [user("new", 2), user("old", 5)]);
    }

    async fn take_returns_the_row_and_deletes_it(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("ann", 1))).await.unwrap();
        assert_eq!(db.write(async |txn| users.take(txn, "ann").await).await.unwrap(), Some(user("ann", 1)));
        assert_eq!(db.write(async |txn| users.take(txn, "ann").await).await.unwrap(), None);
    }

    async fn many_rows_are_read_in_the_order_of_the_keys(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| {
            users.put(txn, &user("a", 1))?;
            users.put(txn, &user("c", 3))
        })
        .await
        .unwrap();
        let found = db.read(async |txn| users.get_many(txn, &["c", "b", "a", "c"]).await).await.unwrap();
        assert_eq!(found, [Some(user("c", 3)), None, Some(user("a", 1)), Some(user("c", 3))]);
        let none: Vec<Option<User>> =
            db.read(async |txn| users.get_many(txn, &[] as &[String]).await).await.unwrap();
        assert!(none.is_empty());
    }

    async fn an_error_of_the_closure_rolls_back_and_is_returned(store) {
        #[derive(Debug)]
        enum Mine {
            No,
            Store(#[allow(dead_code)] Error),
        }
        impl From<Error> for Mine {
            fn from(error: Error) -> Self {
                Self::Store(error)
            }
        }
        let db = store.connect().await;
        let users = User::table();
        let result: Result<(), Mine> = db
            .write(async |txn| {
                users.put(txn, &user("ann", 1))?;
                Err(Mine::No)
            })
            .await;
        assert!(matches!(result, Err(Mine::No)));
        assert_eq!(db.read(async |txn| users.count(txn).await).await.unwrap(), 0);
    }

    async fn truncate_empties_a_table_and_no_other(store) {
        let db = store.connect().await;
        let (users, accounts) = (User::table(), crate::store::Account::table());
        db.write(async |txn| {
            accounts.put(txn, &crate::store::Account { id: 1, balance: 5 })?;
            (0..50).try_for_each(|n| users.put(txn, &user(&format!("user {n}"), n)))
        })
        .await
        .unwrap();
        db.write(async |txn| {
            users.put(txn, &user("before", 1))?;
            users.truncate(txn).await?;
            assert_eq!(users.count(txn).await?, 0);
            users.put(txn, &user("user 7", 70))?;
            users.put(txn, &user("zoe", 1))?;
            assert_eq!(users.count(txn).await?, 2);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        let all = db.read(async |txn| users.all(txn).collect().await).await.unwrap();
        assert_eq!(all, [user("user 7", 70), user("zoe", 1)]);
        assert_eq!(db.read(async |txn| accounts.count(txn).await).await.unwrap(), 1);
    }

    async fn a_row_keeps_the_lease_it_was_read_with(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("ann", 1))).await.unwrap();
        let key = [&1u16.to_be_bytes()[..], b"ann"].concat();
        let lease = put_under_lease(&db, &key).await;
        db.write(async |txn| {
            let mut ann = users.get(txn, "ann").await?.expect("ann");
            ann.age += 1;
            users.put(txn, &ann)
        })
        .await
        .unwrap();
        assert_eq!(db.client().get(key.clone()).await.unwrap().first().unwrap().lease(), lease.id());
        assert_eq!(lease.keys().await.unwrap(), std::slice::from_ref(&key));
        lease.revoke().await.unwrap();
        assert_eq!(db.read(async |txn| users.get(txn, "ann").await).await.unwrap(), None);
    }

    async fn a_row_that_is_deleted_and_put_again_is_another_one(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("ann", 1))).await.unwrap();
        let key = [&1u16.to_be_bytes()[..], b"ann"].concat();
        put_under_lease(&db, &key).await;
        db.write(async |txn| {
            users.take(txn, "ann").await?;
            users.put(txn, &user("ann", 2))?;
            users.put(txn, &user("ann", 3))
        })
        .await
        .unwrap();
        assert_eq!(db.client().get(key).await.unwrap().first().unwrap().lease(), 0);
    }

    async fn an_insert_among_many_rows_that_were_read_is_still_an_insert(store) {
        let db = store.connect().await;
        let accounts = crate::store::Account::table();
        db.write(async |txn| accounts.put(txn, &crate::store::Account { id: 15, balance: 1 })).await.unwrap();
        let error = db
            .write(async |txn| {
                accounts.get_many(txn, &(0..200).map(|n| n * 10).collect::<Vec<u32>>()).await?;
                accounts.insert(txn, &crate::store::Account { id: 15, balance: 2 })
            })
            .await
            .unwrap_err();
        assert!(error.is_already_exists(), "{error}");
        assert_eq!(db.read(async |txn| accounts.get(txn, &15).await).await.unwrap().unwrap().balance, 1);
    }

    async fn a_map_has_no_struct(store) {
        const NAMES: PMap<u32, String, txetcd::codec::Utf8> = PMap::at(40);
        let db = store.connect().await;
        db.write(async |txn| {
            NAMES.put(txn, &1, &"one".to_owned())?;
            NAMES.insert(txn, &2, &"two".to_owned())?;
            assert!(NAMES.insert(txn, &2, &"zwei".to_owned()).unwrap_err().is_already_exists());
            assert_eq!(NAMES.take(txn, &1).await?, Some("one".to_owned()));
            NAMES.put(txn, &3, &"three".to_owned())
        })
        .await
        .unwrap();
        db.read(async |txn| {
            assert_eq!(NAMES.all(txn).entries().await?, [(2, "two".to_owned()), (3, "three".to_owned())]);
            assert_eq!(NAMES.range(txn, ..3).keys().await?, [2]);
            assert_eq!(NAMES.get_many(txn, &[1, 2]).await?, [None, Some("two".to_owned())]);
            assert_eq!((NAMES.count(txn).await?, NAMES.contains(txn, &3).await?), (2, true));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        db.write(async |txn| {
            NAMES.delete(txn, &2)?;
            NAMES.truncate(txn).await
        })
        .await
        .unwrap();
        assert_eq!(db.read(async |txn| NAMES.get(txn, &3).await).await.unwrap(), None);
    }
}
