//! Watches through faults bring exactly what etcd's history holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{EventType, WatchOptions};
use futures_util::StreamExt as _;
use txetcd::{Client, KeySet, Op, Txn, WatchEvent, WatchStream};

use crate::own_server::binaries;
use crate::random::Random;
use txetcd_chaos::cluster::{Cluster, Mode};

/// Far more than any of this takes, on a slow machine too.
const LONG: Duration = Duration::from_secs(120);

/// An event: revision, key, and value if it is a put.
type Told = (i64, Vec<u8>, Option<Vec<u8>>);

/// What a watch tells, until the revision is reached.
async fn read_to(mut changes: WatchStream, last: tokio::sync::watch::Receiver<i64>) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    loop {
        let end = *last.borrow();
        if end > 0 && told.last().is_some_and(|(revision, ..)| *revision >= end) {
            return told;
        }
        let mut last = last.clone();
        last.mark_unchanged();
        tokio::select! {
            response = changes.next() => {
                let response = response.expect("a stream that goes on").expect("no error");
                let revision = response.revision();
                told.extend(response.into_events().into_iter().map(|event| match event {
                    WatchEvent::Put { kv, .. } => {
                        let (key, value) = kv.into_parts();
                        (revision, key, Some(value))
                    }
                    WatchEvent::Delete { kv, .. } => (revision, kv.into_parts().0, None),
                }));
            }
            changed = last.changed() => changed.expect("a sender"),
        }
    }
}

/// The history as etcd has it, read by a bare client.
async fn history(cluster: &Cluster, prefix: &[u8], last: i64) -> Vec<Told> {
    let mut client = cluster.direct(0).await.watch_client().max_decoding_message_size(usize::MAX);
    let options = WatchOptions::new().with_prefix().with_start_revision(1);
    let mut stream = client.watch(prefix, Some(options)).await.expect("a watch");
    let mut told: Vec<Told> = Vec::new();
    while told.last().is_none_or(|(revision, ..)| *revision < last) {
        let response = stream.message().await.expect("no error").expect("a message");
        for event in response.events() {
            let kv = event.kv().expect("a key");
            let key = kv.key()[prefix.len()..].to_vec();
            let value = (event.event_type() == EventType::Put).then(|| kv.value().to_vec());
            told.push((kv.mod_revision(), key, value));
        }
    }
    told
}

/// Writes one or several keys, or deletes some, until told to stop. Returns the revisions that were acknowledged.
async fn write(client: Client, writer: u64, done: Arc<AtomicBool>, changes: Arc<AtomicUsize>) -> Vec<i64> {
    let mut random = Random::new(writer);
    let mut acknowledged = Vec::new();
    let mut number = 0_u64;
    while !done.load(Ordering::Relaxed) {
        number += 1;
        let mut keys: Vec<_> = (0..1 + random.below(3)).map(|_| random.below(40)).collect();
        keys.sort_unstable();
        keys.dedup();
        let ops: Vec<_> = keys
            .into_iter()
            .map(|key| match random.below(5) {
                0 => Op::delete(format!("{key}")),
                _ => Op::put(format!("{key}"), format!("{writer}-{number}")),
            })
            .collect();
        let count = ops.len();
        match client.txn(Txn::when([]).then(ops)).await {
            Ok(response) => {
                acknowledged.push(response.revision());
                changes.fetch_add(count, Ordering::Relaxed);
            }
            // Perhaps it was applied. Then the history has it, and so must the watch.
            Err(error) => assert!(error.is_unavailable() || error.is_timeout(), "{error:?}"),
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_through_faults_brings_the_history_of_etcd() {
    let (changes, faults, longest) = if crate::full() {
        (50_000, 12, Duration::from_secs(20))
    } else {
        (5_000, 6, Duration::from_secs(2))
    };
    for (name, binary) in binaries() {
        let seed = crate::seed();
        println!("on etcd {name}, seed {seed}");
        let mut cluster = crate::cluster(&binary).await;
        let urls = [0, 1, 2].map(|first| cluster.url(first));
        let connect = |first: usize| {
            let timeout = Duration::from_secs(2);
            Client::builder().url(&urls[first]).namespace("app/").request_timeout(timeout).connect()
        };
        let (last, end) = tokio::sync::watch::channel(0);
        let mut watches = Vec::new();
        for first in 0..3 {
            let stream = connect(first).await.unwrap().watch(KeySet::all()).from(1).stream().await.unwrap();
            watches.push(tokio::spawn(read_to(stream, end.clone())));
        }
        let (done, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut writers = Vec::new();
        for writer in 0..4 {
            let client = connect(writer as usize % 3).await.unwrap();
            writers.push(tokio::spawn(write(client, writer, done.clone(), written.clone())));
        }
        let mut nemesis = crate::nemesis(longest);
        let mut struck = 0;
        while struck < faults || written.load(Ordering::Relaxed) < changes {
            if struck < faults && written.load(Ordering::Relaxed) >= changes / (faults + 1) * struck {
                nemesis.strike(&mut cluster).await;
                struck += 1;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        done.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        let marker = connect(0).await.unwrap().put("end", "").await.unwrap().revision();
        last.send_replace(marker);
        let history = history(&cluster, b"app/", marker).await;
        println!("{} changes in {} revisions, {struck} faults", history.len(), acknowledged.len());
        for watch in watches {
            let told = tokio::time::timeout(LONG, watch).await.expect("the watch reaches the end").unwrap();
            let differs = told.iter().zip(&history).position(|(told, held)| told != held);
            assert_eq!(differs, None, "the watch differs from the history");
            assert_eq!(told.len(), history.len());
        }
        // A write that deletes only what is not there has no revision of its own.
        let held: std::collections::HashSet<_> = history.iter().map(|(revision, ..)| *revision).collect();
        let first = history.first().map_or(0, |(revision, ..)| *revision);
        assert!(acknowledged.iter().all(|revision| held.contains(revision) || *revision <= first));
    }
}

/// Cuts the member that a watch is connected to off, in some way, and expects the watch to go on elsewhere.
async fn leaves_the_member(cut_off: impl Fn(&mut Cluster)) {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let mut cluster = crate::cluster(&binary).await;
        let watching = Client::connect(cluster.url(0)).await.unwrap();
        let mut changes = watching.watch("a").stream().await.unwrap();
        assert_eq!(watching.endpoint(), cluster.url_of(0));
        let writing = Client::connect(format!("{},{}", cluster.url_of(1), cluster.url_of(2))).await.unwrap();
        cut_off(&mut cluster);
        let written = writing.put("a", "1").await;
        // The one that was cut off may have been the leader.
        let written = match written {
            Ok(written) => written.revision(),
            Err(_) => loop {
                if let Ok(written) = writing.put("a", "1").await {
                    break written.revision();
                }
            },
        };
        let next = async {
            loop {
                let response = changes.next().await.unwrap().unwrap();
                if response.revision() == written {
                    break;
                }
            }
        };
        tokio::time::timeout(LONG, next).await.expect("the change, from another member");
        assert_ne!(watching.endpoint(), cluster.url_of(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_leaves_a_member_that_is_silent() {
    leaves_the_member(|cluster| cluster.set_clients(0, Mode::Hold)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_leaves_a_member_that_stands_still() {
    leaves_the_member(|cluster| cluster.member(0).pause()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_leaves_a_member_that_is_cut_off_from_the_others() {
    leaves_the_member(|cluster| cluster.isolate(0)).await;
}
