//! What is left of a store whose machine loses power: it is stopped at every write and every sync of seeded
//! workloads, and what was not synced is lost or torn. And what a full disk leaves.
//!
//! `TXETCD_TEST_CRASH_WORKLOADS` asks for more than the few workloads of a usual run.

#[path = "../support/mod.rs"]
mod support;

mod disk;
mod state;
mod workload;

use disk::{Disk, Limit, Loss};
use support::{client, refusal};
use tonic::Code;
use txetcd_embedded::Store;
use workload::{Workload, prepare};

/// Workloads in a usual run.
const WORKLOADS: u64 = 1;

#[test]
fn nothing_acknowledged_is_lost_wherever_the_power_goes() {
    let workloads = std::env::var("TXETCD_TEST_CRASH_WORKLOADS").map_or(WORKLOADS, |n| n.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let prepared = Disk::default();
    runtime.block_on(async { prepare(&Store::builder().backend(prepared.clone()).unwrap()).await });
    let (mut points, mut crashes) = (0, 0);
    for seed in 0..workloads {
        let whole = prepared.copy(Limit::None);
        runtime.block_on(async {
            Workload::new(seed).run(&Store::builder().backend(whole.clone()).unwrap()).await;
        });
        // Every operation of the undisturbed run is a point to stop at.
        for point in 0..whole.operations() {
            let disk = prepared.copy(Limit::Crash(point));
            let mut workload = Workload::new(seed);
            if let Ok(store) = Store::builder().backend(disk.clone()) {
                runtime.block_on(workload.run(&store));
            }
            points += 1;
            for loss in [Loss::All, Loss::Some(seed + point), Loss::Torn(seed + point)] {
                let what = format!("workload {seed}, stopped at {point}, {loss:?}");
                let store = Store::builder().backend(disk.after_power_loss(loss));
                let store = store.unwrap_or_else(|error| panic!("{what}: {error}"));
                runtime.block_on(workload.check(&store, &what));
                crashes += 1;
            }
        }
    }
    println!("{crashes} crashes at {points} points of {workloads} workloads");
    assert!(points > 100);
}

#[tokio::test]
async fn a_full_disk_is_reported_and_what_was_acknowledged_stays() {
    let disk = Disk::default();
    let store = Store::builder().backend(disk.clone()).unwrap();
    let mut writer = client(&store).await;
    disk.limit(Limit::Full(4 << 20));
    let mut acknowledged = 0;
    let (code, message) = loop {
        match writer.put(format!("key {acknowledged:04}"), vec![1; 50_000], None).await {
            Ok(_) => acknowledged += 1,
            error => break refusal(error),
        }
    };
    assert!(acknowledged > 5);
    assert_eq!(code, Code::Unavailable);
    assert!(message.contains("may or may not be stored") && message.contains("space"), "{message}");
    // Those that follow were surely not applied, and say so in words that clients know.
    let (code, message) = refusal(writer.put("later", "", None).await);
    assert_eq!(code, Code::FailedPrecondition);
    assert!(message.starts_with("txetcd-embedded: ") && message.contains("accepts no writes"), "{message}");
    // Reads go on, and the status says what happened.
    let first = writer.get("key 0000", None).await.unwrap();
    assert_eq!(first.count(), 1);
    drop((writer, store));

    disk.limit(Limit::None);
    let store = Store::builder().backend(disk.copy(Limit::None)).unwrap();
    let mut reader = client(&store).await;
    let options = etcd_client::GetOptions::new().with_prefix().with_count_only();
    let count = reader.get("key", Some(options)).await.unwrap().count();
    assert!(count == acknowledged || count == acknowledged + 1, "{count} of {acknowledged}");
    assert_eq!(reader.get("later", None).await.unwrap().count(), 0);
    reader.put("later", "", None).await.unwrap();
}
