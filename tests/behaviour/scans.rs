//! Many rows at a time, over a transaction's own writes.

use crate::cost::requests;
use crate::store::{Account, Blob, User, user};
use futures_util::TryStreamExt as _;
use txetcd::{Database, Error, Token};

async fn fill(db: &Database, count: u32) {
    let accounts = Account::table();
    for chunk in (0..count).collect::<Vec<_>>().chunks(100) {
        db.write(async |txn| {
            chunk.iter().try_for_each(|id| accounts.put(txn, &Account { id: *id, balance: i64::from(*id) }))
        })
        .await
        .unwrap();
    }
}

fn ids(rows: Vec<Account>) -> Vec<u32> {
    rows.into_iter().map(|account| account.id).collect()
}

stores! {
    async fn ranges_prefixes_limits_and_directions(store) {
        let db = store.connect().await;
        let (accounts, users) = (Account::table(), User::table());
        fill(&db, 300).await;
        let high = 13; // A range that holds nothing.
        db.write(async |txn| {
            ["al", "alan", "albert", "bob"].iter().try_for_each(|name| users.put(txn, &user(name, 1)))
        })
        .await
        .unwrap();
        db.read(async |txn| {
            assert_eq!(ids(accounts.all(txn).collect().await?), (0..300).collect::<Vec<_>>());
            assert_eq!(ids(accounts.all(txn).rev().limit(3).collect().await?), [299, 298, 297]);
            assert_eq!(ids(accounts.all(txn).rev().collect().await?), (0..300).rev().collect::<Vec<_>>());
            assert_eq!(ids(accounts.range(txn, 10..13).collect().await?), [10, 11, 12]);
            assert_eq!(ids(accounts.range(txn, 10..=12).rev().collect().await?), [12, 11, 10]);
            assert_eq!(ids(accounts.range(txn, 298..).collect().await?), [298, 299]);
            assert_eq!(ids(accounts.range(txn, ..2).collect().await?), [0, 1]);
            assert!(accounts.range(txn, high..10).collect().await?.is_empty());
            assert_eq!(accounts.range(txn, 5..8).keys().await?, [5, 6, 7]);
            let entries = accounts.range(txn, 5..7).entries().await?;
            assert_eq!(entries, [5, 6].map(|id| (id, Account { id, balance: i64::from(id) })));
            assert_eq!(accounts.count(txn).await?, 300);
            assert_eq!(users.prefix(txn, "al").keys().await?, ["al", "alan", "albert"]);
            assert_eq!(users.prefix(txn, "alb").rev().keys().await?, ["albert"]);
            assert_eq!(users.range(txn, "alan".."bob").keys().await?, ["alan", "albert"]);
            assert_eq!(users.all(txn).first().await?.map(|user| user.name), Some("al".to_owned()));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }

    async fn a_scan_sees_the_transactions_own_writes(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        fill(&db, 250).await;
        db.write(async |txn| {
            accounts.delete(txn, &0)?;
            accounts.delete(txn, &100)?;
            accounts.delete(txn, &249)?;
            accounts.put(txn, &Account { id: 50, balance: -1 })?;
            accounts.put(txn, &Account { id: 1000, balance: -2 })?;
            accounts.insert(txn, &Account { id: 1001, balance: -3 })?;
            let mut expected: Vec<u32> = (1..249).filter(|id| *id != 100).collect();
            expected.extend([1000, 1001]);
            assert_eq!(ids(accounts.all(txn).collect().await?), expected);
            assert_eq!(accounts.all(txn).keys().await?, expected);
            assert_eq!(accounts.count(txn).await?, expected.len() as u64);
            expected.reverse();
            assert_eq!(ids(accounts.all(txn).rev().collect().await?), expected);
            assert_eq!(ids(accounts.all(txn).rev().limit(4).collect().await?), [1001, 1000, 248, 247]);
            assert_eq!(ids(accounts.all(txn).limit(2).collect().await?), [1, 2]);
            assert_eq!(accounts.range(txn, 50..51).collect().await?[0].balance, -1);
            accounts.truncate(txn).await?;
            accounts.put(txn, &Account { id: 7, balance: 0 })?;
            assert_eq!(ids(accounts.all(txn).collect().await?), [7]);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        assert_eq!(db.read(async |txn| accounts.all(txn).keys().await).await.unwrap(), [7]);
    }

    async fn a_scan_behind_deleted_rows_is_not_row_by_row(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        fill(&db, 100).await;
        let cost = requests(&db, async || {
            let txn = db.begin().await?;
            (0..90).try_for_each(|id| accounts.delete(&txn, &id))?;
            assert_eq!(accounts.all(&txn).first().await?.map(|account| account.id), Some(90));
            assert_eq!(accounts.all(&txn).rev().limit(2).keys().await?, [99, 98]);
            Ok(())
        })
        .await;
        assert_eq!(cost, 3, "two to find the first, and one for the last");
    }

    async fn pages_go_on_where_they_ended(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        fill(&db, 25).await;
        for reverse in [false, true] {
            let mut seen = Vec::new();
            let mut token: Option<Token> = None;
            loop {
                // Each page in a transaction of its own, the token through text, as over HTTP.
                let text = token.as_ref().map(ToString::to_string);
                let page = db
                    .read(async |txn| {
                        let mut scan = accounts.range(txn, 1..24);
                        if reverse {
                            scan = scan.rev();
                        }
                        if let Some(text) = &text {
                            scan = scan.after(&text.parse()?);
                        }
                        scan.page(10).await
                    })
                    .await
                    .unwrap();
                assert!(page.items.len() <= 10);
                seen.extend(ids(page.items));
                token = page.next;
                if token.is_none() {
                    break;
                }
            }
            let mut expected: Vec<u32> = (1..24).collect();
            if reverse {
                expected.reverse();
            }
            assert_eq!(seen, expected);
        }
        let exact = db.read(async |txn| accounts.range(txn, 0..10).page(10).await).await.unwrap();
        assert_eq!((exact.items.len(), exact.next), (10, None), "no empty page after the last row");
        let limited = db.read(async |txn| accounts.all(txn).limit(3).page(10).await).await.unwrap();
        assert_eq!((limited.items.len(), limited.next.is_some()), (3, true));
        let error = db.read(async |txn| accounts.all(txn).page(0).await).await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");
        let other = db.read(async |txn| accounts.all(txn).page(1).await).await.unwrap().next.unwrap();
        let error = db.read(async |txn| User::table().all(txn).after(&other).collect().await).await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");
    }

    async fn a_stream_is_of_one_revision(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        fill(&db, 400).await;
        db.read(async |txn| {
            let mut rows = accounts.all(txn).stream();
            let mut count = 0;
            while let Some(account) = rows.try_next().await? {
                if count == 0 {
                    // Rows that are changed, deleted and added behind the reader's back.
                    db.write(async |txn| {
                        accounts.truncate(txn).await?;
                        accounts.put(txn, &Account { id: 5000, balance: 0 })
                    })
                    .await?;
                }
                assert_eq!((account.id, account.balance), (count, i64::from(count)));
                count += 1;
            }
            assert_eq!(count, 400);
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
    }

    async fn large_rows_are_scanned_in_pages_that_fit(store) {
        let db = store.connect().await;
        let blobs = Blob::table();
        for id in 0..24 {
            let blob = Blob { id, bytes: "x".repeat(700_000) };
            db.write(async |txn| blobs.put(txn, &blob)).await.unwrap();
        }
        let sizes = db
            .read(async |txn| Ok::<_, Error>(blobs.all(txn).collect().await?.iter().map(|blob| blob.bytes.len()).sum::<usize>()))
            .await
            .unwrap();
        assert_eq!(sizes, 24 * 700_000);
    }
}
