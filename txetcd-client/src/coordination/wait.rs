//! Waiting for a change. The one place through which coordination watches.

use std::time::Duration;

use etcd_client::WatchOptions;

use crate::client::Client;
use crate::error::Result;
use crate::key_set::KeySet;
use crate::session::Session;

/// Waits until one of the keys is put or deleted in a later revision than this. It may return without a change,
/// so whoever waits looks again. Fails when the session is lost.
pub(super) async fn change(session: &Session, client: &Client, keys: KeySet, after: i64) -> Result<()> {
    tokio::select! {
        () = any(client, &keys, after) => Ok(()),
        () = session.lost() => Err(session.lost_error()),
    }
}

/// As [`change`], without a session.
pub(super) async fn any(client: &Client, keys: &KeySet, after: i64) {
    loop {
        let endpoint = client.endpoint_index();
        if watch(client, keys, after).await.is_some() {
            return;
        }
        client.leave_endpoint(endpoint);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// `None` if the watch broke.
async fn watch(client: &Client, keys: &KeySet, after: i64) -> Option<()> {
    let (key, end) = keys.to_wire(client.namespace());
    let options = WatchOptions::new().with_range(end).with_start_revision(after + 1);
    let mut stream = client.inner().watch.clone().watch(key, Some(options)).await.ok()?;
    loop {
        let message = stream.message().await.ok()??;
        if message.canceled() && message.compact_revision() == 0 {
            return None;
        }
        if message.canceled() || !message.events().is_empty() {
            return Some(());
        }
    }
}
