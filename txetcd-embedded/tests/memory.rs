//! What a store in memory costs: no more for having been written to often.

mod support;

use etcd_client::CompactionOptions;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const ROUNDS: usize = 12;
const COMMITS: usize = 256;

/// More than tasks and pages vary by, and half of what `redb` notes of a commit that is not durable.
const EACH: usize = 16;

#[tokio::test]
async fn commits_leave_nothing_behind() {
    let (_store, mut client) = support::memory().await;
    let mut used = Vec::new();
    for _ in 0..ROUNDS {
        for _ in 0..COMMITS {
            client.put("key", "", None).await.unwrap();
        }
        let newest = client.status().await.unwrap().header().unwrap().revision();
        // Answered when the old versions are gone, and nothing more is done.
        let all = CompactionOptions::new().with_physical();
        client.compact(newest, Some(all)).await.unwrap();
        used.push(MEMORY.current_usage());
    }
    // The first two rounds made what stays.
    assert!(used[ROUNDS - 1] < used[1] + (ROUNDS - 2) * COMMITS * EACH, "{used:?}");
}
