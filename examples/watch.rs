//! Watching keys.
//!
//! Run it with `cargo run --example watch` (building needs `protoc`, see the README). Without a server it uses
//! `./txetcd-data`; `TXETCD_URL` names a cluster. For rows instead of keys there are `users.watch(&db)` and
//! `users.live(&db)`.

use futures_util::StreamExt as _;
use txetcd::{Database, Error, KeySet, WatchEvent};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let db = Database::from_env().await?;
    let client = db.client();

    // Two key sets at once. Another member is used if this one fails; nothing is lost, repeated or reordered.
    let mut changes = client.watch(KeySet::prefix("watch/")).and("other").previous().stream().await?;

    let writer = client.clone();
    let writing = tokio::spawn(async move {
        for number in 0..3 {
            writer.put("watch/a", number.to_string()).await?;
        }
        writer.put("not watched", "").await?;
        writer.put("other", "x").await?;
        writer.delete(KeySet::prefix("watch/")).await?;
        writer.delete("other").await?;
        writer.delete("not watched").await
    });

    let mut deletions = 0;
    while deletions < 2 {
        let Some(response) = changes.next().await else { break };
        let response = response?; // All events of one revision.
        for event in response.events() {
            let key = String::from_utf8_lossy(event.key());
            match event {
                WatchEvent::Put { kv, .. } => {
                    println!("{}: {key} is {}", response.revision(), String::from_utf8_lossy(kv.value()));
                }
                WatchEvent::Delete { .. } => {
                    deletions += 1;
                    println!("{}: {key} was deleted", response.revision());
                }
            }
        }
    }
    writing.await.expect("the writer ran to its end")?;
    Ok(())
}
