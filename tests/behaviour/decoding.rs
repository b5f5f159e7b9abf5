//! Stored bytes that are not rows: errors that name them, and no harm to others.

use crate::store::{Account, User, user};
use futures_util::StreamExt as _;
use txetcd::{Database, Error};

const SECRET: &str = "hunter2";

fn key(slot: u16, rest: &[u8]) -> Vec<u8> {
    [slot.to_be_bytes().as_slice(), rest].concat()
}

async fn damage(db: &Database) {
    let users = User::table();
    db.write(async |txn| {
        users.put(txn, &user("ann", 1))?;
        users.put(txn, &user("zoe", 2))
    })
    .await
    .unwrap();
    // A map with a text where a number should be; text; nothing at all.
    let wrong = [&b"\xa2\x64name\x63bob\x63age\x67"[..], SECRET.as_bytes()].concat();
    db.client().put(key(1, b"bob"), wrong).await.unwrap();
    db.client().put(key(1, b"cat"), SECRET).await.unwrap();
    db.client().put(key(1, b"dog"), []).await.unwrap();
}

stores! {
    async fn a_row_that_does_not_decode_is_named_and_others_stay_readable(store) {
        let db = store.connect().await;
        let users = User::table();
        damage(&db).await;
        for name in ["bob", "cat", "dog"] {
            let error = db.read(async |txn| users.get(txn, name).await).await.unwrap_err();
            assert!(error.is_decode(), "{error}");
            let shown = format!("{error} {error:?} {}", chain(&error));
            assert!(shown.contains("User") && shown.contains(name), "{shown}");
            assert!(!shown.contains(SECRET), "{shown}");
        }
        let read = async |name| db.read(async |txn| users.get(txn, name).await).await.unwrap();
        assert_eq!((read("ann").await, read("zoe").await), (Some(user("ann", 1)), Some(user("zoe", 2))));
        assert!(db.read(async |txn| users.all(txn).collect().await).await.unwrap_err().is_decode());
        let rows: Vec<Result<User, Error>> =
            db.read(async |txn| Ok::<_, Error>(users.all(txn).stream().collect().await)).await.unwrap();
        let good: Vec<&User> = rows.iter().flatten().collect();
        assert_eq!((rows.len(), good), (5, vec![&user("ann", 1), &user("zoe", 2)]));
        // Keys, counts and deletion need no decoding.
        assert_eq!(db.read(async |txn| users.all(txn).keys().await).await.unwrap().len(), 5);
        db.write(async |txn| ["bob", "cat", "dog"].iter().try_for_each(|name| users.delete(txn, *name))).await.unwrap();
        assert_eq!(db.read(async |txn| users.all(txn).collect().await).await.unwrap().len(), 2);
    }

    async fn a_key_that_does_not_decode_is_named(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        db.write(async |txn| accounts.put(txn, &Account { id: 1, balance: 1 })).await.unwrap();
        db.client().put(key(2, b"xyz"), "v").await.unwrap();
        let error = db.read(async |txn| accounts.all(txn).keys().await).await.unwrap_err();
        assert!(error.is_decode() && error.to_string().contains("Account"), "{error}");
        assert!(db.read(async |txn| accounts.get(txn, &1).await).await.unwrap().is_some());
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut shown = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        shown += &format!("{cause} {cause:?} ");
        source = cause.source();
    }
    shown
}
