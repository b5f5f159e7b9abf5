//! How fast the embedded store reads and writes, in memory, on a file and over a socket, beside etcd servers
//! that write to the same disk.
//!
//! `cargo bench -p txetcd-embedded` starts the servers of `TXETCD_TEST_BINARIES` (`NAME=PATH`, separated by
//! commas), or the `etcd` on the PATH. All are measured in turn, several times over, so that what else the
//! machine does hits each of them; what is printed is the median, and how it compares with the last server.

#[path = "../../tests/behaviour/own_server.rs"]
mod own_server;

use std::time::{Duration, Instant};

use etcd_client::{Channel, Client};
use tonic::body::Body;
use tonic::codegen::http::Request;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;
use txetcd_embedded::{Store, serve};

const ROUNDS: usize = 5;
const SPAN: Duration = Duration::from_secs(1);
const KEYS: usize = 10_000;
const VALUE: [u8; 100] = [b'v'; 100];
const GETS: usize = 5_000;

/// One of those that are compared, with a figure of each round for each measure.
struct Subject {
    name: String,
    client: Client,
    rounds: [Vec<f64>; 3],
}

impl Subject {
    fn new(name: impl Into<String>, client: Client) -> Self {
        Self { name: name.into(), client, rounds: Default::default() }
    }

    async fn measure(&mut self) {
        self.rounds[0].push(puts_per_second(&self.client, 1).await);
        self.rounds[1].push(puts_per_second(&self.client, 64).await);
        self.rounds[2].push(median_get(self.client.clone()).await.as_secs_f64() * 1e6);
    }

    fn figures(&self) -> [f64; 3] {
        self.rounds.clone().map(|mut rounds| {
            rounds.sort_by(f64::total_cmp);
            rounds[rounds.len() / 2]
        })
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let servers: Vec<_> = own_server::binaries()
        .into_iter()
        .map(|(name, binary)| (name, own_server::OwnServer::start(&binary, &[])))
        .collect();
    let directory = own_server::temporary_directory();
    runtime.block_on(async {
        let memory = Store::memory().unwrap();
        let file = Store::open(directory.path().join("file")).unwrap();
        let served = Store::open(directory.path().join("served")).unwrap();
        let socket = serve(&served, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let mut subjects = vec![
            Subject::new("embedded, in memory", connect(&memory).await),
            Subject::new("embedded, on a file", connect(&file).await),
            Subject::new("the same over a socket", Client::connect([socket.url()], None).await.unwrap()),
        ];
        for (name, server) in &servers {
            let client = Client::connect([server.url()], None).await.unwrap();
            subjects.push(Subject::new(format!("etcd {name}"), client));
        }
        for _ in 0..ROUNDS {
            for subject in &mut subjects {
                subject.measure().await;
            }
        }
        print(&subjects);
    });
}

fn print(subjects: &[Subject]) {
    let Some(last) = subjects.last() else { return };
    let base = last.figures();
    println!("{:<24} {:>18} {:>18} {:>20}", "", "puts/s, 1 writer", "64 writers", "median get, us");
    for subject in subjects {
        let figures = subject.figures();
        let cell = |index: usize| format!("{:.1} x{:.2}", figures[index], figures[index] / base[index]);
        println!("{:<24} {:>18} {:>18} {:>20}", subject.name, cell(0), cell(1), cell(2));
    }
}

async fn connect(store: &Store) -> Client {
    let service = ServiceExt::<Request<Body>>::map_err(store.service(), Into::into);
    Client::from_channel(Channel::Custom(BoxCloneSyncService::new(service)), None).await.unwrap()
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
