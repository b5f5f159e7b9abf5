//! What the embedded store does in a second, in memory and on a file, beside the etcd servers named in
//! `TXETCD_TEST_SERVERS` (`NAME=http://127.0.0.1:PORT`, separated by commas).
//!
//! `cargo bench -p txetcd-embedded` prints a table. `TXETCD_BENCH_DIR` says where the file is put.

use std::time::{Duration, Instant};

use etcd_client::{Channel, Client};
use tonic::body::Body;
use tonic::codegen::http::Request;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use txetcd_embedded::Store;

const KEYS: usize = 10_000;
const VALUE: [u8; 100] = [b'v'; 100];
const WRITERS: [usize; 3] = [1, 64, 256];
const GETS: usize = 20_000;
const SPAN: Duration = Duration::from_secs(2);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!("{:<28} {:>14} {:>10} {:>10} {:>10}", "", "get, median", "1 writer", "64", "256");
        let memory = Store::memory().unwrap();
        measure("embedded, memory", connect(&memory).await).await;
        let place = std::env::var_os("TXETCD_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
        let directory = tempfile::tempdir_in(place).unwrap();
        let file = Store::open(directory.path()).unwrap();
        measure("embedded, file", connect(&file).await).await;
        let servers = std::env::var("TXETCD_TEST_SERVERS").unwrap_or_default();
        for server in servers.split(',').filter(|server| !server.trim().is_empty()) {
            let (name, url) = server.trim().split_once('=').expect("NAME=URL");
            measure(name, Client::connect([url], None).await.unwrap()).await;
        }
    });
}

async fn connect(store: &Store) -> Client {
    let service = ServiceExt::<Request<Body>>::map_err(store.service(), Into::into);
    Client::from_channel(Channel::Custom(BoxCloneSyncService::new(service)), None).await.unwrap()
}

async fn measure(name: &str, client: Client) {
    let mut rates = Vec::new();
    for writers in WRITERS {
        rates.push(puts_per_second(&client, writers).await);
    }
    let median = median_get(client).await;
    println!("{name:<28} {median:>14?} {:>10.0} {:>10.0} {:>10.0}", rates[0], rates[1], rates[2]);
}

async fn puts_per_second(client: &Client, writers: usize) -> f64 {
    let start = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let mut client = client.kv_client();
            tokio::spawn(async move {
                let mut written = 0;
                while start.elapsed() < SPAN {
                    let key = format!("bench/{:05}", (writer + written * writers) % KEYS);
                    client.put(key, VALUE, None).await.unwrap();
                    written += 1;
                }
                written
            })
        })
        .collect();
    let mut written = 0;
    for task in tasks {
        written += task.await.unwrap();
    }
    written as f64 / start.elapsed().as_secs_f64()
}

async fn median_get(client: Client) -> Duration {
    let mut client = client.kv_client();
    let mut times = Vec::with_capacity(GETS);
    for index in 0..GETS {
        let key = format!("bench/{:05}", index * 7 % KEYS);
        let start = Instant::now();
        client.get(key, None).await.unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times[GETS / 2]
}
