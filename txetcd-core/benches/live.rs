//! How long a live view's `get` takes, in a table of 100,000 rows.
//!
//!     cargo bench -p txetcd-core --features embedded --bench live

use std::hint::black_box;
use std::time::Instant;

use txetcd_core::codec::Utf8;
use txetcd_core::{Database, PMap, Uuid};

const ROWS: usize = 100_000;
const GETS: usize = 1_000_000;
const MAP: PMap<Uuid, String, Utf8> = PMap::at(1);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let db = Database::connect("memory:").await.expect("a store in memory");
    let keys: Vec<_> = (0..ROWS).map(|_| Uuid::new_v4()).collect();
    for some in keys.chunks(100) {
        db.write(async |txn| some.iter().try_for_each(|key| MAP.put(txn, key, &key.to_string())))
            .await
            .expect("a commit");
    }
    let live = MAP.live(&db).await.expect("a live view");
    let mut rounds: Vec<_> = (0..11)
        .map(|_| {
            let began = Instant::now();
            for number in 0..GETS {
                // Far from the key before, as keys are in practice.
                black_box(live.get(&keys[number * 7919 % ROWS]).expect("no error").expect("a row"));
            }
            began.elapsed().as_nanos() / GETS as u128
        })
        .collect();
    rounds.sort_unstable();
    println!("live get, {ROWS} rows: {} ns (median of {})", rounds[rounds.len() / 2], rounds.len());
}
