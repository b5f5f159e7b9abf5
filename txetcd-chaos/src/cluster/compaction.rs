//! Compaction all the time, so that nobody can count on history.

use std::time::Duration;

use etcd_client::{Client, Error};

/// How long a member may take that may be down.
const PATIENCE: Duration = Duration::from_secs(1);

/// Compacts again and again, through whichever of the members answers.
pub(super) async fn run(urls: Vec<String>, every: Duration) {
    let mut turn = 0;
    loop {
        tokio::time::sleep(every).await;
        // A member that is down, or history that another one has compacted: the next one, then.
        if !matches!(tokio::time::timeout(PATIENCE, compact(&urls[turn % urls.len()])).await, Ok(Ok(()))) {
            turn += 1;
        }
    }
}

async fn compact(url: &str) -> Result<(), Error> {
    let mut client = Client::connect([url], None).await?;
    let current = client.get("compact", None).await?;
    let revision = current.header().map_or(0, |header| header.revision());
    client.compact(revision, None).await?;
    Ok(())
}
