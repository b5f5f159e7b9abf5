//! What is left after closing, reopening, killing and damaging a store.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use etcd_client::{Compare, CompareOp, GetOptions, Txn, TxnOp};
use support::client;
use txetcd_embedded::Store;

#[tokio::test]
async fn everything_is_there_again_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("not/there/yet");
    let mut identity = None;
    for round in 0..5_i64 {
        let store = Store::open(&path).unwrap();
        let mut client = client(&store).await;
        let got = client.get("a", None).await.unwrap();
        let header = got.header().unwrap();
        let ids = (header.cluster_id(), header.member_id());
        assert_eq!(*identity.get_or_insert(ids), ids);
        assert_eq!(header.revision(), 1 + round * 2);
        if round > 0 {
            assert_eq!((got.kvs()[0].version(), got.kvs()[0].create_revision()), (round, 2));
            let past = client.get("a", Some(GetOptions::new().with_revision(2))).await.unwrap();
            assert_eq!(past.kvs()[0].value(), b"0");
        }
        client.put("a", format!("{round}"), None).await.unwrap();
        client.put("b", "", None).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_is_open_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(error.is_locked() && !error.is_corrupt());
    let message = error.to_string();
    assert!(message.contains("open already") && message.contains("store.redb"), "{message}");
    // A clone, a client and a stream each keep it open; the last of them to go closes it.
    let clone = store.clone();
    let mut client = client(&store).await;
    let watch = client.watch("a", None).await.unwrap();
    drop(store);
    drop(clone);
    assert!(Store::open(directory.path()).unwrap_err().is_locked());
    drop(client);
    drop(watch);
    Store::open(directory.path()).unwrap();
}

#[tokio::test]
async fn another_process_is_told_that_the_file_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let child = child("open_in_a_child", directory.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&child.stdout).contains("locked=true"), "{child:?}");
    drop(store);
    let child = self::child("open_in_a_child", directory.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&child.stdout).contains("opened"), "{child:?}");
}

#[tokio::test]
async fn a_write_whose_future_is_dropped_happens_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let client = client(&store).await;
    for number in 0..200_u64 {
        let mut client = client.clone();
        let puts = [TxnOp::put(format!("a{number}"), "", None), TxnOp::put(format!("b{number}"), "", None)];
        let write = async move { client.txn(Txn::new().and_then(puts)).await };
        let _ = tokio::time::timeout(Duration::from_micros(number * 10), write).await;
    }
    drop(client);
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    let mut client = support::client(&store).await;
    let keys = |got: etcd_client::GetResponse| -> Vec<String> {
        got.kvs().iter().map(|kv| kv.key_str().unwrap()[1..].to_owned()).collect()
    };
    let prefix = || Some(GetOptions::new().with_prefix());
    let first = keys(client.get("a", prefix()).await.unwrap());
    let second = keys(client.get("b", prefix()).await.unwrap());
    assert_eq!(first, second);
    assert!(!first.is_empty());
}

/// How often a writer is killed in a usual run; `TXETCD_TEST_KILLS` asks for more.
const KILLS: u64 = 12;

