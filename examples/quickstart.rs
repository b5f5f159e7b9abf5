//! A tour of txetcd: users, and an index that finds them by their email address.
//!
//! Run it with `cargo xtask quickstart`. It needs no server: rows go to `./txetcd-data`. It does the same on an
//! etcd cluster with `TXETCD_URL=http://localhost:2379`, and leaves nothing behind with `TXETCD_URL=memory:`.

use std::collections::BTreeMap;

use txetcd::{Database, Persist, Read, Result, Table, Uuid, WriteTxn, codec::Cbor};

/// A user. The derive makes it a row: `oid` is the key, the other fields become a map in CBOR.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 1000, key = Uuid, codec = Cbor)]
struct User {
    #[pmap(key)]
    oid: Uuid,
    email: String,
    name: String,
    born: Option<u16>,
    tags: Vec<String>,
    ratings: BTreeMap<String, f64>,
    referred_by: Option<Uuid>,
    #[pmap(default)] // 0 in rows that were stored before this field was added
    visits: u32,
}

/// An index kept by hand: from an email address to the user's key.
#[derive(Persist)]
#[pmap(slot = 1001)]
struct UserByEmail {
    #[pmap(key)]
    email: String,
    oid: Uuid,
}

const USERS: Table<User> = Table::new();
const BY_EMAIL: Table<UserByEmail> = Table::new();

/// Stores a new user and the index entry. `insert` refuses a key that is there, so an address belongs to one
/// user only. Nothing is sent before the transaction commits: both rows are stored, or neither.
fn add(txn: &WriteTxn, user: &User) -> Result<()> {
    USERS.insert(txn, user)?;
    BY_EMAIL.insert(txn, &UserByEmail { email: user.email.clone(), oid: user.oid })
}

/// Finds a user through the index. `impl Read` is a transaction that writes, or one that only reads.
async fn find(txn: &impl Read, email: &str) -> Result<Option<User>> {
    match BY_EMAIL.get(txn, email).await? {
        Some(entry) => USERS.get(txn, &entry.oid).await,
        None => Ok(None),
    }
}

/// Gives a user another address, and moves the index entry along.
async fn change_email(txn: &WriteTxn, from: &str, to: &str) -> Result<()> {
    let Some(mut user) = find(txn, from).await? else { return Ok(()) };
    user.email = to.to_owned();
    USERS.put(txn, &user)?;
    BY_EMAIL.delete(txn, from)?;
    BY_EMAIL.insert(txn, &UserByEmail { email: to.to_owned(), oid: user.oid })
}

/// Deletes a user and the index entry.
async fn remove(txn: &WriteTxn, email: &str) -> Result<()> {
    if let Some(entry) = BY_EMAIL.take(txn, email).await? {
        USERS.delete(txn, &entry.oid)?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let db = Database::from_env().await?;
    let status = db.status().await?;
    println!("connected to {} at revision {}", status.endpoint(), status.revision());

    let earlier = db
        .write(async |txn| {
            let earlier = USERS.count(txn).await?;
            USERS.truncate(txn).await?;
            BY_EMAIL.truncate(txn).await?;
            Ok::<_, txetcd::Error>(earlier)
        })
        .await?;
    if earlier > 0 {
        println!("  found {earlier} users of an earlier run, and deleted them");
    }

    println!("\n1. store: three users and their index entries, in one transaction");
    let ann = user("ann", Some(1984), None);
    let bob = user("bob", None, Some(ann.oid));
    let cleo = user("cleo", Some(2001), Some(ann.oid));
    db.write(async |txn| [&ann, &bob, &cleo].into_iter().try_for_each(|user| add(txn, user))).await?;
    let stored = db.status().await?.revision();
    println!("  the store is at revision {stored}");

    println!("\n2. load: by key, and by email through the index");
    let (by_key, by_email) =
        db.read(async |txn| tokio::try_join!(USERS.get(txn, &ann.oid), find(txn, "bob@example.org"))).await?;
    assert_eq!(by_key.as_ref(), Some(&ann));
    assert_eq!(by_email.as_ref(), Some(&bob));
    for user in by_key.iter().chain(&by_email) {
        println!("  {}", line(user));
    }

    println!("\n3. refuse: an address that is taken");
    let other = User { email: ann.email.clone(), ..user("other ann", None, None) };
    match db.write(async |txn| add(txn, &other)).await {
        Err(error) if error.is_already_exists() => println!("  {error}"),
        result => panic!("{result:?}, but the address is taken"),
    }

    println!("\n4. change: bob gets another address, and the index follows");
    db.write(async |txn| change_email(txn, "bob@example.org", "bob@example.com").await).await?;
    let (old, new) = db
        .read(async |txn| tokio::try_join!(find(txn, "bob@example.org"), find(txn, "bob@example.com")))
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

    println!("\n6. delete: cleo and her index entry, committed by hand");
    let txn = db.begin().await?;
    remove(&txn, "cleo@example.org").await?;
    let deleted = txn.commit().await?;
    println!("  committed in revision {deleted}");

    println!("\n7. list: the users now, in the order of their addresses");
    list(&db.read(async |txn| by_address(txn).await).await?);

    println!("\n8. travel in time: the users at revision {stored}, before the changes");
    let before = db.at(stored).read(async |txn| by_address(txn).await).await?;
    assert_eq!(before, [ann, bob, cleo]);
    list(&before);

    let stats = db.stats();
    println!(
        "\ndone: {} transactions in {} requests, {} bytes sent and {} received",
        stats.transactions, stats.requests, stats.bytes_sent, stats.bytes_received
    );
    Ok(())
}

/// All users in the order of their addresses: the index is a table like any other.
async fn by_address(txn: &impl Read) -> Result<Vec<User>> {
    let entries = BY_EMAIL.all(txn).collect().await?;
    let oids: Vec<Uuid> = entries.into_iter().map(|entry| entry.oid).collect();
    Ok(USERS.get_many(txn, &oids).await?.into_iter().flatten().collect())
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
