//! How long a live view's `get` takes, in tables of several sizes. What it costs in large ones is memory that no cache of
//! the processor holds: a place in the map, and the row, whose count of users `get` raises.
//!
//!     cargo bench -p txetcd-core --features embedded --bench live

use std::hint::black_box;
use std::time::Instant;

use txetcd_core::codec::Utf8;
use txetcd_core::{Database, PMap, Uuid};

const ROUNDS: usize = 2_001;
const GETS: usize = 1_000;
const MAP: PMap<Uuid, String, Utf8> = PMap::at(1);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for rows in [1_000, 10_000, 100_000] {
        let db = Database::connect("memory:").await.expect("a store in memory");
        let keys: Vec<_> = (0..rows).map(|_| Uuid::new_v4()).collect();
        for some in keys.chunks(100) {
            db.write(async |txn| some.iter().try_for_each(|key| MAP.put(txn, key, &key.to_string())))
                .await
                .expect("a commit");
        }
        let live = MAP.live(&db).await.expect("a live view");
        // Rounds are short, so that few of them are interrupted by other programs.
        let mut rounds: Vec<_> = (0..ROUNDS)
            .map(|round| {
                let began = Instant::now();
                for number in 0..GETS {
                    // The row is far from the one before: rows lie in the order of their keys.
                    let key = &keys[(round * GETS + number) % rows];
                    black_box(live.get(key).expect("no error").expect("a row"));
                }
                began.elapsed().as_nanos() / GETS as u128
            })
            .collect();
        rounds.sort_unstable();
        println!("live get, {rows} rows: {} ns (median of {ROUNDS})", rounds[ROUNDS / 2]);
    }
}
