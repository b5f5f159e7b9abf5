//! What consumers who do not read cost the store: no more than a bounded amount each.

use etcd_client::{Client, WatchOptions, WatchStream};
use peak_alloc::PeakAlloc;
use txetcd_embedded::{Server, Store, serve};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const CONSUMERS: usize = 20;
const WRITES: usize = 400;
const VALUE: usize = 100_000;

/// What each may cost, in bytes: what is read for it at a time, as a message, and what the connection holds
/// back. All that it has not read is ten times as much.
const EACH: usize = WRITES * VALUE / 10;

/// Writes while so many consumers do not read; answers with them and the memory that was taken meanwhile.
async fn write(consumers: usize) -> (Store, Server, Vec<WatchStream>, usize) {
    let store = Store::memory().unwrap();
    let server = serve(&store, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..consumers {
        let mut client = Client::connect([server.url()], None).await.unwrap();
        let mut stream = client.watch("key", Some(WatchOptions::new().with_prefix())).await.unwrap();
        assert!(stream.message().await.unwrap().unwrap().created());
        streams.push(stream);
    }
    let mut writer = Client::connect([server.url()], None).await.unwrap();
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    for number in 0..WRITES {
        writer.put(format!("key {number:04}"), vec![1; VALUE], None).await.unwrap();
    }
    let taken = MEMORY.peak_usage() - before;
    (store, server, streams, taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_do_not_read_cost_little_and_miss_nothing() {
    let (.., alone) = write(0).await;
    let (_store, _server, streams, taken) = write(CONSUMERS).await;
    let cost = taken.saturating_sub(alone) / CONSUMERS;
    assert!(cost < EACH, "{cost} bytes for each consumer");
    for mut stream in streams {
        let mut told = 0;
        while told < WRITES {
            let message = stream.message().await.unwrap().unwrap();
            for event in message.events() {
                assert_eq!(event.kv().unwrap().key(), format!("key {told:04}").as_bytes());
                told += 1;
            }
        }
    }
}
