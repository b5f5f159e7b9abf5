//! How fast the client is, as a ratio to the bare `etcd-client` below it: get and put with 1 and 64 in flight, and the
//! delivery of a watch. Both are measured in turn in one run on one server, in many slices of some milliseconds: what else the
//! machine does meets both sides of most pairs alike, and the median leaves out the rest.
//!
//!     cargo bench -p txetcd-client
//!
//! The servers are those in `TXETCD_TEST_BINARIES` (`cargo xtask test` sets it), or an `etcd` from the PATH.

#[path = "../../tests/behaviour/own_server.rs"]
#[allow(dead_code)]
mod own_server;

use std::time::{Duration, Instant};

use etcd_client::WatchOptions;
use futures_util::StreamExt as _;
use own_server::{OwnServer, binaries};
use txetcd_client::{Client, KeySet, Op, Txn};

/// Pairs of slices of requests, and how many requests each task makes in a slice with 1 and with 64 in flight.
const PAIRS: usize = 601;
const SLICES: [(usize, usize); 2] = [(1, 40), (64, 8)];
/// Pairs of deliveries of a watch.
const DELIVERIES: usize = 21;
const REVISIONS: usize = 20_000;
const EVENTS_EACH: usize = 4;
const VALUE: [u8; 100] = [b'x'; 100];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    for (name, binary) in binaries() {
        println!(
            "etcd {name}: rate of the bare client and of txetcd-client per second, and their ratio (medians)"
        );
        let server = OwnServer::start(&binary, &[]);
        let ours = Client::connect(server.url()).await.expect("a connection");
        let bare = etcd_client::Client::connect([server.url()], None).await.expect("a connection");
        ours.put("k", VALUE).await.expect("a put");
        for (in_flight, each) in SLICES {
            let count = each * in_flight;
            compare(&format!("get, {in_flight} in flight"), PAIRS, count, async |is_ours| {
                at_once(in_flight, |_| {
                    let (ours, mut bare) = (ours.clone(), bare.kv_client());
                    async move {
                        for _ in 0..each {
                            match is_ours {
                                true => drop(ours.get("k").await.expect("a get")),
                                false => drop(bare.get("k", None).await.expect("a get")),
                            }
                        }
                    }
                })
                .await
            })
            .await;
            compare(&format!("put, {in_flight} in flight"), PAIRS, count, async |is_ours| {
                at_once(in_flight, |task| {
                    let (ours, mut bare, key) = (ours.clone(), bare.kv_client(), format!("p/{task}"));
                    async move {
                        for _ in 0..each {
                            match is_ours {
                                true => drop(ours.put(key.as_str(), VALUE).await.expect("a put")),
                                false => drop(bare.put(key.as_str(), VALUE, None).await.expect("a put")),
                            }
                        }
                    }
                })
                .await
            })
            .await;
        }
        let first = ours.put("w", VALUE).await.expect("a put").revision() + 1;
        for _ in 0..REVISIONS {
            let ops = (0..EVENTS_EACH).map(|key| Op::put(format!("w/{key}"), VALUE));
            ours.txn(Txn::when([]).then(ops)).await.expect("a transaction");
        }
        let events = REVISIONS * EVENTS_EACH;
        compare("watch, events", DELIVERIES, events, async |is_ours| match is_ours {
            true => watch(&ours, first, events).await,
            false => bare_watch(bare.watch_client(), first, events).await,
        })
        .await;
    }
}

/// Measures both in turn, so many times, and prints the medians.
async fn compare(what: &str, pairs: usize, count: usize, run: impl AsyncFn(bool) -> Duration) {
    let (mut bare, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=pairs {
        let (theirs, own) = match round % 2 {
            0 => {
                let theirs = run(false).await;
                (theirs, run(true).await)
            }
            _ => {
                let own = run(true).await;
                (run(false).await, own)
            }
        };
        // The first round warms up.
        if round > 0 {
            bare.push(count as f64 / theirs.as_secs_f64());
            ours.push(count as f64 / own.as_secs_f64());
            ratios.push(theirs.as_secs_f64() / own.as_secs_f64());
        }
    }
    println!("{what:>20}: {:>9.0} {:>9.0}  {:.3}", median(bare), median(ours), median(ratios));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs so many tasks at once.
async fn at_once<F: Future<Output = ()> + Send + 'static>(
    tasks: usize,
    task: impl Fn(usize) -> F,
) -> Duration {
    let began = Instant::now();
    let running: Vec<_> = (0..tasks).map(|number| tokio::spawn(task(number))).collect();
    for task in running {
        task.await.expect("a task that ends");
    }
    began.elapsed()
}

async fn watch(client: &Client, first: i64, events: usize) -> Duration {
    let began = Instant::now();
    let mut changes = client.watch(KeySet::prefix("w/")).from(first).stream().await.expect("a watch");
    let mut seen = 0;
    while seen < events {
        seen += changes.next().await.expect("a change").expect("no error").events().len();
    }
    began.elapsed()
}

async fn bare_watch(client: etcd_client::WatchClient, first: i64, events: usize) -> Duration {
    let began = Instant::now();
    let options = WatchOptions::new().with_prefix().with_start_revision(first);
    let mut client = client.max_decoding_message_size(usize::MAX);
    let mut stream = client.watch("w/", Some(options)).await.expect("a watch");
    let mut seen = 0;
    while seen < events {
        seen += stream.message().await.expect("no error").expect("a message").events().len();
    }
    began.elapsed()
}
