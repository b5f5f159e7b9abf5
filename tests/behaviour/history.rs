//! Earlier revisions, and their compaction.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::store::{Store, User, compact, on_stores_of_their_own, user};
use txetcd::{Database, Error};

stores! {
    async fn time_travel_reads_exactly_that_revision(store) {
        let db = store.connect().await;
        let users = User::table();
        let mut revisions = Vec::new();
        for age in 0..5 {
            let txn = db.begin().await.unwrap();
            users.put(&txn, &user("a", age)).unwrap();
            users.put(&txn, &user(&format!("at {age}"), age)).unwrap();
            revisions.push(txn.commit().await.unwrap());
        }
        for (age, revision) in (0..5).zip(revisions) {
            db.at(revision)
                .read(async |txn| {
                    assert_eq!(users.get(txn, "a").await?, Some(user("a", age)));
                    assert_eq!(users.count(txn).await?, u64::from(age) + 2);
                    assert_eq!(users.all(txn).collect().await?.len() as u32, age + 2);
                    Ok::<_, Error>(())
                })
                .await
                .unwrap();
        }
        let future = db.status().await.unwrap().revision() + 1_000_000;
        let error = db.at(future).read(async |txn| users.get(txn, "a").await).await.unwrap_err();
        assert!(error.is_future_revision(), "{error}");
        let error = db.at(0).read(async |txn| users.get(txn, "a").await).await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");
    }
}

/// Writes a row, and forgets what was before that.
async fn replace_and_compact(db: &Database, url: &str, age: u32) -> Result<(), Error> {
    db.write(async |txn| User::table().put(txn, &user("a", age))).await?;
    compact(url, db.status().await?.revision()).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compacted_revision_is_an_error_and_a_running_transaction_starts_again() {
    on_stores_of_their_own(async |db, url| {
        let users = User::table();
        let txn = db.begin().await.unwrap();
        users.put(&txn, &user("a", 1)).unwrap();
        let first = txn.commit().await.unwrap();
        for age in 2..6 {
            db.write(async |txn| users.put(txn, &user("a", age))).await.unwrap();
        }
        let now = db.status().await.unwrap().revision();
        compact(url, now).await;
        let error = db.at(first).read(async |txn| users.get(txn, "a").await).await.unwrap_err();
        assert!(error.is_compacted(), "{error}");
        assert_eq!(db.at(now).read(async |txn| users.get(txn, "a").await).await.unwrap(), Some(user("a", 5)));

        let disturbed = AtomicBool::new(false);
        let read = db
            .read(async |txn| {
                let a = users.get(txn, "a").await?;
                if !disturbed.swap(true, Ordering::Relaxed) {
                    replace_and_compact(db, url, 9).await?;
                }
                Ok::<_, Error>((a, users.get(txn, "b").await?))
            })
            .await
            .unwrap();
        assert_eq!(read, (Some(user("a", 9)), None));

        disturbed.store(false, Ordering::Relaxed);
        db.write(async |txn| {
            let mut a = users.get(txn, "a").await?.expect("a");
            if !disturbed.swap(true, Ordering::Relaxed) {
                replace_and_compact(db, url, 50).await?;
            }
            users.contains(txn, "b").await?;
            a.age += 1;
            users.put(txn, &a)
        })
        .await
        .unwrap();
        assert_eq!(db.read(async |txn| users.get(txn, "a").await).await.unwrap(), Some(user("a", 51)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_what_is_compacted_each_time_is_told_so() {
    on_stores_of_their_own(async |db, url| {
        let users = User::table();
        let attempts = AtomicU32::new(0);
        let disturb = async || {
            attempts.fetch_add(1, Ordering::Relaxed);
            replace_and_compact(db, url, 1).await
        };
        let briefly = Duration::from_millis(300);
        let few = Database::builder().url(url).max_attempts(3).connect().await.unwrap();
        let brief = Database::builder().url(url).transaction_timeout(briefly).connect().await.unwrap();
        for (limited, says, expected) in [(&few, "in 3 attempts", 3..=3), (&brief, "within 300ms", 1..=1000)]
        {
            let reads = limited.read(async |txn| {
                users.get(txn, "a").await?;
                disturb().await?;
                users.get(txn, "b").await
            });
            let error = reads.await.unwrap_err();
            assert!(error.is_compacted(), "{error}");
            let read = attempts.swap(0, Ordering::Relaxed);

            let writes = limited.write(async |txn| {
                users.get(txn, "a").await?;
                disturb().await?;
                users.get(txn, "b").await?;
                users.put(txn, &user("b", 1))
            });
            let error = writes.await.unwrap_err();
            assert!(error.is_compacted() && error.to_string().contains(says), "{error}");
            let written = attempts.swap(0, Ordering::Relaxed);
            assert!(expected.contains(&read) && expected.contains(&written), "{read}, {written}: {says}");
        }
        assert!(!db.read(async |txn| users.contains(txn, "b").await).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_store_on_a_file_keeps_its_rows_and_history() {
    let directory = crate::own_server::temporary_directory();
    let url = format!("embedded:{}", directory.path().display());
    let users = User::table();
    let mut revisions = Vec::new();
    for age in 0..3 {
        let db = Database::connect(&url).await.unwrap();
        assert_eq!(db.read(async |txn| users.count(txn).await).await.unwrap(), u64::from(age > 0));
        let txn = db.begin().await.unwrap();
        users.put(&txn, &user("a", age)).unwrap();
        revisions.push(txn.commit().await.unwrap());
    }
    let db = Database::connect(&url).await.unwrap();
    for (age, revision) in (0..3).zip(&revisions) {
        let a = db.at(*revision).read(async |txn| users.get(txn, "a").await).await.unwrap();
        assert_eq!(a, Some(user("a", age)));
    }
}

#[tokio::test]
async fn a_file_that_is_open_elsewhere_is_refused() {
    let directory = crate::own_server::temporary_directory();
    let url = format!("embedded:{}", directory.path().display());
    let _open = Database::connect(&url).await.unwrap();
    let error = Database::connect(&url).await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    let message = error.to_string();
    assert!(message.contains(&directory.path().display().to_string()), "{message}");
}

#[tokio::test]
async fn stores_in_memory_are_apart() {
    let (one, two) = (Store::memory(), Store::memory());
    let users = User::table();
    one.connect().await.write(async |txn| users.put(txn, &user("a", 1))).await.unwrap();
    assert_eq!(two.connect().await.read(async |txn| users.count(txn).await).await.unwrap(), 0);
}
