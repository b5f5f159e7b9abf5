//! Locks and queues through faults: no two guarded writers, and every item finished once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etcd_client::WatchOptions;
use txetcd::{Client, Error, Op, Session, Txn};

use crate::own_server::binaries;
use crate::random::Random;
use txetcd_chaos::cluster::Cluster;

/// Far more than any of this takes, on a slow machine too.
const LONG: Duration = Duration::from_secs(180);
/// How long the workers wait for an answer: short, so that faults make them lose some.
const SHORT: Duration = Duration::from_secs(2);
/// The time of the workers' sessions: short, so that faults make them lose some.
const TTL: Duration = Duration::from_secs(3);
/// In front of all keys.
const NAMESPACE: &str = "app/";

/// How often each item was finished: surely, and perhaps.
type Finished = Arc<Mutex<BTreeMap<u32, (u32, u32)>>>;

async fn connect(cluster: &Cluster, first: usize, request_timeout: Duration) -> Client {
    let builder = Client::builder().url(cluster.url(first)).namespace(NAMESPACE);
    builder.request_timeout(request_timeout).connect().await.expect("a connection")
}

/// A session that is alive; another one if it was lost.
async fn session<'s>(client: &Client, own: &'s mut Option<Session>) -> Result<&'s Session, Error> {
    if own.as_ref().is_none_or(|own| !own.is_alive()) {
        *own = Some(client.session(TTL).await?);
    }
    Ok(own.as_ref().expect("a session"))
}

/// What faults may cause.
fn expected(error: &Error) -> bool {
    error.is_unavailable() || error.is_timeout() || error.is_lock_lost() || error.is_commit_unknown()
}

