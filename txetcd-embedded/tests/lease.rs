//! Leases: granting, keeping alive, expiry, and what of them survives a restart.

mod support;

use std::time::{Duration, Instant};

use etcd_client::{
    Client, GetOptions, LeaseGrantOptions, LeaseTimeToLiveOptions, PutOptions, Txn, TxnOp, WatchOptions,
};
use support::{client, memory, refusal};
use tonic::Code;
use txetcd_embedded::Store;

fn with_lease(id: i64) -> Option<PutOptions> {
    Some(PutOptions::new().with_lease(id))
}

async fn time_to_live(client: &mut Client, id: i64) -> (i64, i64, Vec<Vec<u8>>) {
    let options = LeaseTimeToLiveOptions::new().with_keys();
    let answer = client.lease_time_to_live(id, Some(options)).await.unwrap();
    assert_eq!(answer.id(), id);
    (answer.ttl(), answer.granted_ttl(), answer.keys().to_vec())
}

#[tokio::test]
async fn ids_and_times_are_chosen_as_etcd_chooses_them() {
    let (_store, mut client) = memory().await;
    let chosen = client.lease_grant(1, Some(LeaseGrantOptions::new().with_id(5))).await.unwrap();
    assert_eq!((chosen.id(), chosen.ttl()), (5, 2));
    let free = client.lease_grant(60, None).await.unwrap();
    assert!(free.id() > 0);
    assert_eq!((free.ttl(), free.header().unwrap().revision()), (60, 1));
    let again = client.lease_grant(60, Some(LeaseGrantOptions::new().with_id(5))).await;
    assert_eq!(refusal(again), (Code::FailedPrecondition, "etcdserver: lease already exists".to_owned()));
    let too_long = client.lease_grant(9_000_000_001, None).await;
    assert_eq!(refusal(too_long), (Code::OutOfRange, "etcdserver: too large lease TTL".to_owned()));
    let forever = client.lease_grant(9_000_000_000, None).await.unwrap().id();
    let listed = client.leases().await.unwrap();
    let ids: Vec<i64> = listed.leases().iter().map(|lease| lease.id()).collect();
    assert_eq!(ids, [5, free.id(), forever]);
}

#[tokio::test]
async fn a_revoked_lease_takes_its_keys_along_in_one_revision() {
    let (_store, mut client) = memory().await;
    let id = client.lease_grant(60, None).await.unwrap().id();
    let other = client.lease_grant(60, None).await.unwrap().id();
    for key in ["a", "b", "c", "d", "e"] {
        client.put(key, "", with_lease(id)).await.unwrap();
    }
    client.put("c", "", None).await.unwrap();
    client.put("d", "", with_lease(other)).await.unwrap();
    client.delete("e", None).await.unwrap();
    let (ttl, granted, keys) = time_to_live(&mut client, id).await;
    assert!((58..=60).contains(&ttl));
    assert_eq!((granted, keys), (60, vec![b"a".to_vec(), b"b".to_vec()]));
    let revoked = client.lease_revoke(id).await.unwrap();
    assert_eq!(revoked.header().unwrap().revision(), 10);
    let left = client.get("a", Some(GetOptions::new().with_range("z"))).await.unwrap();
    let left: Vec<_> = left.kvs().iter().map(|kv| kv.key_str().unwrap()).collect();
    assert_eq!(left, ["c", "d"]);
    assert_eq!(time_to_live(&mut client, id).await, (-1, 0, vec![]));
    let unknown = (Code::NotFound, "etcdserver: requested lease not found".to_owned());
    assert_eq!(refusal(client.lease_revoke(id).await), unknown);
    assert_eq!(refusal(client.put("a", "", with_lease(id)).await), unknown);
}

#[tokio::test]
async fn an_unknown_lease_stops_a_whole_transaction() {
    let (_store, mut client) = memory().await;
    let txn = Txn::new().and_then([TxnOp::put("a", "", None), TxnOp::put("b", "", with_lease(9))]);
    assert_eq!(refusal(client.txn(txn).await).0, Code::NotFound);
    let got = client.get("a", Some(GetOptions::new().with_range("z"))).await.unwrap();
    assert_eq!((got.count(), got.header().unwrap().revision()), (0, 1));
}

#[tokio::test]
async fn expiry_deletes_the_keys_in_one_revision_and_tells_watchers() {
    let (_store, mut client) = memory().await;
    let id = client.lease_grant(2, None).await.unwrap().id();
    client.put("a", "", with_lease(id)).await.unwrap();
    client.put("b", "", with_lease(id)).await.unwrap();
    let granted = Instant::now();
    let options = WatchOptions::new().with_range("z").with_prev_key();
    let mut watch = client.watch("a", Some(options)).await.unwrap();
    assert!(watch.message().await.unwrap().unwrap().created());
    let gone = watch.message().await.unwrap().unwrap();
    assert!((1.8..3.5).contains(&granted.elapsed().as_secs_f64()), "after {:?}", granted.elapsed());
    let events: Vec<_> = gone
        .events()
        .iter()
        .map(|event| {
            let kv = event.kv().unwrap();
            (kv.key_str().unwrap().to_owned(), kv.mod_revision(), event.prev_kv().unwrap().lease())
        })
        .collect();
    assert_eq!(events, [("a".to_owned(), 4, id), ("b".to_owned(), 4, id)]);
    assert_eq!(time_to_live(&mut client, id).await.0, -1);
    assert_eq!(client.leases().await.unwrap().leases().len(), 0);
}

#[tokio::test]
async fn keeping_alive_postpones_expiry() {
    let (_store, mut client) = memory().await;
    let id = client.lease_grant(2, None).await.unwrap().id();
    client.put("a", "", with_lease(id)).await.unwrap();
    let (mut keeper, mut answers) = client.lease_keep_alive(id).await.unwrap();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(800)).await;
        keeper.keep_alive().await.unwrap();
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!((answer.ttl(), answer.id(), answer.header().unwrap().revision()), (2, id, 2));
    }
    assert_eq!(client.get("a", None).await.unwrap().count(), 1);
    client.lease_revoke(id).await.unwrap();
    keeper.keep_alive().await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().ttl(), 0);
}

#[tokio::test]
async fn leases_and_what_is_left_of_them_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (long, short) = {
        let store = Store::open(directory.path()).unwrap();
        let mut client = client(&store).await;
        let long = client.lease_grant(100, None).await.unwrap().id();
        let short = client.lease_grant(3, None).await.unwrap().id();
        client.put("long", "", with_lease(long)).await.unwrap();
        client.put("short", "", with_lease(short)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        (long, short)
    };
    let store = Store::open(directory.path()).unwrap();
    let opened = Instant::now();
    let mut client = client(&store).await;
    let (ttl, granted, keys) = time_to_live(&mut client, long).await;
    assert!((96..=98).contains(&ttl), "{ttl} s left");
    assert_eq!((granted, keys), (100, vec![b"long".to_vec()]));
    // A renewal restores the full time, also after the next restart.
    let (_keeper, _answers) = client.lease_keep_alive(long).await.unwrap();
    assert!(time_to_live(&mut client, long).await.0 >= 98);
    while client.get("short", None).await.unwrap().count() == 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!((0.8..2.5).contains(&opened.elapsed().as_secs_f64()), "after {:?}", opened.elapsed());
    assert_eq!(time_to_live(&mut client, short).await.0, -1);
    assert_eq!(client.get("long", None).await.unwrap().count(), 1);
}
