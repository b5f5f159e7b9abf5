//! etcd's gRPC services on a running store.

mod auth;
mod cluster;
mod kv;
mod lease;
mod maintenance;
mod watch;

use std::sync::Arc;

use tonic::service::Routes;

use crate::engine::Engine;
use crate::kv::check::MAX_MESSAGE;
use crate::proto::{ClusterServer, KvServer, LeaseServer, MaintenanceServer, WatchServer};

/// The largest message that is decoded at all. Between etcd's own limit and this one, a request is
/// answered as etcd answers it.
const DECODED_MESSAGE: usize = 64 * 1024 * 1024;

/// All services of one store, whose member is said to be at `url`, if it can be reached from outside.
pub(crate) fn routes(engine: &Arc<Engine>, url: Option<String>) -> Routes {
    let kv = KvServer::new(kv::KvService::new(engine))
        .max_decoding_message_size(DECODED_MESSAGE)
        .max_encoding_message_size(usize::MAX);
    let watch = WatchServer::new(watch::WatchService::new(engine))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(usize::MAX);
    let lease = LeaseServer::new(lease::LeaseService::new(engine))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(usize::MAX);
    let maintenance = MaintenanceServer::new(maintenance::MaintenanceService::new(engine));
    let cluster = ClusterServer::new(cluster::ClusterService::new(engine, url));
    Routes::new(kv)
        .add_service(watch)
        .add_service(lease)
        .add_service(maintenance)
        .add_service(cluster)
        .add_service(auth::AuthService)
        .prepare()
}