/// Takes the lock and writes under its guard, again and again. What it writes is the token of its tenure.
async fn hold(client: Client, seed: u64, done: Arc<AtomicBool>) -> Vec<i64> {
    let (mut random, mut own, mut acknowledged) = (Random::new(seed), None, Vec::new());
    while !done.load(Ordering::Relaxed) {
        let outcome = async {
            let session = session(&client, &mut own).await?;
            let lock = client.lock("jobs").acquire(session).await?;
            // It believes in its lock for longer than it should: only the guard keeps it back.
            for _ in 0..1 + random.below(30) {
                let token = lock.fencing_token();
                let write = Txn::default().then([Op::put("log", token.to_be_bytes())]);
                acknowledged.push(client.txn(write).guard(&lock).await?.revision());
                tokio::time::sleep(Duration::from_millis(random.below(40))).await;
                if random.below(20) == 0 {
                    // It loses the lock without knowing it, and stands still while another one has it.
                    session.lease().revoke().await?;
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
            }
            if random.flag() { lock.release().await } else { Ok(()) }
        };
        match outcome.await {
            Ok(()) => {}
            Err(error) => assert!(expected(&error) || error.is_not_found(), "{error:?}"),
        }
    }
    acknowledged
}

/// Pushes numbers until told to stop. Returns those that surely were pushed.
async fn produce(client: Client, first: u32, done: Arc<AtomicBool>) -> Vec<u32> {
    let queue = client.queue("q");
    let mut pushed = Vec::new();
    let mut number = first;
    while !done.load(Ordering::Relaxed) {
        match queue.push(number.to_be_bytes()).await {
            Ok(()) => pushed.push(number),
            Err(error) => assert!(expected(&error), "{error:?}"),
        }
        number += 2;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    pushed
}

/// Finishes items until told to stop; some it gets and dies with.
async fn consume(client: Client, seed: u64, finished: Finished, done: Arc<AtomicBool>) {
    let (mut random, mut own) = (Random::new(seed), None);
    while !done.load(Ordering::Relaxed) {
        let outcome = async {
            let session = session(&client, &mut own).await?;
            let item = client.queue("q").pop_within(session, Duration::from_secs(2)).await?;
            match random.below(12) {
                0 => session.lease().revoke().await,
                1 => Ok(()),
                _ => {
                    let number = u32::from_be_bytes(item.value().try_into().expect("a number"));
                    let acknowledged = item.ack().await;
                    let mut finished = finished.lock().unwrap();
                    let (surely, perhaps) = finished.entry(number).or_default();
                    match &acknowledged {
                        Ok(()) => *surely += 1,
                        Err(error) if error.is_commit_unknown() => *perhaps += 1,
                        Err(_) => {}
                    }
                    acknowledged
                }
            }
        };
        match outcome.await {
            Ok(()) => {}
            Err(error) => assert!(expected(&error) || error.is_not_found(), "{error:?}"),
        }
    }
}

/// Everything that was ever put at the key: revisions and tokens.
async fn log(cluster: &Cluster, last: i64) -> Vec<(i64, i64)> {
    let mut client = cluster.direct(0).await.watch_client();
    let options = WatchOptions::new().with_start_revision(1);
    let mut stream = client.watch(format!("{NAMESPACE}log"), Some(options)).await.expect("a watch");
    let mut log: Vec<(i64, i64)> = Vec::new();
    while log.last().is_none_or(|(revision, _)| *revision < last) {
        let response = stream.message().await.expect("no error").expect("a message");
        log.extend(
            response
                .events()
                .iter()
                .filter_map(|event| event.kv())
                .map(|kv| (kv.mod_revision(), i64::from_be_bytes(kv.value().try_into().expect("a token")))),
        );
    }
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_and_queues_through_faults() {
    let (faults, longest) =
        if crate::full() { (14, Duration::from_secs(20)) } else { (6, Duration::from_secs(3)) };
    for (name, binary) in binaries() {
        let seed = crate::seed();
        println!("on etcd {name}, seed {seed}");
        let mut cluster = crate::cluster(&binary).await;
        let (done, pushed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let finished = Finished::default();
        let (mut holders, mut producers, mut consumers) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..3 {
            let [holder, consumer] =
                [connect(&cluster, number, SHORT).await, connect(&cluster, number, SHORT).await];
            let seed = seed * 10 + number as u64;
            holders.push(tokio::spawn(hold(holder, seed, done.clone())));
            consumers.push(tokio::spawn(consume(consumer, seed, finished.clone(), done.clone())));
        }
        for first in 0..2 {
            let producer = connect(&cluster, first as usize, SHORT).await;
            producers.push(tokio::spawn(produce(producer, first, pushed.clone())));
        }
        let mut nemesis = crate::nemesis(longest);
        for _ in 0..faults {
            nemesis.strike(&mut cluster).await;
        }
        pushed.store(true, Ordering::Relaxed);
        let mut numbers = Vec::new();
        for producer in producers {
            numbers.extend(tokio::time::timeout(LONG, producer).await.expect("an end").unwrap());
        }
        done.store(true, Ordering::Relaxed);
        let mut acknowledged = Vec::new();
        for holder in holders {
            acknowledged.extend(tokio::time::timeout(LONG, holder).await.expect("an end").unwrap());
        }
        for consumer in consumers {
            tokio::time::timeout(LONG, consumer).await.expect("an end").unwrap();
        }

        let last = *acknowledged.iter().max().expect("some writes");
        let log = tokio::time::timeout(LONG, log(&cluster, last)).await.expect("the log");
        for pair in log.windows(2) {
            assert!(
                pair[0].1 <= pair[1].1,
                "{:?} was written after {:?}: two held the lock",
                pair[1],
                pair[0]
            );
        }
        let mut tenures: Vec<_> = log.iter().map(|(_, token)| *token).collect();
        tenures.dedup();
        println!("{} guarded writes in {} tenures", log.len(), tenures.len());
        assert!(tenures.len() > 3, "the lock changed hands");
        assert!(acknowledged.iter().all(|wanted| log.iter().any(|(revision, _)| revision == wanted)));

        // Whatever is left is finished now.
        let client = connect(&cluster, 0, LONG).await;
        let queue = client.queue("q");
        let own = client.session(LONG).await.unwrap();
        while queue.count().await.unwrap() > 0 {
            let item = tokio::time::timeout(LONG, queue.pop(&own)).await.expect("an item").unwrap();
            let number = u32::from_be_bytes(item.value().try_into().unwrap());
            item.ack().await.unwrap();
            finished.lock().unwrap().entry(number).or_default().0 += 1;
        }
        let finished = finished.lock().unwrap().clone();
        for (number, (surely, _)) in &finished {
            assert!(*surely <= 1, "{number} was finished {surely} times");
        }
        for number in &numbers {
            let (surely, perhaps) = finished.get(number).copied().unwrap_or_default();
            assert!(surely + perhaps > 0, "{number} was lost");
        }
        println!("{} items pushed, {} finished", numbers.len(), finished.len());
        assert!(numbers.len() > 20);
    }
}
