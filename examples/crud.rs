//! Create, read, update and delete: keys and values as etcd has them.
//!
//! Run it with `cargo run --example crud` (building needs `protoc`, see the README). Without a server it uses
//! `./txetcd-data`; `TXETCD_URL` names a cluster. For structs instead of bytes see the quickstart.

use txetcd::{Database, Error, KeySet, SortBy};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let db = Database::from_env().await?;
    let client = db.client();

    // Create and update. A put tells its revision and, if asked, what was there.
    let first = client.put("crud/a", "one").await?.revision();
    let second = client.put("crud/a", "two").previous().await?;
    let previous = second.previous().map(|kv| String::from_utf8_lossy(kv.value()).into_owned());
    println!("revision {} replaced {previous:?}", second.revision());
    for number in 0..5 {
        client.put(format!("crud/n{number}"), number.to_string()).await?;
    }

    // Read: one key, a prefix, a range; now or as of an earlier revision.
    let now = client.get("crud/a").await?;
    if let Some(kv) = now.first() {
        println!(
            "{} bytes, version {}, created in revision {}",
            kv.value().len(),
            kv.version(),
            kv.create_revision()
        );
    }
    let then = client.get("crud/a").revision(first).await?;
    println!("it was {:?}", then.first().map(|kv| String::from_utf8_lossy(kv.value()).into_owned()));
    let some = client.get(KeySet::prefix("crud/")).limit(3).keys_only().await?;
    println!("{} of {} keys, more: {}", some.kvs().len(), some.count(), some.more());
    let newest =
        client.get(KeySet::range("crud/n1", "crud/n4")).sort_by(SortBy::ModRevision).reverse().await?;
    for kv in newest.kvs() {
        println!("{} in revision {}", String::from_utf8_lossy(kv.key()), kv.mod_revision());
    }

    // Delete.
    let deleted = client.delete("crud/a").previous().await?;
    println!("{} deleted, {} returned", deleted.deleted(), deleted.previous().len());
    println!("{} deleted", client.delete(KeySet::prefix("crud/")).await?.deleted());
    Ok(())
}
