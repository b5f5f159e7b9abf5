//! A soak: whatever was begun and ended, or dropped on the way, leaves nothing behind. After each cycle, tasks, leases, watches,
//! keys of locks and queues, and the memory are what they were after the first cycles.
//!
//! `TXETCD_TEST_SOAK=600` goes on for so many seconds on each store. A program of its own, since tasks and memory are the
//! process's, and with one test.

#[path = "../behaviour/own_server.rs"]
mod own_server;

mod cycle;
mod left;

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use txetcd::{Database, DatabaseBuilder, embedded};

use cycle::Note;
use left::{Left, Observer};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Cycles after which all that is made once has been made.
const FIRST: u32 = 3;
/// Cycles of a usual run.
const USUAL: u32 = 8;
/// How much more there may be after a usual run: what is made ready for later, and fragments of it.
const USUAL_SLACK: usize = 2 << 20;
/// After so long the connection that is kept has renewed its lease (30 s) once, on a stream that stays and is a task.
const RENEWED: Duration = Duration::from_secs(12);
/// How much more after a long one: a connection remembers what it wrote last (8,192 keys, and what became of 131,072
/// transactions), and the store in memory grows in steps.
const LONG_SLACK: usize = 8 << 20;

async fn soak(what: &str, observer: Observer, builder: impl Fn() -> DatabaseBuilder) {
    let long = std::env::var("TXETCD_TEST_SOAK").map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let slack = if long.is_ok() { LONG_SLACK } else { USUAL_SLACK };
    let kept = builder().cached::<Note>().connect().await.unwrap();
    let since = Instant::now();
    let mut cycles = 0;
    let mut first: Option<(Left, usize)> = None;
    loop {
        cycle::run(&kept, &builder, cycles).await;
        cycles += 1;
        if cycles == FIRST {
            tokio::time::sleep(RENEWED.saturating_sub(since.elapsed())).await;
        }
        let left = observer.settled(first.as_ref().map(|(left, _)| left)).await;
        let bytes = MEMORY.current_usage();
        let over = match &long {
            Ok(long) => since.elapsed() > *long,
            Err(_) => cycles == USUAL,
        };
        if cycles.is_power_of_two() || over {
            println!(
                "{what}: {cycles} cycles, {} s: {left:?}, {} KiB",
                since.elapsed().as_secs(),
                bytes >> 10
            );
        }
        match &first {
            None if cycles == FIRST => first = Some((left, bytes)),
            None => {}
            Some((wanted, most)) => {
                assert!(
                    left.is_within(wanted),
                    "{what}: {left:?} after {cycles} cycles, {wanted:?} after {FIRST}"
                );
                assert!(
                    bytes < most + slack,
                    "{what}: {bytes} bytes after {cycles} cycles, {most} after {FIRST}"
                );
            }
        }
        if over {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_behind() {
    let store = embedded::Store::builder().keep_revisions(100).memory().unwrap();
    let served = embedded::serve(&store, ([127, 0, 0, 1], 0).into()).await.unwrap();
    soak("memory", Observer::of(&served.url()).await, || Database::builder().store(&store)).await;
    let (name, binary) = own_server::binaries().pop().unwrap();
    let server = own_server::OwnServer::start(&binary, &[]);
    soak(&name, Observer::of_etcd(&server.url()).await, || Database::builder().url(server.url())).await;
}
