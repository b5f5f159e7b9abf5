//! Endpoints that fail are left, asked in the background, and not used again before they answer.

use std::time::Duration;

use txetcd::{Client, Compare, Txn};

use crate::own_server::binaries;
use txetcd_chaos::cluster::{Cluster, Mode};

/// Far more than any of this takes, on a slow machine too.
const LONG: Duration = Duration::from_secs(60);

/// Waits until these members, and no others, count as failed.
async fn until_failed(client: &Client, cluster: &Cluster, members: &[usize]) {
    let expected: Vec<_> = members.iter().map(|member| cluster.url_of(*member)).collect();
    let found = async {
        while client.failed_endpoints() != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(LONG, found).await;
    assert!(found.is_ok(), "{:?} failed, not {expected:?}", client.failed_endpoints());
}

/// Waits until members 1 and 2 answer: if member 0, which they have just lost, was the leader, neither does before there
/// is another one.
async fn until_others_answer(cluster: &Cluster) {
    let answered = async {
        for member in [1, 2] {
            while let Err(error) = Client::connect(cluster.url_of(member)).await {
                assert!(error.is_unavailable(), "{error}");
            }
        }
    };
    tokio::time::timeout(LONG, answered).await.expect("there is a leader");
}

/// Reads until the client has left a member.
async fn until_left(client: &Client, cluster: &Cluster, member: usize) {
    while client.endpoint() == cluster.url_of(member) {
        let _ = client.get("a").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_member_is_not_chosen() {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let mut cluster = crate::cluster(&binary).await;
        // It takes connections, and is silent on them: a write that it is given is lost.
        cluster.member(0).pause();
        until_others_answer(&cluster).await;
        let client = Client::connect(cluster.url(0)).await.unwrap();
        assert_eq!(client.endpoint(), cluster.url_of(1));
        assert_eq!(client.failed_endpoints(), [cluster.url_of(0)]);
        for round in 0..4 {
            // In turn the two that are left are left, so that the next one in the round is the dead one each other time.
            let (leaving, other) = if round % 2 == 0 { (1, 2) } else { (2, 1) };
            cluster.set_clients(leaving, Mode::Cut);
            // A write whose answer is lost is not repeated: its error is that of the member that it was given to. Some may
            // still pass before the connections are cut.
            while client.endpoint() == cluster.url_of(leaving) {
                if let Err(error) = client.put("a", "1").await {
                    assert!(error.to_string().contains(&cluster.url_of(leaving)), "{error}");
                }
            }
            client.put("a", "1").await.unwrap();
            assert_eq!(client.endpoint(), cluster.url_of(other), "round {round}");
            cluster.set_clients(leaving, Mode::Pass);
            until_failed(&client, &cluster, &[0]).await;
        }
        // It comes back, and is used when it is needed.
        cluster.member(0).resume();
        until_failed(&client, &cluster, &[]).await;
        for member in [1, 2] {
            cluster.set_clients(member, Mode::Cut);
            until_left(&client, &cluster, member).await;
        }
        assert_eq!(client.endpoint(), cluster.url_of(0));
        client.get("a").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_without_a_leader_is_not_chosen() {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let cluster = crate::cluster(&binary).await;
        let client = Client::connect(cluster.url(0)).await.unwrap();
        // Clients still reach it, and it answers them; only not with what is current.
        cluster.isolate(0);
        until_others_answer(&cluster).await;
        until_left(&client, &cluster, 0).await;
        assert_eq!(client.failed_endpoints(), [cluster.url_of(0)]);
        let mut waited = Duration::ZERO;
        while waited < Duration::from_secs(3) {
            assert_eq!(client.failed_endpoints(), [cluster.url_of(0)], "it answered all the same");
            waited += Duration::from_millis(100);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        cluster.rejoin();
        until_failed(&client, &cluster, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_alone_are_not_asked_of_a_member_that_lags() {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let cluster = crate::cluster(&binary).await;
        let cut_off = Client::connect(&cluster.url_of(0)).await.unwrap();
        let absent = || Txn::when([Compare::mod_revision("a").eq(0)]);
        let answer = cut_off.txn(absent()).await.unwrap();
        assert!(answer.succeeded() && answer.responses().is_empty());
        cluster.isolate(0);
        until_others_answer(&cluster).await;
        let other = Client::connect(cluster.url_of(1)).await.unwrap();
        other.put("a", "1").await.unwrap();
        let error = cut_off.txn(absent()).await.expect_err("it cannot know");
        assert!(error.is_unavailable() || error.is_timeout(), "{error}");
        let answer = other.txn(absent()).await.unwrap();
        assert!(!answer.succeeded() && answer.responses().is_empty());
        cluster.rejoin();
    }
}
