//! What a transaction as a whole promises: snapshot, commit, conflict, retry, limits.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::store::{Account, Blob, User, user};
use txetcd::Error;

stores! {
    async fn a_read_transaction_sees_one_revision(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| {
            users.put(txn, &user("a", 1))?;
            users.put(txn, &user("b", 1))
        })
        .await
        .unwrap();
        db.read(async |txn| {
            let a = users.get(txn, "a").await?;
            db.write(async |txn| {
                users.put(txn, &user("a", 2))?;
                users.put(txn, &user("b", 2))
            })
            .await?;
            assert_eq!(users.get(txn, "b").await?, Some(user("b", 1)), "as old as {a:?}");
            assert_eq!(users.all(txn).collect().await?, [user("a", 1), user("b", 1)]);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }

    async fn a_read_transaction_is_at_least_as_new_as_its_beginning(store) {
        let databases = store.connect_many(2).await;
        let users = User::table();
        for age in 0..50 {
            databases[0].write(async |txn| users.put(txn, &user("a", age))).await.unwrap();
            let seen = databases[1].read(async |txn| users.get(txn, "a").await).await.unwrap();
            assert_eq!(seen, Some(user("a", age)));
        }
    }

    async fn a_write_runs_again_until_what_it_read_is_current(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("a", 0))).await.unwrap();
        let runs = AtomicU32::new(0);
        db.write(async |txn| {
            let mut a = users.get(txn, "a").await?.expect("a");
            if runs.fetch_add(1, Ordering::Relaxed) < 3 {
                db.write(async |txn| users.put(txn, &user("a", a.age + 10))).await?;
            }
            a.age += 1;
            users.put(txn, &a)
        })
        .await
        .unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 4);
        assert_eq!(db.read(async |txn| users.get(txn, "a").await).await.unwrap(), Some(user("a", 31)));
        let stats = db.stats();
        assert_eq!((stats.conflicts, stats.retries), (3, 3), "{stats:?}");
    }

    async fn attempts_end_in_a_conflict_that_names_the_key(store) {
        let db = store.builder().max_attempts(3).connect().await.unwrap();
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("ann", 0))).await.unwrap();
        let runs = AtomicU32::new(0);
        let error = db
            .write(async |txn| {
                let a = users.get(txn, "ann").await?.expect("ann");
                runs.fetch_add(1, Ordering::Relaxed);
                db.write(async |txn| users.put(txn, &user("ann", a.age + 10))).await?;
                users.put(txn, &a)
            })
            .await
            .unwrap_err();
        assert!(error.is_conflict(), "{error}");
        assert_eq!(runs.load(Ordering::Relaxed), 3);
        let message = error.to_string();
        assert!(message.contains("User (slot 1)") && message.contains("ann"), "{message}");
    }

    async fn a_deadline_ends_in_a_conflict(store) {
        let db = store.builder().transaction_timeout(Duration::from_millis(300)).connect().await.unwrap();
        let users = User::table();
        let error = db
            .write(async |txn| {
                let age = users.get(txn, "a").await?.map_or(0, |user| user.age);
                db.write(async |txn| users.put(txn, &user("a", age + 1))).await?;
                users.put(txn, &user("a", 0))
            })
            .await
            .unwrap_err();
        assert!(error.is_conflict() || error.is_timeout(), "{error}");
    }

    async fn by_hand_a_conflict_is_an_error_and_a_drop_discards(store) {
        let db = store.connect().await;
        let users = User::table();
        let txn = db.begin().await.unwrap();
        users.put(&txn, &user("a", 1)).unwrap();
        let revision = txn.commit().await.unwrap();
        assert_eq!(db.at(revision).read(async |txn| users.get(txn, "a").await).await.unwrap(), Some(user("a", 1)));
        assert_eq!(db.at(revision - 1).read(async |txn| users.get(txn, "a").await).await.unwrap(), None);

        let before = db.stats().requests;
        let txn = db.begin().await.unwrap();
        users.put(&txn, &user("a", 2)).unwrap();
        drop(txn);
        assert_eq!(db.stats().requests, before, "nothing was sent");

        let txn = db.begin().await.unwrap();
        let mut a = users.get(&txn, "a").await.unwrap().unwrap();
        db.write(async |txn| users.put(txn, &user("a", 5))).await.unwrap();
        a.age += 1;
        users.put(&txn, &a).unwrap();
        let error = txn.commit().await.unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains("\"a\""), "{error}");

        let txn = db.begin().await.unwrap();
        let read = users.get(&txn, "a").await.unwrap().unwrap();
        let revision = txn.commit().await.unwrap();
        assert!(read.age == 5 && revision > 0, "a transaction that wrote nothing returns what it read");
    }

    async fn futures_of_one_transaction_run_side_by_side(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("a", 1))).await.unwrap();
        let (a, b, all) = db
            .read(async |txn| {
                tokio::try_join!(users.get(txn, "a"), users.get(txn, "b"), users.all(txn).collect())
            })
            .await
            .unwrap();
        assert_eq!((a, b, all), (Some(user("a", 1)), None, vec![user("a", 1)]));
    }

    async fn a_transaction_that_is_too_large_is_refused_before_anything_is_sent(store) {
        let db = store.connect().await;
        let (accounts, users) = (Account::table(), User::table());
        db.write(async |txn| (0..127).try_for_each(|id| accounts.put(txn, &Account { id, balance: 0 }))).await.unwrap();
        let before = db.stats();
        let error = db
            .write(async |txn| (0..200).try_for_each(|id| accounts.put(txn, &Account { id, balance: 1 })))
            .await
            .unwrap_err();
        assert!(error.is_too_large(), "{error}");
        assert!(["200", "128", "--max-txn-ops"].iter().all(|part| error.to_string().contains(part)), "{error}");
        let error = db
            .write(async |txn| (0..2).try_for_each(|n| users.put(txn, &user(&format!("{n}{}", "x".repeat(900_000)), 0))))
            .await
            .unwrap_err();
        assert!(error.is_too_large() && error.to_string().contains("bytes"), "{error}");
        assert_eq!(db.stats().requests, before.requests, "nothing was sent");
    }

    async fn rows_that_almost_fill_a_request_are_accepted(store) {
        let db = store.connect().await;
        let blobs = Blob::table();
        let large = Blob { id: 1, bytes: "x".repeat(1_500_000) };
        db.write(async |txn| blobs.put(txn, &large)).await.unwrap();
        assert_eq!(db.read(async |txn| blobs.all(txn).collect().await).await.unwrap(), [large]);
    }

    async fn a_read_only_database_refuses_to_write(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("a", 1))).await.unwrap();
        let reader = store.builder().read_only(true).connect().await.unwrap();
        assert!(reader.read(async |txn| users.get(txn, "a").await).await.unwrap().is_some());
        let error: Error = reader.write(async |txn| users.put(txn, &user("a", 2))).await.unwrap_err();
        assert!(error.is_read_only(), "{error}");
        assert!(reader.begin().await.unwrap_err().is_read_only());
        assert!(reader.client().put("k", "v").await.unwrap_err().is_read_only());
        assert!(reader.client().delete("k").await.unwrap_err().is_read_only());
    }

    async fn bookkeeping_is_bounded_and_vanishes_with_the_process(store) {
        let db = store.connect().await;
        let observer = store.connect().await;
        let accounts = Account::table();
        futures_util::future::join_all((0..300u32).map(|id| {
            let db = db.clone();
            async move { db.write(async |txn| accounts.put(txn, &Account { id, balance: 0 })).await.unwrap() }
        }))
        .await;
        let bookkeeping = || async {
            observer.client().get(txetcd::KeySet::prefix([0xff, 0xff])).keys_only().await.unwrap().count()
        };
        let lanes = bookkeeping().await;
        assert!((1..=64).contains(&lanes), "{lanes} lanes");
        drop(db);
        for _ in 0..100 {
            if bookkeeping().await == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} keys are left behind", bookkeeping().await);
    }

    async fn an_insert_that_cannot_succeed_needs_one_attempt(store) {
        let db = store.builder().max_attempts(1).connect().await.unwrap();
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("a", 1))).await.unwrap();
        let error = db.write(async |txn| users.insert(txn, &user("a", 2))).await.unwrap_err();
        assert!(error.is_already_exists(), "{error}");
    }

    async fn by_hand_an_insert_and_overlapping_scans_tell_what_is_wrong(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        db.write(async |txn| [1, 5, 9].iter().try_for_each(|id| accounts.put(txn, &Account { id: *id, balance: 0 })))
            .await
            .unwrap();
        let begin = async || {
            let txn = db.begin().await.unwrap();
            accounts.range(&txn, 0..3).collect().await.unwrap();
            accounts.range(&txn, 0..7).collect().await.unwrap();
            accounts.insert(&txn, &Account { id: 9, balance: 1 }).unwrap();
            txn
        };
        assert!(begin().await.commit().await.unwrap_err().is_already_exists());
        let txn = begin().await;
        db.write(async |txn| accounts.delete(txn, &5)).await.unwrap();
        let error = txn.commit().await.unwrap_err();
        assert!(error.is_conflict() && error.to_string().contains("0x00000005"), "{error}");
    }

    async fn many_small_scans_fit_into_one_transaction(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        for chunk in (0..400u32).collect::<Vec<_>>().chunks(100) {
            db.write(async |txn| chunk.iter().try_for_each(|id| accounts.put(txn, &Account { id: *id, balance: 1 })))
                .await
                .unwrap();
        }
        db.write(async |txn| {
            for order in 0..200 {
                accounts.range(txn, order * 2..order * 2 + 1).collect().await?;
            }
            accounts.insert(txn, &Account { id: 1000, balance: 0 })
        })
        .await
        .unwrap();
    }

    async fn truncating_twice_is_truncating_once(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        db.write(async |txn| {
            accounts.truncate(txn).await?;
            (0..60).try_for_each(|id| accounts.put(txn, &Account { id, balance: 0 }))?;
            accounts.truncate(txn).await?;
            (0..60).try_for_each(|id| accounts.put(txn, &Account { id, balance: 1 }))
        })
        .await
        .unwrap();
        assert_eq!(db.read(async |txn| accounts.count(txn).await).await.unwrap(), 60);
    }

    async fn timeouts_may_be_endless(store) {
        let endless = store.builder().transaction_timeout(Duration::MAX).request_timeout(Duration::MAX);
        let db = endless.connect_timeout(Duration::MAX).connect().await.unwrap();
        db.write(async |txn| User::table().put(txn, &user("a", 1))).await.unwrap();
        let txn = db.begin().await.unwrap();
        User::table().put(&txn, &user("a", 2)).unwrap();
        txn.commit().await.unwrap();
    }
}
