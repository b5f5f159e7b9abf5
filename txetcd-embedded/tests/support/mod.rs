//! What the tests share: a client on a store in the process.

#![allow(dead_code, reason = "no test file uses all of it")]

pub(crate) mod rpc;

use etcd_client::{Channel, Client};
use tonic::Code;
use tonic::body::Body;
use tonic::codegen::http::Request;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use txetcd_embedded::Store;

/// A client of a store.
pub(crate) async fn client(store: &Store) -> Client {
    let service = ServiceExt::<Request<Body>>::map_err(store.service(), Into::into);
    Client::from_channel(Channel::Custom(BoxCloneSyncService::new(service)), None).await.unwrap()
}

/// A store in memory and a client of it.
pub(crate) async fn memory() -> (Store, Client) {
    let store = Store::memory().unwrap();
    let client = client(&store).await;
    (store, client)
}

/// The code and message of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, etcd_client::Error>) -> (Code, String) {
    match result {
        Err(etcd_client::Error::GRpcStatus(status)) => (status.code(), status.message().to_owned()),
        other => panic!("expected a refusal, got {other:?}"),
    }
}
