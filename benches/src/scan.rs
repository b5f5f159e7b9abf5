//! What scanning a large table costs beside a paged loop on bare `etcd-client` that decodes the same rows; and beside
//! it, a lookup of 100 rows by an index.
//!
//! `cargo bench -p txetcd-bench --bench scan` runs on the etcd in `TXETCD_BENCH_URL`, or else on a store in memory that is
//! served on a socket, so that both sides talk to the same server in the same way. It measures in turn and ends with the
//! median ratio of the rates, which should not be below 0.8.

use std::time::{Duration, Instant};

use etcd_client::{Client, GetOptions};
use serde::{Deserialize, Serialize};
use txetcd::{Database, Persist, embedded};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROWS: u32 = 100_000;
const ROUNDS: usize = 7;
/// What the loop asks for at once; a hand-written one has a number like this in it.
const PAGE: i64 = 5_000;

#[derive(Persist, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[pmap(slot = 1)]
struct Person {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 2))]
    town: u32,
    name: String,
    email: Option<String>,
    tags: Vec<String>,
    balance: i64,
}

fn person(id: u32) -> Person {
    Person {
        id,
        town: id / 100,
        name: format!("person number {id}"),
        email: Some(format!("{id}@example.org")),
        tags: vec!["reader".to_owned(), "writer".to_owned()],
        balance: i64::from(id) * 37,
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut served = None;
    let url = match std::env::var("TXETCD_BENCH_URL") {
        Ok(url) => url,
        Err(_) => {
            let store = embedded::Store::memory()?;
            let server = embedded::serve(&store, ([127, 0, 0, 1], 0).into()).await?;
            served.insert(server).url()
        }
    };
    let namespace = format!("bench-{}/", fastrand::u64(..));
    let db = Database::builder().url(&url).namespace(namespace.as_str()).connect().await?;
    let mut etcd = Client::connect([&url], None).await?;
    println!("storing {ROWS} rows in {url}");
    for first in (0..ROWS).step_by(60) {
        let rows = first..ROWS.min(first + 60);
        db.write(async |txn| rows.clone().try_for_each(|id| Person::table().insert(txn, &person(id))))
            .await?;
    }

    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let (ours, loops) = (scan(&db).await?, paged_loop(&mut etcd, &namespace).await?);
        let ratio = loops.as_secs_f64() / ours.as_secs_f64();
        println!("round {round}: scan {ours:.0?}, loop {loops:.0?}, ratio of the rates {ratio:.2}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio of the rates: {:.2}", ratios[ROUNDS / 2]);

    let before = db.stats().requests;
    let began = Instant::now();
    let found = db.read(async |txn| Person::by_town().get_all(txn, &500).await).await?;
    println!(
        "{} rows by an index: {:.0?}, {} requests",
        found.len(),
        began.elapsed(),
        db.stats().requests - before
    );
    db.client().delete(txetcd::KeySet::all()).await?;
    drop(served);
    Ok(())
}

async fn scan(db: &Database) -> Result<Duration> {
    let began = Instant::now();
    let rows = db.read(async |txn| Person::table().all(txn).collect().await).await?;
    assert_eq!(rows.len(), ROWS as usize);
    Ok(began.elapsed())
}

async fn paged_loop(etcd: &mut Client, namespace: &str) -> Result<Duration> {
    let began = Instant::now();
    let prefix = [namespace.as_bytes(), &[0, 1]].concat();
    let end = [namespace.as_bytes(), &[0, 2]].concat();
    let (mut start, mut revision) = (prefix, 0);
    let mut rows: Vec<Person> = Vec::new();
    loop {
        let options = GetOptions::new().with_range(end.clone()).with_limit(PAGE).with_revision(revision);
        let page = etcd.get(start.clone(), Some(options)).await?;
        if revision == 0 {
            revision = page.header().map_or(0, |header| header.revision());
        }
        for kv in page.kvs() {
            rows.push(ciborium::from_reader(kv.value())?);
        }
        let Some(last) = page.kvs().last().filter(|_| page.more()) else { break };
        start = [last.key(), &[0]].concat();
    }
    assert_eq!(rows.len(), ROWS as usize);
    Ok(began.elapsed())
}
