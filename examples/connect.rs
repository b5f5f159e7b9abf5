//! Connecting to etcd, or to a store inside the process.
//!
//! Run it with `cargo run --example connect` (building needs `protoc`, see the README). Without a server it uses
//! `./txetcd-data`; `TXETCD_URL=http://localhost:2379` names a cluster, `TXETCD_URL=memory:` leaves nothing behind.

use std::time::Duration;

use txetcd::{Database, Error};

#[tokio::main]
async fn main() -> Result<(), Error> {
    // `Database::connect(url)` takes the URL from the program, and `Database::builder()` has all options:
    // `.user("root", "secret")`, `.tls_ca("ca.pem")`, `.namespace("app1/")`, `.read_only(true)`, ...
    let db = Database::from_env().await?;
    let status = db.status().await?;
    println!(
        "{} answers for cluster {:x}, revision {}",
        status.endpoint(),
        status.cluster_id(),
        status.revision()
    );

    // Below the tables is a client for keys and values as etcd has them.
    let client = db.client();
    let member = client.member_status().await?;
    println!("version {}, {} bytes, raft term {}", member.version, member.db_size, member.raft_term);

    // A timeout for one request; the builder has one for all.
    let found = client.get("a key").timeout(Duration::from_secs(2)).await?;
    println!("{} keys of that name", found.count());

    let stats = client.stats();
    println!("{} requests, {} bytes out, {} in", stats.requests, stats.bytes_sent, stats.bytes_received);
    Ok(())
}
