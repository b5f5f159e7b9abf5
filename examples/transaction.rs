//! etcd's own transactions: conditions, and what to do if they hold or do not.
//!
//! Run it with `cargo run --example transaction` (building needs `protoc`, see the README). Without a server it
//! uses `./txetcd-data`; `TXETCD_URL` names a cluster. Transactions over rows, which retry by themselves, are in the
//! quickstart and in `transfer`.

use std::time::Duration;

use txetcd::{Compare, Database, Error, KeySet, Op, OpResponse, Txn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let db = Database::from_env().await?;
    let client = db.client();
    client.put("txn/a", "1").await?;

    // Compare by value, version, create or mod revision, or lease; with eq, ne, lt or gt; a key or a range.
    let swap = |from: &str, to: &str| {
        Txn::when([Compare::value("txn/a").eq(from), Compare::version("txn/a").gt(0)])
            .then([Op::put("txn/a", to), Op::put("txn/log", format!("{from} -> {to}"))])
            .or_else([Op::get("txn/a")])
    };
    let response = client.txn(swap("1", "2")).await?;
    println!("revision {}: applied {}", response.revision(), response.succeeded());

    let response = client.txn(swap("1", "3")).await?;
    for answer in response.responses() {
        if let OpResponse::Get(found) = answer {
            let value = found.first().map(|kv| String::from_utf8_lossy(kv.value()).into_owned());
            println!("applied {}: it is {value:?}", response.succeeded());
        }
    }

    // A transaction within a transaction.
    let nested = Txn::when([Compare::create_revision("txn/b").eq(0)]).then([Op::put("txn/b", "new")]);
    let outer = Txn::when([Compare::mod_revision(KeySet::prefix("txn/")).gt(0)]).then([nested.into()]);
    println!("applied {}", client.txn(outer).await?.succeeded());

    // Applied only while a lock is held.
    let session = client.session(Duration::from_secs(10)).await?;
    let lock = client.lock("txn").acquire(&session).await?;
    client.txn(Txn::default().then([Op::delete(KeySet::prefix("txn/"))])).guard(&lock).await?;
    lock.release().await?;
    println!("{} keys left", client.get(KeySet::prefix("txn/")).await?.count());
    Ok(())
}
