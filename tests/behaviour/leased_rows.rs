//! Rows with a time to live.

use std::time::Duration;

use crate::coordination::{LONG, session};
use crate::store::{User, on_stores_of_their_own, user};
use txetcd::{Client, Database, Error, KeySet, PMap, Persist, codec::Utf8};

const NOTES: PMap<String, String, Utf8> = PMap::at(40);
const OTHER: Duration = Duration::from_secs(90);

/// A row with an index.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 41)]
struct Guest {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 42, unique))]
    email: String,
}

fn guest(id: u32, email: &str) -> Guest {
    Guest { id, email: email.to_owned() }
}

/// The leases of all keys in a slot; 0 for none.
async fn leases(client: &Client, slot: u16) -> Vec<i64> {
    let found = client.get(KeySet::prefix(slot.to_be_bytes())).await.unwrap();
    found.kvs().iter().map(txetcd::KeyValue::lease).collect()
}

async fn count(db: &Database) -> u64 {
    db.read(async |txn| User::table().count(txn).await).await.unwrap()
}

stores! {
    async fn rows_vanish_with_their_time(store) {
        let db = store.connect().await;
        let users = User::table();
        let short = users.with_ttl(Duration::from_secs(2));
        db.write(async |txn| {
            short.put(txn, &user("a", 1))?;
            short.insert(txn, &user("b", 1))?;
            users.put(txn, &user("c", 1))
        })
        .await
        .unwrap();
        let [first, second, third] = leases(db.client(), 1).await[..] else { panic!("three rows") };
        assert!(first != 0 && first == second && third == 0, "one lease for one time");
        for _ in 0..1_000 {
            if count(&db).await == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(db.read(async |txn| users.all(txn).collect().await).await.unwrap(), [user("c", 1)]);
    }

    async fn a_put_keeps_the_lease_unless_it_says_otherwise(store) {
        let db = store.connect().await;
        let own = session(db.client()).await;
        let users = User::table();
        db.write(async |txn| users.with_lease(own.lease()).put(txn, &user("a", 1))).await.unwrap();
        assert_eq!(leases(db.client(), 1).await, [own.lease().id()]);
        db.write(async |txn| {
            let mut row = users.get(txn, "a").await?.expect("the row");
            row.age += 1;
            users.put(txn, &row)
        })
        .await
        .unwrap();
        assert_eq!(leases(db.client(), 1).await, [own.lease().id()], "kept");
        db.write(async |txn| {
            users.get(txn, "a").await?;
            users.with_ttl(LONG).put(txn, &user("a", 3))
        })
        .await
        .unwrap();
        assert!(![0, own.lease().id()].contains(&leases(db.client(), 1).await[0]), "another one");
        drop(own);
    }

    async fn the_last_word_in_a_transaction_counts(store) {
        let db = store.connect().await;
        let users = User::table();
        db.write(async |txn| {
            users.with_ttl(LONG).put(txn, &user("a", 1))?;
            users.put(txn, &user("a", 2))?;
            users.with_ttl(LONG).put(txn, &user("b", 1))?;
            users.with_ttl(OTHER).put(txn, &user("c", 1))?;
            NOTES.with_ttl(OTHER).put(txn, "n", &"x".to_owned())?;
            users.with_ttl(LONG).put(txn, &user("d", 1))?;
            users.delete(txn, "d")?;
            assert_eq!(users.get(txn, "b").await?, Some(user("b", 1)));
            Ok::<_, Error>(())
        })
        .await
        .unwrap();
        let [a, b, c] = leases(db.client(), 1).await[..] else { panic!("three rows") };
        assert!(a == 0 && b != 0 && c != 0 && b != c);
        assert_eq!(leases(db.client(), 40).await, [c], "two tables, one time, one lease");
    }

    async fn index_entries_vanish_with_their_row(store) {
        let db = store.connect().await;
        let own = session(db.client()).await;
        let guests = Guest::table();
        db.write(async |txn| guests.with_lease(own.lease()).insert(txn, &guest(1, "a@b"))).await.unwrap();
        assert_eq!(leases(db.client(), 42).await, [own.lease().id()]);
        db.write(async |txn| {
            let mut row = guests.get(txn, &1).await?.expect("the row");
            row.email = "c@d".to_owned();
            guests.put(txn, &row)
        })
        .await
        .unwrap();
        assert_eq!(leases(db.client(), 42).await, [own.lease().id()], "a new entry has the row's lease");
        db.write(async |txn| guests.with_ttl(LONG).put(txn, &guest(1, "c@d"))).await.unwrap();
        assert_eq!(leases(db.client(), 41).await, leases(db.client(), 42).await);
        db.write(async |txn| guests.with_lease(own.lease()).put(txn, &guest(1, "c@d"))).await.unwrap();
        own.lease().revoke().await.unwrap();
        assert!(leases(db.client(), 41).await.is_empty() && leases(db.client(), 42).await.is_empty());
        db.write(async |txn| guests.insert(txn, &guest(2, "c@d"))).await.unwrap();
    }

    async fn a_lease_that_has_ended_is_named_and_nothing_is_written(store) {
        let db = store.connect().await;
        let users = User::table();
        let lease = db.client().lease(LONG).await.unwrap();
        lease.revoke().await.unwrap();
        let put = db.write(async |txn| {
            users.put(txn, &user("b", 1))?;
            users.with_lease(&lease).put(txn, &user("a", 1))
        });
        let error = put.await.unwrap_err();
        assert!(error.is_not_found() && error.to_string().contains(&format!("{:x}", lease.id())), "{error:?}");
        assert_eq!(count(&db).await, 0);
        let other = store.connect().await;
        let foreign = other.client().lease(LONG).await.unwrap();
        let error = db.write(async |txn| users.with_lease(&foreign).put(txn, &user("a", 1))).await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error:?}");
    }
}

/// All leases of a store.
async fn all_leases(url: &str) -> Vec<i64> {
    let mut etcd = etcd_client::Client::connect([url], None).await.unwrap();
    etcd.leases().await.unwrap().leases().iter().map(etcd_client::LeaseStatus::id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_fails_leaves_no_lease() {
    on_stores_of_their_own(async |db, url| {
        let users = User::table();
        db.write(async |txn| users.put(txn, &user("a", 1))).await.unwrap();
        let before = all_leases(url).await;
        for _ in 0..3 {
            let inserted = db.write(async |txn| {
                users.with_ttl(LONG).put(txn, &user("b", 1))?;
                users.insert(txn, &user("a", 2))
            });
            assert!(inserted.await.unwrap_err().is_already_exists());
        }
        db.write(async |txn| users.with_ttl(LONG).put(txn, &user("b", 1))).await.unwrap();
        let kept = leases(db.client(), 1).await[1];
        let mut new = Vec::new();
        for _ in 0..1_000 {
            new = all_leases(url).await;
            new.retain(|id| !before.contains(id));
            if new == [kept] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(new, [kept], "only the lease of the row that was put");
    })
    .await;
}