/// The writer's store is compacted and defragmented all the while.
#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let kills = std::env::var("TXETCD_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut random = fastrand::Rng::with_seed(kills);
    let mut acknowledged = 0;
    for _ in 0..kills {
        let mut child = child("write_in_a_child", directory.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..random.usize(5..60) {
            let Some(line) = lines.next() else { break };
            // The child names each number that was acknowledged to it.
            if let Some(number) = line.unwrap().strip_prefix("ack ") {
                acknowledged = number.parse().unwrap();
            }
        }
        // Anywhere within the next write, or the one after it.
        std::thread::sleep(Duration::from_micros(random.u64(..3000)));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("ack ") {
                acknowledged = number.parse().unwrap();
            }
        }
        let store = Store::open(directory.path()).unwrap();
        // Nothing is left of a file that was to take the place of this one.
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let mut client = client(&store).await;
        let left = client.get("left", None).await.unwrap();
        let right = client.get("right", None).await.unwrap();
        let value = |got: &etcd_client::GetResponse| -> u64 {
            got.kvs().first().map_or(0, |kv| kv.value_str().unwrap().parse().unwrap())
        };
        assert_eq!(value(&left), value(&right), "half a transaction");
        assert!(value(&left) >= acknowledged, "{} is there, {acknowledged} was acknowledged", value(&left));
        // One put each round trip, and nothing else: revision and value go together.
        assert_eq!(left.header().unwrap().revision(), 1 + i64::try_from(value(&left)).unwrap());
    }
    println!("{acknowledged} writes in {kills} lives");
    assert!(acknowledged > 100);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_never_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    {
        let store = Store::open(directory.path()).unwrap();
        let mut client = client(&store).await;
        for number in 0..300 {
            client.put(format!("key {number:04}"), vec![b'v'; 200], None).await.unwrap();
        }
    }
    let whole = fs::read(&file).unwrap();
    let mut refused = 0;
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..120 {
        let mut damaged = whole.clone();
        match round % 3 {
            0 => {
                let at = random.usize(..damaged.len());
                damaged[at] ^= 1 << random.u8(..8);
            }
            1 => {
                let at = random.usize(..damaged.len() - 64);
                random.fill(&mut damaged[at..at + 64]);
            }
            _ => damaged.truncate(random.usize(1..damaged.len())),
        }
        fs::write(&file, &damaged).unwrap();
        match Store::open(directory.path()) {
            // Where the damage is in no page that is in use, everything has to be there.
            Ok(store) => {
                let mut client = client(&store).await;
                let got = client.get("key", Some(GetOptions::new().with_prefix())).await.unwrap();
                assert_eq!(got.count(), 300, "round {round}");
            }
            Err(error) => {
                assert!(error.is_corrupt(), "round {round}: {error}");
                assert!(error.to_string().contains("store.redb"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused} of 120 were noticed");
}

#[tokio::test]
async fn a_process_killed_while_it_created_the_store_is_in_nobodys_way() {
    let directory = tempfile::tempdir().unwrap();
    for microseconds in (0..60_000).step_by(2_500) {
        let path = directory.path().join(format!("{microseconds}"));
        let mut child = child("write_in_a_child", &path).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(microseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        Store::open(&path).unwrap_or_else(|error| panic!("killed after {microseconds} us: {error}"));
        let files: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["store.redb"]);
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    let contents = b"this is a letter, and not a store".repeat(500);
    fs::write(&file, &contents).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    assert_eq!(fs::read(&file).unwrap(), contents);
    let error = Store::open(&file).unwrap_err();
    assert!(!error.is_corrupt() && !error.is_locked());
    assert!(error.to_string().contains("store.redb"), "{error}");
}

/// This test program again, running one of the tests below, which do nothing in the normal run.
fn child(test: &str, directory: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--include-ignored", "--test-threads=1"]);
    command.env("TXETCD_TEST_CHILD", directory);
    command
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn open_in_a_child() {
    let Some(directory) = std::env::var_os("TXETCD_TEST_CHILD") else { return };
    match Store::open(directory) {
        Ok(_) => println!("opened"),
        Err(error) => println!("locked={}", error.is_locked()),
    }
}

#[tokio::test]
#[ignore = "run by another test, in a process of its own"]
async fn write_in_a_child() {
    let Some(directory) = std::env::var_os("TXETCD_TEST_CHILD") else { return };
    let store = Store::open(directory).unwrap();
    let mut client = client(&store).await;
    let got = client.get("left", None).await.unwrap();
    let mut number: u64 = got.kvs().first().map_or(0, |kv| kv.value_str().unwrap().parse().unwrap());
    // All the while the store is compacted and moved to another file.
    let mut maintainer = client.clone();
    tokio::spawn(async move {
        loop {
            let revision = maintainer.get("left", None).await.unwrap().header().unwrap().revision();
            let _ = maintainer.compact(revision, None).await;
            maintainer.defragment().await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    loop {
        number += 1;
        let value = number.to_string();
        let unchanged = Compare::version("left", CompareOp::Equal, i64::try_from(number).unwrap() - 1);
        let puts = [TxnOp::put("left", value.as_str(), None), TxnOp::put("right", value.as_str(), None)];
        let answer = client.txn(Txn::new().when([unchanged]).and_then(puts)).await.unwrap();
        assert!(answer.succeeded());
        println!("ack {number}");
        std::io::stdout().flush().unwrap();
    }
}
