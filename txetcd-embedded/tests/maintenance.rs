//! Maintenance: snapshots and what is made of them, giving space back, and what a store says of itself.

mod support;

use std::fs;
use std::path::Path;

use etcd_client::{Client, CompactionOptions, GetOptions, LeaseGrantOptions, PutOptions};
use support::client;
use txetcd_embedded::{OpenError, Store};

/// Puts keys, each twice, and a lease.
async fn fill(client: &mut Client) {
    client.lease_grant(600, Some(LeaseGrantOptions::new().with_id(7))).await.unwrap();
    for version in 0..2 {
        for number in 0..200 {
            let options = PutOptions::new().with_lease(7);
            client.put(format!("key {number:04}"), vec![version; 2000], Some(options)).await.unwrap();
        }
    }
}

/// Writes what `etcdctl snapshot save` writes.
async fn save(client: &mut Client, path: &Path) {
    let mut stream = client.snapshot().await.unwrap();
    let (mut bytes, mut remaining) = (Vec::new(), u64::MAX);
    while let Some(piece) = stream.message().await.unwrap() {
        assert!(piece.remaining_bytes() < remaining || piece.remaining_bytes() == 0);
        remaining = piece.remaining_bytes();
        bytes.extend_from_slice(piece.blob());
    }
    assert_eq!(remaining, 0);
    // By this etcdctl knows that there is a hash.
    assert_eq!(bytes.len() % 512, 32);
    fs::write(path, bytes).unwrap();
}

async fn contents(client: &mut Client) -> Vec<String> {
    let mut contents = Vec::new();
    for revision in [0, 150, 300] {
        let options = GetOptions::new().with_prefix().with_revision(revision);
        let got = client.get("key", Some(options)).await.unwrap();
        contents.push(format!("{} {:?}", got.header().unwrap().revision(), got.kvs()));
    }
    contents
}

#[tokio::test]
async fn a_snapshot_becomes_a_store_with_all_of_its_history() {
    let directory = tempfile::tempdir().unwrap();
    let file = Store::open(directory.path().join("one")).unwrap();
    let snapshot = directory.path().join("snapshot");
    for (round, store) in [file, Store::memory().unwrap()].into_iter().enumerate() {
        let mut from = client(&store).await;
        fill(&mut from).await;
        save(&mut from, &snapshot).await;
        let before = contents(&mut from).await;
        let cluster = from.status().await.unwrap().header().unwrap().cluster_id();
        from.put("key later", "", None).await.unwrap();

        let restored = directory.path().join(format!("restored {round}"));
        Store::restore(&snapshot, &restored).unwrap();
        let store = Store::open(&restored).unwrap();
        let mut to = client(&store).await;
        assert_eq!(contents(&mut to).await, before);
        assert_ne!(to.status().await.unwrap().header().unwrap().cluster_id(), cluster);
        let ttl = to.lease_time_to_live(7, None).await.unwrap();
        assert!(ttl.ttl() > 500);
        // It counts on from there.
        let put = to.put("key", "", None).await.unwrap();
        assert_eq!(put.header().unwrap().revision(), 402);
    }
    // Nothing is left beside the store.
    assert_eq!(fs::read_dir(directory.path().join("one")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::memory().unwrap();
    let mut from = client(&store).await;
    fill(&mut from).await;
    let snapshot = directory.path().join("snapshot");
    save(&mut from, &snapshot).await;
    let whole = fs::read(&snapshot).unwrap();
    let to = directory.path().join("to");
    let refused = |bytes: &[u8]| -> OpenError {
        fs::write(&snapshot, bytes).unwrap();
        let error = Store::restore(&snapshot, &to).unwrap_err();
        assert_eq!(fs::read_dir(&to).unwrap().count(), 0, "something is left");
        error
    };
    assert!(refused(&[]).is_corrupt());
    assert!(refused(&whole[..31]).is_corrupt());
    assert!(refused(&whole[..whole.len() - 1]).is_corrupt());
    for at in [0, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        let error = refused(&damaged);
        assert!(error.is_corrupt() && error.to_string().contains("snapshot"), "{error}");
    }
    fs::write(&snapshot, &whole).unwrap();
    Store::restore(&snapshot, &to).unwrap();
    let error = Store::restore(&snapshot, &to).unwrap_err();
    assert!(!error.is_corrupt() && error.to_string().contains("overwrite"), "{error}");
}

#[tokio::test]
async fn defragmenting_gives_space_back_and_keeps_everything_else() {
    let directory = tempfile::tempdir().unwrap();
    let file = Store::open(directory.path()).unwrap();
    for store in [file, Store::memory().unwrap()] {
        let mut client = client(&store).await;
        for number in 0..300 {
            client.put(format!("gone {number:04}"), vec![1; 20_000], None).await.unwrap();
        }
        fill(&mut client).await;
        client.delete("gone", Some(etcd_client::DeleteOptions::new().with_prefix())).await.unwrap();
        let newest = client.status().await.unwrap().header().unwrap().revision();
        client.compact(newest, None).await.unwrap();
        let got = client.get("key", Some(GetOptions::new().with_prefix())).await.unwrap();
        let size = client.status().await.unwrap().db_size();

        client.defragment().await.unwrap();
        let smaller = client.status().await.unwrap().db_size();
        assert!(smaller * 3 < size, "{size} became {smaller}");
        let again = client.get("key", Some(GetOptions::new().with_prefix())).await.unwrap();
        assert_eq!(format!("{:?}", again.kvs()), format!("{:?}", got.kvs()));
        let put = client.put("after", "", None).await.unwrap();
        assert_eq!(put.header().unwrap().revision(), newest + 1);
        assert!(client.lease_time_to_live(7, None).await.unwrap().ttl() > 500);
    }
    // What was written after the file was exchanged is in the file that is there.
    let names: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["store.redb"]);
    let store = Store::open(directory.path()).unwrap();
    let mut client = client(&store).await;
    assert_eq!(client.get("after", None).await.unwrap().count(), 1);
    assert_eq!(client.get("key", Some(GetOptions::new().with_prefix())).await.unwrap().count(), 200);
}

#[tokio::test]
async fn a_store_in_memory_takes_the_room_of_what_was_overwritten() {
    let store = Store::memory().unwrap();
    let mut client = client(&store).await;
    let mut sizes = Vec::new();
    for round in 0..12 {
        for number in 0..100 {
            client.put(format!("key {number:04}"), vec![round; 20_000], None).await.unwrap();
        }
        let newest = client.status().await.unwrap().header().unwrap().revision();
        client.compact(newest, None).await.unwrap();
        sizes.push(client.status().await.unwrap().db_size());
    }
    assert!(sizes[11] <= 2 * sizes[1], "{sizes:?}");
}

#[tokio::test]
async fn a_watch_goes_on_over_a_defragmentation() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut client = client(&store).await;
    let mut watch = client.watch("a", None).await.unwrap();
    assert!(watch.message().await.unwrap().unwrap().created());
    client.put("a", "1", None).await.unwrap();
    client.defragment().await.unwrap();
    client.put("a", "2", None).await.unwrap();
    client.compact(2, Some(CompactionOptions::new().with_physical())).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 2 {
        let message = watch.message().await.unwrap().unwrap();
        told.extend(message.events().iter().map(|event| event.kv().unwrap().value().to_vec()));
    }
    assert_eq!(told, [b"1", b"2"]);
}
