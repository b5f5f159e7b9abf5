//! A tour of txetcd: users, and indexes that find them by their email address and by their tags.
//!
//! Run it with `cargo xtask quickstart`. It needs no server: rows go to `./txetcd-data`. It does the same on an
//! etcd cluster with `TXETCD_URL=http://localhost:2379`, and leaves nothing behind with `TXETCD_URL=memory:`.

use std::collections::BTreeMap;

use txetcd::{Database, Persist, Result, Table, Uuid, codec::Cbor};

/// A user. The derive makes it a row: `oid` is the key, the other fields become a map in CBOR. An address belongs to one
/// user only, and every tag leads to all users that have it.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 1000, key = Uuid, codec = Cbor)]
struct User {
    #[pmap(key)]
    oid: Uuid,
    #[pmap(index(slot = 1002, unique))]
    email: String,
    name: String,
    born: Option<u16>,
    #[pmap(index(slot = 1003, each))]
    tags: Vec<String>,
    ratings: BTreeMap<String, f64>,
    referred_by: Option<Uuid>,
    #[pmap(default)] // 0 in rows that were stored before this field was added
    visits: u32,
}

const USERS: Table<User> = Table::new();

#[tokio::main]
async fn main() -> Result<()> {
    let db = Database::from_env().await?;
    let status = db.status().await?;
    println!("connected to {} at revision {}", status.endpoint(), status.revision());

    let earlier = db
        .write(async |txn| {
            let earlier = USERS.count(txn).await?;
            USERS.truncate(txn).await?;
            Ok::<_, txetcd::Error>(earlier)
        })
        .await?;
    if earlier > 0 {
        println!("  found {earlier} users of an earlier run, and deleted them");
    }

    println!("\n1. store: three users in one transaction; their index entries go along");
    let ann = user("ann", Some(1984), None);
    let bob = user("bob", None, Some(ann.oid));
    let cleo = user("cleo", Some(2001), Some(ann.oid));
    db.write(async |txn| [&ann, &bob, &cleo].into_iter().try_for_each(|user| USERS.insert(txn, user)))
        .await?;
    let stored = db.status().await?.revision();
    println!("  the store is at revision {stored}");

    println!("\n2. load: by key, and by email through the index");
    let (by_key, by_email) = db
        .read(async |txn| {
            tokio::try_join!(USERS.get(txn, &ann.oid), User::by_email().get(txn, "bob@example.org"))
        })
        .await?;
    assert_eq!(by_key.as_ref(), Some(&ann));
    assert_eq!(by_email.as_ref(), Some(&bob));
    for user in by_key.iter().chain(&by_email) {
        println!("  {}", line(user));
    }

    println!("\n3. refuse: an address that is taken");
    let other = User { email: ann.email.clone(), ..user("other ann", None, None) };
    match db.write(async |txn| USERS.insert(txn, &other)).await {
        Err(error) if error.is_unique_violation() => println!("  {error}"),
        result => panic!("{result:?}, but the address is taken"),
    }

    println!("\n4. change: bob gets another address, and the index follows");
    let by_email = User::by_email();
    db.write(async |txn| {
        let Some(mut user) = by_email.get(txn, "bob@example.org").await? else { return Ok(()) };
        user.email = "bob@example.com".to_owned();
        USERS.put(txn, &user)
    })
    .await?;
    let (old, new) = db
        .read(async |txn| {
            tokio::try_join!(by_email.get(txn, "bob@example.org"), by_email.get(txn, "bob@example.com"))
        })
        .await?;
    println!("  bob@example.org: {}", old.as_ref().map_or("nobody".to_owned(), line));
    println!("  bob@example.com: {}", new.as_ref().map_or("nobody".to_owned(), line));

    println!("\n5. read, modify, write: eight tasks count a visit of ann at the same moment");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (db, oid) = (db.clone(), ann.oid);
            tokio::spawn(async move {
                // Runs again if another task was faster, so no visit is lost.
                db.write(async |txn| {
                    let Some(mut user) = USERS.get(txn, &oid).await? else { return Ok(()) };
                    user.visits += 1;
                    USERS.put(txn, &user)
                })
                .await
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task ran to its end")?;
    }
    let visits = db.read(async |txn| USERS.get(txn, &ann.oid).await).await?.map(|ann| ann.visits);
    assert_eq!(visits, Some(8));
    println!("  8 visits counted, with {} retries", db.stats().retries);

    println!("\n6. delete: cleo, committed by hand");
    let txn = db.begin().await?;
    USERS.delete(&txn, &cleo.oid)?;
    let deleted = txn.commit().await?;
    println!("  committed in revision {deleted}");

    println!("\n7. list: the users now, in the order of their addresses");
    list(&db.read(async |txn| by_email.all(txn).await).await?);

    println!("\n8. find: the readers among them, and all whose address begins with a");
    let readers = db.read(async |txn| User::by_tags().get_all(txn, "reader").keys().await).await?;
    let with_a = db.read(async |txn| by_email.prefix(txn, "a").await).await?;
    assert_eq!((readers.len(), with_a.len()), (2, 1));
    println!("  {} readers", readers.len());
    list(&with_a);

    println!("\n9. travel in time: the users at revision {stored}, before the changes");
    let before = db.at(stored).read(async |txn| by_email.all(txn).await).await?;
    assert_eq!(before, [ann, bob, cleo]);
    list(&before);

    let stats = db.stats();
    println!(
        "\ndone: {} transactions in {} requests, {} bytes sent and {} received",
        stats.transactions, stats.requests, stats.bytes_sent, stats.bytes_received
    );
    Ok(())
}

fn user(name: &str, born: Option<u16>, referred_by: Option<Uuid>) -> User {
    User {
        oid: Uuid::new_v4(),
        email: format!("{name}@example.org"),
        name: name.to_owned(),
        born,
        tags: vec!["reader".to_owned()],
        ratings: BTreeMap::from([("patience".to_owned(), 0.5)]),
        referred_by,
        visits: 0,
    }
}

fn line(user: &User) -> String {
    let born = user.born.map_or(String::new(), |year| format!(", born {year}"));
    format!("{} <{}>{born}, {} visits", user.name, user.email, user.visits)
}

fn list(users: &[User]) {
    users.iter().for_each(|user| println!("  {}", line(user)));
}
