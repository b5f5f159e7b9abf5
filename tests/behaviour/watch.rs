//! Watches of keys: whole revisions in their order, nothing lost or repeated, whatever becomes of the connection.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use crate::own_server::{OwnServer, binaries};
use crate::random::Random;
use crate::store::{compact, on_stores_of_their_own};
use futures_util::StreamExt as _;
use txetcd::{Client, Compare, Database, KeySet, Op, Txn, WatchEvent, WatchResponse, WatchStream};
use txetcd_core::client::{Fault, Faults};

/// Far more than any of this takes, on a slow machine too.
const LONG: Duration = Duration::from_secs(60);

async fn next(changes: &mut WatchStream) -> WatchResponse {
    let next = tokio::time::timeout(LONG, changes.next()).await.expect("a change in time");
    next.expect("a stream that goes on").unwrap()
}

/// A revision in few words: `put key=value was before`, `delete key was before`.
fn told(response: &WatchResponse) -> (i64, Vec<String>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let was = |previous: &Option<txetcd::KeyValue>| {
        previous.as_ref().map_or(String::new(), |kv| format!(" was {}", text(kv.value())))
    };
    let events = response.events().iter().map(|event| match event {
        WatchEvent::Put { kv, previous } => {
            assert_eq!(kv.mod_revision(), response.revision());
            format!("put {}={}{}", text(kv.key()), text(kv.value()), was(previous))
        }
        WatchEvent::Delete { kv, previous } => {
            assert_eq!((kv.value(), kv.mod_revision()), (&b""[..], response.revision()));
            format!("delete {}{}", text(kv.key()), was(previous))
        }
    });
    (response.revision(), events.collect())
}

async fn put(client: &Client, key: &str, value: &str) -> i64 {
    client.put(key, value).await.unwrap().revision()
}

async fn commit(client: &Client, ops: impl IntoIterator<Item = Op>) -> i64 {
    client.txn(Txn::when([]).then(ops)).await.unwrap().revision()
}

fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(str::to_owned).into()
}

