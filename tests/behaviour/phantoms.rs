//! What a transaction scanned is protected like what it read by key: against inserts, changes and deletes.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::store::{Account, Store};
use txetcd::{Database, Error};

/// More rows than etcd takes conditions in one transaction.
pub(crate) const MANY: u32 = 400;
const FEW: u32 = 10;

async fn fill(db: &Database, count: u32) {
    let accounts = Account::table();
    for chunk in (0..count).collect::<Vec<_>>().chunks(100) {
        db.write(async |txn| {
            chunk.iter().try_for_each(|id| accounts.put(txn, &Account { id: *id * 2, balance: 1 }))
        })
        .await
        .unwrap();
    }
}

/// Runs a transaction that reads, is disturbed by another connection in its first run, and writes what it
/// read. It must have run twice, and have written what is true after the disturbance.
pub(crate) async fn disturbed(
    store: &Store,
    rows: u32,
    read: impl AsyncFn(&txetcd::WriteTxn) -> txetcd::Result<i64>,
    disturb: impl AsyncFn(&Database),
) {
    let (db, other) = (store.connect().await, store.connect().await);
    let accounts = Account::table();
    db.write(async |txn| accounts.truncate(txn).await).await.unwrap();
    fill(&db, rows).await;
    // By hand, so that the disturbance stands exactly between the read and the commit.
    let txn = db.begin().await.unwrap();
    let seen = read(&txn).await.unwrap();
    disturb(&other).await;
    accounts.put(&txn, &Account { id: 100_001, balance: seen }).unwrap();
    let error = txn.commit().await.expect_err("what was read has changed");
    assert!(error.is_conflict(), "{error}");
    assert!(error.to_string().contains("Account"), "{error}");
    // Undisturbed, the same commits.
    let txn = db.begin().await.unwrap();
    let seen = read(&txn).await.unwrap();
    accounts.put(&txn, &Account { id: 100_001, balance: seen }).unwrap();
    txn.commit().await.unwrap();
}

async fn insert(db: &Database) {
    db.write(async |txn| Account::table().insert(txn, &Account { id: 7, balance: 1 })).await.unwrap();
}

async fn update(db: &Database) {
    db.write(async |txn| Account::table().put(txn, &Account { id: 8, balance: 2 })).await.unwrap();
}

async fn delete(db: &Database) {
    db.write(async |txn| Account::table().delete(txn, &8)).await.unwrap();
}

async fn truncate(db: &Database) {
    db.write(async |txn| Account::table().truncate(txn).await).await.unwrap();
}

/// A delete and an insert that leave the number of rows as it was.
async fn replace(db: &Database) {
    db.write(async |txn| {
        Account::table().delete(txn, &8)?;
        Account::table().insert(txn, &Account { id: 9, balance: 1 })
    })
    .await
    .unwrap();
}

pub(crate) async fn sum(txn: &txetcd::WriteTxn) -> txetcd::Result<i64> {
    Ok(Account::table().range(txn, ..100_000).collect().await?.iter().map(|account| account.balance).sum())
}

async fn count(txn: &txetcd::WriteTxn) -> txetcd::Result<i64> {
    Ok(Account::table().count(txn).await? as i64)
}

async fn keys(txn: &txetcd::WriteTxn) -> txetcd::Result<i64> {
    Ok(Account::table().all(txn).keys().await?.len() as i64)
}

