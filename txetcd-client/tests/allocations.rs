//! How many allocations this client adds to what the bare `etcd-client` makes for a call: counted on one thread, with a
//! store in the process, so that nothing else happens.

use allocation_counter::measure;
use etcd_client::Channel;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use txetcd_client::Client;
use txetcd_client::embedded::Store;

const CALLS: u64 = 100;

/// How many allocations a call makes, on average.
fn allocations(runtime: &Runtime, call: impl AsyncFn()) -> u64 {
    let calls = || {
        runtime.block_on(async {
            for _ in 0..CALLS {
                call().await;
            }
        });
    };
    // The first calls fill what is kept for the next ones.
    calls();
    measure(calls).count_total / CALLS
}

#[test]
fn a_call_adds_few_allocations() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let store = Store::memory().unwrap();
    let (bare, ours) = runtime.block_on(async {
        let never = |never: std::convert::Infallible| -> tower::BoxError { match never {} };
        type Request = http::Request<tonic::body::Body>;
        let service = BoxCloneSyncService::new(ServiceExt::<Request>::map_err(store.service(), never));
        let bare = etcd_client::Client::from_channel(Channel::Custom(service), None).await.unwrap();
        (bare.kv_client(), Client::builder().store(&store).connect().await.unwrap())
    });
    runtime.block_on(async { ours.put("k", "v").await.unwrap() });
    let get = (
        allocations(&runtime, async || drop(bare.clone().get("k", None).await.unwrap())),
        allocations(&runtime, async || drop(ours.get("k").await.unwrap())),
    );
    let put = (
        allocations(&runtime, async || drop(bare.clone().put("k", "v", None).await.unwrap())),
        allocations(&runtime, async || drop(ours.put("k", "v").await.unwrap())),
    );
    println!("bare and ours: get {get:?}, put {put:?}");
    assert!(get.1 <= get.0 + 4, "{get:?}");
    assert!(put.1 <= put.0 + 6, "{put:?}");
}
