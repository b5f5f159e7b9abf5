//! Asking a member whether it can be used again.
//!
//! The question is a linearizable read of one key, for which a member has to reach its leader. It is asked without a
//! user; so the refusal of a store that wants one is an answer, too, which etcd gives after it has heard of its leader.

use std::time::Duration;

use etcd_client::{ConnectOptions, KvClient};
use tonic::transport::Channel;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt as _};

use crate::error::status;

/// How long to wait between two questions: at first, and at most.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks again and again, as long as that is wanted.
pub(super) async fn until_it_answers(channel: Channel, is_wanted: impl Fn() -> bool) {
    let mut pause = PAUSE;
    while is_wanted() {
        if answers(&channel).await {
            return;
        }
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn answers(channel: &Channel) -> bool {
    let asked = async { client(channel.clone()).await?.get([0], None).await };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => !status::typed(error, "").is_transient(),
        Err(_) => false,
    }
}

async fn client(channel: Channel) -> Result<KvClient, etcd_client::Error> {
    let service = BoxCloneSyncService::new(channel.map_err(BoxError::from));
    let options = ConnectOptions::new().with_require_leader(true);
    let client =
        etcd_client::Client::from_channel(etcd_client::Channel::Custom(service), Some(options)).await?;
    Ok(client.kv_client())
}