stores! {
    async fn an_insert_into_a_scanned_range(store) {
        for rows in [0, FEW, MANY] {
            disturbed(store, rows, async |txn| sum(txn).await, insert).await;
        }
    }

    async fn a_change_in_a_scanned_range(store) {
        for rows in [FEW, MANY] {
            disturbed(store, rows, async |txn| sum(txn).await, update).await;
        }
    }

    async fn a_deletion_from_a_scanned_range(store) {
        for rows in [FEW, MANY] {
            disturbed(store, rows, async |txn| sum(txn).await, delete).await;
            disturbed(store, rows, async |txn| sum(txn).await, truncate).await;
        }
    }

    async fn a_count_is_protected(store) {
        for rows in [FEW, MANY] {
            for disturb in [0, 1, 2] {
                disturbed(store, rows, async |txn| count(txn).await, async |db| match disturb {
                    0 => insert(db).await,
                    1 => delete(db).await,
                    _ => replace(db).await,
                })
                .await;
            }
            disturbed(store, rows, async |txn| keys(txn).await, delete).await;
        }
    }

    async fn many_single_reads_are_protected(store) {
        let ids: Vec<u32> = (0..MANY).collect();
        let read = async |txn: &txetcd::WriteTxn| {
            Ok(Account::table().get_many(txn, &ids).await?.iter().flatten().count() as i64)
        };
        disturbed(store, MANY, read, insert).await;
        disturbed(store, MANY, read, update).await;
        disturbed(store, MANY, read, delete).await;
    }

    async fn a_limited_scan_is_protected_as_far_as_it_went(store) {
        let first = async |txn: &txetcd::WriteTxn| {
            Ok(Account::table().all(txn).limit(6).collect().await?.len() as i64)
        };
        disturbed(store, MANY, first, insert).await;
        disturbed(store, MANY, first, delete).await;
        let last = async |txn: &txetcd::WriteTxn| {
            Ok(Account::table().range(txn, ..100_000).rev().limit(FEW as usize).collect().await?.len() as i64)
        };
        disturbed(store, FEW, last, delete).await;

        // What it did not read does not matter.
        let (db, other) = (store.connect().await, store.connect().await);
        let txn = db.begin().await.unwrap();
        first(&txn).await.unwrap();
        other.write(async |txn| Account::table().put(txn, &Account { id: 300, balance: 9 })).await.unwrap();
        Account::table().put(&txn, &Account { id: 100_002, balance: 0 }).unwrap();
        txn.commit().await.unwrap();
    }

    async fn a_leased_row_that_vanishes_from_a_scanned_range(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        for rows in [FEW, 300] {
            db.write(async |txn| accounts.truncate(txn).await).await.unwrap();
            fill(&db, rows).await;
            let lease = db.client().lease(std::time::Duration::from_secs(60)).await.unwrap();
            let key = [&2u16.to_be_bytes()[..], &8u32.to_be_bytes()].concat();
            let value = db.client().get(key.clone()).await.unwrap().into_kvs().remove(0).into_parts().1;
            db.client().put(key, value).lease(&lease).await.unwrap();
            let txn = db.begin().await.unwrap();
            let seen = sum(&txn).await.unwrap();
            lease.revoke().await.unwrap();
            accounts.put(&txn, &Account { id: 100_001, balance: seen }).unwrap();
            assert!(txn.commit().await.unwrap_err().is_conflict(), "with {rows} rows");
        }
    }

    async fn an_absent_row_that_appears(store) {
        let (db, other) = (store.connect().await, store.connect().await);
        let txn = db.begin().await.unwrap();
        assert!(!Account::table().contains(&txn, &7).await.unwrap());
        insert(&other).await;
        Account::table().put(&txn, &Account { id: 1, balance: 1 }).unwrap();
        assert!(txn.commit().await.unwrap_err().is_conflict());
    }

    async fn no_phantom_slips_through_a_race(store) {
        // At most ten rows may be there: every writer counts before it inserts.
        let databases = store.connect_many(3).await;
        let accounts = Account::table();
        let refused = AtomicU32::new(0);
        let insert = async |number: u32| {
            let db = &databases[number as usize % 3];
            db.write(async |txn| {
                if accounts.count(txn).await? >= 10 {
                    refused.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                accounts.insert(txn, &Account { id: number, balance: 0 })
            })
            .await
            .unwrap();
        };
        futures_util::future::join_all((0..25).map(insert)).await;
        assert_eq!(databases[0].read(async |txn| accounts.count(txn).await).await.unwrap(), 10);
        assert!(refused.load(Ordering::Relaxed) >= 15);
    }

    async fn nobody_empties_the_ward(store) {
        // Someone must stay on call: whoever leaves counts the others, by a scan, and deletes its own row.
        let databases = store.connect_many(3).await;
        let accounts = Account::table();
        for rows in [6, 200] {
            databases[0].write(async |txn| accounts.truncate(txn).await).await.unwrap();
            fill(&databases[0], rows).await;
            let leave = async |number: u32| {
                let db = &databases[number as usize % 3];
                db.write(async |txn| {
                    let on_call = accounts.all(txn).collect().await?;
                    if on_call.len() as u32 > rows - 4 {
                        accounts.delete(txn, &(number * 2))?;
                    }
                    Ok::<_, Error>(())
                })
                .await
                .unwrap();
            };
            futures_util::future::join_all((0..6).map(leave)).await;
            let left = databases[1].read(async |txn| accounts.count(txn).await).await.unwrap();
            assert_eq!(left, u64::from(rows - 4));
        }
    }
}
