//! Leases: keys that vanish, sessions that keep them, and rows with a time to live.
//!
//! Run it with `cargo run --example lease` (building needs `protoc`, see the README). Without a server it uses
//! `./txetcd-data`; `TXETCD_URL` names a cluster.

use std::time::Duration;

use txetcd::{Database, Error, Persist};

#[derive(Persist, Clone, Debug)]
#[pmap(slot = 1003)]
struct Visit {
    #[pmap(key)]
    visitor: String,
    page: String,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let db = Database::from_env().await?;
    let client = db.client();

    // A lease by hand.
    let lease = client.lease(Duration::from_secs(5)).await?;
    client.put("lease/a", "1").lease(&lease).await?;
    client.put("lease/b", "1").lease(&lease).await?;
    println!("{:?} left, {} keys", lease.remaining().await?, lease.keys().await?.len());
    lease.refresh().await?;
    lease.revoke().await?; // or let it expire
    println!("{} keys after that", client.get("lease/a").await?.count());

    // A session is a lease that is kept alive until it is dropped.
    let session = client.session(Duration::from_secs(5)).await?;
    client.put("lease/here", "1").lease(session.lease()).await?;
    println!("the session surely lives for {:?} more", session.remaining());

    // Rows under leases.
    let visits = Visit::table();
    let visit = |visitor: &str| Visit { visitor: visitor.to_owned(), page: "/".to_owned() };
    db.write(async |txn| {
        visits.with_ttl(Duration::from_secs(2)).put(txn, &visit("ann"))?;
        visits.with_lease(session.lease()).put(txn, &visit("bob"))
    })
    .await?;
    while let Some(ann) = db.read(async |txn| visits.get(txn, "ann").await).await? {
        println!("{} is on {}", ann.visitor, ann.page);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("ann's visit is over");

    session.lease().revoke().await?;
    let left = db.read(async |txn| visits.count(txn).await).await?;
    println!("{left} visits left");
    Ok(())
}
