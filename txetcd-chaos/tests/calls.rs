//! The proxy of calls does to them what it says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, ConnectOptions, WatchOptions};
use txetcd_chaos::cluster::{Calls, Cluster, Mix, Rates};

const NONE: Rates = Rates { lost_answer: 0, late: 0, very_late: 0, lost_request: 0, delayed: 0 };
/// How often each is tried, so that clients learn of it in all ways.
const TIMES: usize = 12;

async fn cluster() -> Cluster {
    let listed = std::env::var("TXETCD_TEST_BINARIES").unwrap_or_default();
    let newest = listed.split(',').next_back().and_then(|pair| pair.split_once('='));
    let binary = newest.map_or_else(|| PathBuf::from("etcd"), |(_, path)| path.into());
    Cluster::start(&binary, tempfile::tempdir().unwrap(), None).await
}

/// A client of the first member, to whose calls all of this happens.
async fn through(cluster: &Cluster, rates: Rates) -> (Client, Calls, Arc<Mix>) {
    let mix = Arc::new(Mix::new(1, rates));
    let port = cluster.direct_url(0).rsplit_once(':').unwrap().1.parse().unwrap();
    let calls = Calls::to(port, mix.clone()).await;
    let url = format!("http://127.0.0.1:{}", calls.port());
    let options = ConnectOptions::new().with_timeout(Duration::from_secs(1));
    (Client::connect([url], Some(options)).await.unwrap(), calls, mix)
}

async fn count(cluster: &Cluster, prefix: &str) -> i64 {
    let options = etcd_client::GetOptions::new().with_prefix().with_count_only();
    cluster.direct(0).await.get(prefix, Some(options)).await.unwrap().count()
}

/// Waits for so many keys, however slow the machine is.
async fn until(cluster: &Cluster, prefix: &str, wanted: i64) {
    for _ in 0..600 {
        if count(cluster, prefix).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} keys instead of {wanted}", count(cluster, prefix).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_lost_and_late_as_it_is_said() {
    let cluster = cluster().await;

    let (mut client, _calls, mix) = through(&cluster, Rates { lost_answer: 1000, ..NONE }).await;
    for number in 0..TIMES {
        client.put(format!("lost answer {number}"), "", None).await.unwrap_err();
    }
    until(&cluster, "lost answer", TIMES as i64).await;
    assert_eq!(mix.met(), TIMES as u64);

    let (mut client, _calls, _) = through(&cluster, Rates { very_late: 1000, ..NONE }).await;
    for number in 0..TIMES {
        client.put(format!("late {number}"), "", None).await.unwrap_err();
    }
    // Delivered although nobody waits for it, and nobody is connected.
    drop(client);
    until(&cluster, "late", TIMES as i64).await;

    let (mut client, _calls, mix) = through(&cluster, Rates { lost_request: 1000, ..NONE }).await;
    for number in 0..TIMES {
        client.put(format!("lost request {number}"), "", None).await.unwrap_err();
    }
    mix.off();
    client.put("lost request, but not this one", "", None).await.unwrap();
    assert_eq!(count(&cluster, "lost request").await, 1);

    let (mut client, _calls, mix) = through(&cluster, Rates { delayed: 1000, ..NONE }).await;
    client.put("delayed", "", None).await.unwrap();
    assert_eq!(mix.met(), 0);

    // A watch passes, whatever happens to calls.
    let (client, _calls, _) = through(&cluster, Rates { lost_request: 1000, ..NONE }).await;
    let options = WatchOptions::new().with_start_revision(1);
    let mut watch = client.watch_client().watch("delayed", Some(options)).await.unwrap();
    while watch.message().await.unwrap().unwrap().events().is_empty() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_replaced() {
    let mut cluster = cluster().await;
    let ids = |listed: etcd_client::MemberListResponse| -> Vec<u64> {
        listed.members().iter().map(|member| member.id()).collect()
    };
    cluster.direct(1).await.put("kept", "", None).await.unwrap();
    let before = ids(cluster.direct(1).await.member_list().await.unwrap());
    cluster.remove(0).await;
    assert_eq!(cluster.direct(1).await.member_list().await.unwrap().members().len(), 2);
    cluster.replace(0).await;
    cluster.healthy().await;
    let after = ids(cluster.direct(1).await.member_list().await.unwrap());
    assert_eq!((after.len(), after.iter().filter(|id| before.contains(id)).count()), (3, 2));
    assert_eq!(cluster.direct(0).await.get("kept", None).await.unwrap().count(), 1);
}
