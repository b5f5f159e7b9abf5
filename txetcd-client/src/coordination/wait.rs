//! Waiting for a change. The one place through which coordination watches.

use std::time::Duration;

use futures_util::StreamExt as _;

use crate::client::Client;
use crate::error::Result;
use crate::key_set::KeySet;
use crate::session::Session;

/// Waits before a request is sent again whose answer was lost.
pub(super) async fn moment() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// Waits until one of the keys is put or deleted in a later revision than this. It may return without a change,
/// so whoever waits looks again. Fails when the session is lost.
pub(super) async fn change(session: &Session, client: &Client, keys: KeySet, after: i64) -> Result<()> {
    tokio::select! {
        biased;
        changed = any(client, keys, after) => changed,
        () = session.lost() => Err(session.lost_error()),
    }
}

/// As [`change`], without a session.
pub(super) async fn any(client: &Client, keys: KeySet, after: i64) -> Result<()> {
    let mut changes = client.watch(keys).from(after + 1).stream().await?;
    match changes.next().await {
        // If the revision was compacted, whatever happened since is seen by looking.
        Some(Err(error)) if !error.is_compacted() => Err(error),
        _ => Ok(()),
    }
}
