//! The compactor: makes the store forget its past, again and again.

use etcd_client::{Channel, Client};
use tonic::body::Body;
use tonic::codegen::http::Request;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use txetcd::embedded::Store;

use super::record::{Record, pause};

/// Compacts for ever, where the settings say so.
pub(super) async fn compact(store: Store, record: Record, mut random: fastrand::Rng) {
    let Some(interval) = record.settings.compaction else { return };
    let service = ServiceExt::<Request<Body>>::map_err(store.service(), Into::into);
    let channel = Channel::Custom(BoxCloneSyncService::new(service));
    let mut etcd = match Client::from_channel(channel, None).await {
        Ok(etcd) => etcd,
        Err(error) => return record.violation(format!("the compactor cannot connect: {error}")),
    };
    let most = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX) * 2;
    loop {
        pause(most, &mut random).await;
        let Ok(read) = etcd.get("compactor", None).await else { continue };
        let newest = read.header().map_or(0, |header| header.revision());
        // The same revision twice is refused.
        drop(etcd.compact(newest - random.i64(..=3), None).await);
    }
}