stores! {
    async fn changes_come_in_order_with_what_was_before(store) {
        let db = store.connect().await;
        let client = db.client();
        put(client, "before", "x").await;
        let mut changes = client.watch(KeySet::all()).previous().stream().await.unwrap();
        let first = put(client, "a", "1").await;
        assert!(changes.from() <= first);
        let second = commit(client, [Op::put("a", "2"), Op::put("b", "1"), Op::delete("before")]).await;
        let third = client.delete("a").await.unwrap().revision();
        let fourth = put(client, "a", "3").await;
        assert_eq!(told(&next(&mut changes).await), (first, lines(["put a=1"])));
        let (revision, mut events) = told(&next(&mut changes).await);
        events.sort();
        assert_eq!((revision, events), (second, lines(["delete before was x", "put a=2 was 1", "put b=1"])));
        assert_eq!(told(&next(&mut changes).await), (third, lines(["delete a was 2"])));
        assert_eq!(told(&next(&mut changes).await), (fourth, lines(["put a=3"])));
    }

    async fn a_watch_begins_at_a_past_or_future_revision(store) {
        let db = store.connect().await;
        let client = db.client();
        let first = put(client, "a", "1").await;
        let second = put(client, "a", "2").await;
        let mut past = client.watch("a").from(first).stream().await.unwrap();
        let mut later = client.watch("a").from(second + 1).stream().await.unwrap();
        let third = put(client, "a", "3").await;
        for (revision, value) in [(first, "1"), (second, "2"), (third, "3")] {
            assert_eq!(told(&next(&mut past).await), (revision, vec![format!("put a={value}")]));
        }
        assert_eq!(told(&next(&mut later).await), (third, lines(["put a=3"])));
        let error = client.watch("a").from(0).stream().await.unwrap_err();
        assert!(error.is_invalid_argument() && error.to_string().contains("revision"), "{error}");
        let error = client.watch(KeySet::range("b", "a")).stream().await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error}");
    }

    async fn key_sets_and_filters_choose(store) {
        let db = store.connect().await;
        let client = db.client();
        let watch = || client.watch("a").and(KeySet::prefix("c/")).and(KeySet::range("x", "y"));
        let mut all = watch().stream().await.unwrap();
        let mut puts = watch().no_deletes().stream().await.unwrap();
        let mut deletes = watch().no_puts().stream().await.unwrap();
        let first = commit(client, ["a", "aa", "b", "c/1", "c", "x1", "y"].map(|key| Op::put(key, "1"))).await;
        put(client, "b", "2").await;
        let second = commit(client, [Op::delete("b"), Op::delete("c/1"), Op::put("x2", "1")]).await;
        let (revision, mut events) = told(&next(&mut all).await);
        events.sort();
        assert_eq!((revision, events), (first, lines(["put a=1", "put c/1=1", "put x1=1"])));
        let (revision, mut events) = told(&next(&mut all).await);
        events.sort();
        assert_eq!((revision, events), (second, lines(["delete c/1", "put x2=1"])));
        assert_eq!(next(&mut puts).await.revision(), first);
        assert_eq!(told(&next(&mut puts).await), (second, lines(["put x2=1"])));
        assert_eq!(told(&next(&mut deletes).await), (second, lines(["delete c/1"])));
    }

    async fn another_namespace_is_not_seen(store) {
        let here = store.builder().namespace("here/").connect().await.unwrap();
        let there = store.builder().namespace("there/").connect().await.unwrap();
        let mut changes = here.client().watch(KeySet::all()).stream().await.unwrap();
        put(there.client(), "a", "1").await;
        let revision = put(here.client(), "a", "2").await;
        assert_eq!(told(&next(&mut changes).await), (revision, lines(["put a=2"])));
        here.client().delete(KeySet::all()).await.unwrap();
    }

    // etcd cuts a message beyond about 2 MiB, within a revision if need be: each of these has about 2.6 MB, with what
    // was before.
    async fn a_large_revision_is_not_split(store) {
        const KEYS: usize = 26;
        let db = store.connect().await;
        let client = db.client();
        let mut written = Vec::new();
        for round in 0..6 {
            let value = round.to_string().repeat(50_000);
            let ops = (0..KEYS).map(|key| Op::put(format!("{key:03}"), value.clone()));
            written.push(commit(client, ops).await);
        }
        let mut changes = client.watch(KeySet::all()).from(written[0]).previous().stream().await.unwrap();
        for (round, revision) in written.into_iter().enumerate() {
            let response = next(&mut changes).await;
            assert_eq!(response.revision(), revision);
            assert_eq!(response.events().len(), KEYS);
            for event in response.events() {
                let WatchEvent::Put { kv, previous } = event else { panic!("{event:?}") };
                assert_eq!(kv.value()[0], b'0' + round as u8);
                assert_eq!(previous.is_some(), round > 0);
            }
        }
    }

    // Every stream breaks after a few pieces, some in the middle of a message or of a revision that was cut.
    async fn nothing_is_lost_or_repeated_when_connections_break(store) {
        struct Cutting(Mutex<Random>);
        impl Faults for Cutting {
            fn next(&self, path: &str) -> Fault {
                let draw = self.0.lock().unwrap().below(20);
                match draw {
                    _ if !path.ends_with("Watch/Watch") => Fault::None,
                    0..2 => Fault::LoseRequest,
                    _ => Fault::CutAfter(1 << (draw / 2)),
                }
            }
        }
        let db = store.connect().await;
        let cutting = Arc::new(Cutting(Mutex::new(Random::new(7))));
        let watching = store.builder().faults(cutting).connect().await.unwrap();
        let client = watching.client();
        let mut changes = client.watch(KeySet::all()).previous().stream().await.unwrap();
        let writers = [0, 1].map(|writer| {
            let client = db.client().clone();
            tokio::spawn(async move {
                let mut written = Vec::new();
                for number in 0..150 {
                    let size = if number % 25 == 0 { 60_000 } else { 10 };
                    let ops = (0..1 + number % 20)
                        .map(|key| Op::put(format!("{writer}/{key}"), (number % 10).to_string().repeat(size)));
                    written.push((commit(&client, ops).await, 1 + number as usize % 20));
                }
                written
            })
        });
        let mut written = Vec::new();
        for writer in writers {
            written.extend(writer.await.unwrap());
        }
        written.sort_unstable();
        for (revision, events) in written {
            let response = next(&mut changes).await;
            assert_eq!((response.revision(), response.events().len()), (revision, events));
        }
    }

    // Only the watchdog notices that a stream brings nothing though the connection is well.
    async fn a_stream_that_is_silent_is_left(store) {
        struct Silent;
        impl Faults for Silent {
            fn next(&self, path: &str) -> Fault {
                if path.ends_with("Watch/Watch") { Fault::SilentAfter(2) } else { Fault::None }
            }
        }
        let db = store.connect().await;
        let watching = store.builder().faults(Arc::new(Silent)).connect().await.unwrap();
        let mut changes = watching.client().watch("a").stream().await.unwrap();
        let mut written = Vec::new();
        for number in 0..3 {
            written.push(put(db.client(), "a", &number.to_string()).await);
        }
        for revision in written {
            assert_eq!(next(&mut changes).await.revision(), revision);
        }
    }

    // Five streams with more waiting than a connection holds by default, none of them read.
    async fn a_watch_that_is_not_read_holds_up_nothing(store) {
        const REVISIONS: usize = 12;
        let db = store.connect().await;
        let client = db.client();
        let value = "x".repeat(1_000_000);
        let first = put(client, "a", &value).await;
        let mut slow = Vec::new();
        for _ in 0..5 {
            slow.push(client.watch("a").from(first).stream().await.unwrap());
        }
        for _ in 1..REVISIONS {
            put(client, "a", &value).await;
        }
        // One is read to its end, and so is the key, while the others stand still.
        let mut read = slow.pop().unwrap();
        for _ in 0..REVISIONS {
            next(&mut read).await;
            client.get("a").await.unwrap();
        }
        for mut stream in slow {
            for _ in 0..REVISIONS {
                next(&mut stream).await;
            }
        }
    }

    async fn a_dropped_stream_leaves_no_task_behind(store) {
        let db = store.connect().await;
        put(db.client(), "a", "1").await;
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = alive();
        let mut streams = Vec::new();
        for _ in 0..50 {
            let mut stream = db.client().watch("a").stream().await.unwrap();
            assert!(futures_util::poll!(stream.next()).is_pending());
            streams.push(stream);
        }
        drop(streams);
        let gone = async {
            while alive() > before {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LONG, gone).await.expect("no task is left");
    }

    async fn a_watch_works_with_compares_and_leases(store) {
        let db = store.connect().await;
        let client = db.client();
        let mut changes = client.watch("a").previous().stream().await.unwrap();
        let lease = client.lease(Duration::from_secs(60)).await.unwrap();
        let when = Txn::when([Compare::version("a").eq(0)]).then([Op::put("b", "1")]);
        client.txn(when).await.unwrap();
        let first = client.put("a", "1").lease(&lease).await.unwrap().revision();
        lease.revoke().await.unwrap();
        assert_eq!(told(&next(&mut changes).await), (first, lines(["put a=1"])));
        let (revision, events) = told(&next(&mut changes).await);
        assert!(revision > first);
        assert_eq!(events, lines(["delete a was 1"]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compacted_history_is_an_error_that_says_so() {
    on_stores_of_their_own(async |db, url| {
        let client = db.client();
        let first = put(client, "a", "1").await;
        for _ in 0..5 {
            put(client, "a", "2").await;
        }
        let now = put(client, "a", "3").await;
        compact(url, now).await;
        let mut changes = client.watch("a").from(first).stream().await.unwrap();
        let error = changes.next().await.unwrap().unwrap_err();
        assert!(error.is_compacted() && error.to_string().contains(&now.to_string()), "{error}");
        assert!(changes.next().await.is_none());
        // What is still there can be watched.
        let mut changes = client.watch("a").from(now).stream().await.unwrap();
        assert_eq!(told(&next(&mut changes).await), (now, lines(["put a=3"])));
    })
    .await;
}

/// The number of watchers that an etcd server reports.
async fn watchers(url: &str) -> u64 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = url.trim_start_matches("http://");
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let line = answer.lines().find(|line| line.starts_with("etcd_debugging_mvcc_watcher_total "));
    line.and_then(|line| line.split(' ').nth(1)).expect("the metric").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_stream_is_gone_on_the_server() {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let server = OwnServer::start(&binary, &[]);
        let db = Database::connect(server.url()).await.unwrap();
        let mut streams = Vec::new();
        for _ in 0..10 {
            streams.push(db.client().watch("a").stream().await.unwrap());
        }
        assert_eq!(watchers(&server.url()).await, 10);
        drop(streams);
        let gone = async {
            while watchers(&server.url()).await > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LONG, gone).await.expect("no watcher is left");
    }
}
