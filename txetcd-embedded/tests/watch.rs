//! Watches: order, completeness, resuming, and what a watcher can ask for.

mod support;

use std::time::Duration;

use etcd_client::{
    Client, CompactionOptions, EventType, Txn, TxnOp, WatchFilterType, WatchOptions, WatchResponse,
    WatchStream,
};
use support::memory;

/// The next message, which must come soon.
async fn next(watch: &mut WatchStream) -> WatchResponse {
    tokio::time::timeout(Duration::from_secs(10), watch.message()).await.unwrap().unwrap().unwrap()
}

async fn created(client: &mut Client, key: &str, options: WatchOptions) -> WatchStream {
    let mut watch = client.watch(key, Some(options)).await.unwrap();
    let created = next(&mut watch).await;
    assert!(created.created() && !created.canceled());
    watch
}

/// `key=value` for a put and `-key` for a delete, with the revision.
fn told(message: &WatchResponse) -> Vec<String> {
    message
        .events()
        .iter()
        .map(|event| {
            let kv = event.kv().unwrap();
            let key = kv.key_str().unwrap();
            match event.event_type() {
                EventType::Put => format!("{key}={}@{}", kv.value_str().unwrap(), kv.mod_revision()),
                EventType::Delete => format!("-{key}@{}", kv.mod_revision()),
            }
        })
        .collect()
}

async fn collect(watch: &mut WatchStream, events: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < events {
        all.extend(told(&next(watch).await));
    }
    all
}

#[tokio::test]
async fn changes_arrive_in_order_and_whole() {
    let (_store, mut client) = memory().await;
    let mut watch = created(&mut client, "", WatchOptions::new().with_all_keys()).await;
    client.put("a", "1", None).await.unwrap();
    let message = next(&mut watch).await;
    assert_eq!((told(&message), message.header().unwrap().revision()), (vec!["a=1@2".to_owned()], 2));
    let txn = Txn::new().and_then([
        TxnOp::put("c", "2", None),
        TxnOp::delete("a", None),
        TxnOp::put("b", "2", None),
    ]);
    client.txn(txn).await.unwrap();
    assert_eq!(told(&next(&mut watch).await), ["c=2@3", "-a@3", "b=2@3"]);
    client.delete("absent", None).await.unwrap();
    client.put("b", "3", None).await.unwrap();
    assert_eq!(told(&next(&mut watch).await), ["b=3@4"]);
}

#[tokio::test]
async fn a_watch_can_begin_in_the_past_or_in_the_future() {
    let (_store, mut client) = memory().await;
    for value in ["1", "2", "3", "4"] {
        client.put("a", value, None).await.unwrap();
    }
    client.delete("a", None).await.unwrap();
    let mut past = created(&mut client, "a", WatchOptions::new().with_start_revision(3)).await;
    assert_eq!(collect(&mut past, 4).await, ["a=2@3", "a=3@4", "a=4@5", "-a@6"]);
    let mut future = created(&mut client, "a", WatchOptions::new().with_start_revision(8)).await;
    client.put("a", "5", None).await.unwrap();
    client.put("a", "6", None).await.unwrap();
    assert_eq!(collect(&mut future, 1).await, ["a=6@8"]);
    assert_eq!(collect(&mut past, 2).await, ["a=5@7", "a=6@8"]);
}

#[tokio::test]
async fn ranges_previous_values_and_filters() {
    let (_store, mut client) = memory().await;
    let options = WatchOptions::new().with_range("c").with_prev_key().with_filters([WatchFilterType::NoPut]);
    let mut deletes = created(&mut client, "a", options).await;
    let options =
        WatchOptions::new().with_from_key().with_prev_key().with_filters([WatchFilterType::NoDelete]);
    let mut puts = created(&mut client, "b", options).await;
    for key in ["a", "b", "c", "d"] {
        client.put(key, "1", None).await.unwrap();
        client.put(key, "2", None).await.unwrap();
        client.delete(key, None).await.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 2 {
        for event in next(&mut deletes).await.events() {
            seen.push((event.kv().unwrap().key().to_vec(), event.prev_kv().unwrap().value().to_vec()));
        }
    }
    assert_eq!(seen, [(b"a".to_vec(), b"2".to_vec()), (b"b".to_vec(), b"2".to_vec())]);
    let mut seen = Vec::new();
    while seen.len() < 6 {
        for event in next(&mut puts).await.events() {
            seen.push(event.prev_kv().map(|kv| kv.value().to_vec()));
        }
    }
    assert_eq!(seen, [None, Some(b"1".to_vec()), None, Some(b"1".to_vec()), None, Some(b"1".to_vec())]);
}

#[tokio::test]
async fn several_watchers_share_a_stream() {
    let (_store, mut client) = memory().await;
    client.put("a", "1", None).await.unwrap();
    let mut stream = created(&mut client, "a", WatchOptions::new().with_watch_id(7)).await;
    stream.watch("b", None).await.unwrap();
    assert_eq!(next(&mut stream).await.watch_id(), 0);
    stream.watch("a", Some(WatchOptions::new().with_watch_id(7))).await.unwrap();
    let twice = next(&mut stream).await;
    assert!(twice.created() && twice.canceled());
    assert_eq!(twice.watch_id(), -1);
    assert_eq!(twice.cancel_reason(), "mvcc: duplicate watch ID provided on the WatchStream");
    stream.watch("a", Some(WatchOptions::new().with_start_revision(2))).await.unwrap();
    assert_eq!(next(&mut stream).await.watch_id(), 1);
    let past = next(&mut stream).await;
    assert_eq!((past.watch_id(), told(&past)), (1, vec!["a=1@2".to_owned()]));
    stream.watch("b", Some(WatchOptions::new().with_range("a"))).await.unwrap();
    assert_eq!(next(&mut stream).await.cancel_reason(), "mvcc: watcher range is empty");
    client.put("a", "2", None).await.unwrap();
    let mut ids = vec![next(&mut stream).await.watch_id(), next(&mut stream).await.watch_id()];
    ids.sort_unstable();
    assert_eq!(ids, [1, 7]);
    stream.cancel(7).await.unwrap();
    let cancelled = next(&mut stream).await;
    assert!(cancelled.canceled() && !cancelled.created());
    assert_eq!(cancelled.watch_id(), 7);
    // Cancelling what is not there is not answered.
    stream.cancel(7).await.unwrap();
    client.put("b", "2", None).await.unwrap();
    assert_eq!(next(&mut stream).await.watch_id(), 0);
}

#[tokio::test]
async fn progress_is_told_on_request_once_everything_else_is() {
    let (_store, mut client) = memory().await;
    for number in 0..3000 {
        client.put(format!("{number}"), "", None).await.unwrap();
    }
    let options = WatchOptions::new().with_all_keys().with_start_revision(1);
    let mut watch = client.watch("", Some(options)).await.unwrap();
    watch.request_progress().await.unwrap();
    let mut events = 0;
    loop {
        let message = next(&mut watch).await;
        events += message.events().len();
        if message.watch_id() == -1 {
            assert_eq!(message.header().unwrap().revision(), 3001);
            break;
        }
    }
    assert_eq!(events, 3000);
}

#[tokio::test]
async fn a_compacted_beginning_is_created_and_then_cancelled() {
    let (_store, mut client) = memory().await;
    for value in ["1", "2", "3", "4"] {
        client.put("a", value, None).await.unwrap();
    }
    client.delete("a", None).await.unwrap();
    client.compact(6, Some(CompactionOptions::new().with_physical())).await.unwrap();
    let mut watch = created(&mut client, "a", WatchOptions::new().with_start_revision(5)).await;
    let cancelled = next(&mut watch).await;
    assert!(cancelled.canceled() && !cancelled.created());
    assert_eq!((cancelled.compact_revision(), cancelled.header().unwrap().revision()), (6, 0));
    // Such a watcher is in the way of progress and of its id until it is cancelled, too.
    let id = cancelled.watch_id();
    watch.watch("a", Some(WatchOptions::new().with_watch_id(7))).await.unwrap();
    assert!(next(&mut watch).await.created());
    watch.request_progress().await.unwrap();
    watch.cancel(id).await.unwrap();
    let cancelled = next(&mut watch).await;
    assert!(cancelled.canceled() && cancelled.watch_id() == id && cancelled.compact_revision() == 0);
    watch.request_progress().await.unwrap();
    assert_eq!(next(&mut watch).await.watch_id(), -1);
    // Beginning exactly at the compacted revision is allowed, deletes included.
    let mut watch = created(&mut client, "a", WatchOptions::new().with_start_revision(6)).await;
    assert_eq!(collect(&mut watch, 1).await, ["-a@6"]);
    let mut watch = client.watch("a", Some(WatchOptions::new().with_start_revision(-1))).await.unwrap();
    let refused = next(&mut watch).await;
    assert!(refused.canceled() && refused.created());
    assert_eq!(refused.cancel_reason(), "etcdserver: mvcc: required revision has been compacted");
}

#[tokio::test]
async fn large_messages_are_cut_where_wanted() {
    let (_store, mut client) = memory().await;
    for _ in 0..2 {
        let puts: Vec<_> =
            (0..3).map(|number| TxnOp::put(format!("{number}"), vec![0; 480_000], None)).collect();
        client.txn(Txn::new().and_then(puts)).await.unwrap();
    }
    // With what was there before, the second revision is larger than a message should be.
    let options = WatchOptions::new().with_all_keys().with_start_revision(3).with_prev_key();
    let client = client.watch_client().max_decoding_message_size(usize::MAX);
    let mut whole = client.clone().watch("", Some(options.clone())).await.unwrap();
    assert!(next(&mut whole).await.created());
    assert_eq!(next(&mut whole).await.events().len(), 3);
    let mut cut = client.clone().watch("", Some(options.with_fragment())).await.unwrap();
    assert!(next(&mut cut).await.created());
    for (events, fragment) in [(2, true), (1, false)] {
        let message = next(&mut cut).await;
        assert_eq!((message.events().len(), message.0.fragment), (events, fragment));
        assert!(message.events().iter().all(|event| event.kv().unwrap().mod_revision() == 3));
    }
}

#[tokio::test]
async fn a_consumer_that_does_not_read_costs_the_store_nothing_and_misses_nothing() {
    let (_store, mut client) = memory().await;
    let mut watch = created(&mut client, "k", WatchOptions::new().with_prefix()).await;
    for number in 0..2500 {
        client.put(format!("k{}", number % 10), format!("{number}"), None).await.unwrap();
    }
    let mut values = Vec::new();
    while values.len() < 2500 {
        let message = next(&mut watch).await;
        values.extend(message.events().iter().map(|event| {
            let value: i64 = event.kv().unwrap().value_str().unwrap().parse().unwrap();
            value
        }));
    }
    assert!(values.into_iter().eq(0..2500));
}

#[tokio::test]
async fn watchers_and_writers_at_once_lose_and_repeat_nothing() {
    let (_store, client) = memory().await;
    let watchers: Vec<_> = (0..4)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move {
                let options = WatchOptions::new().with_all_keys().with_start_revision(1);
                let mut watch = client.watch("", Some(options)).await.unwrap();
                let mut revisions = Vec::new();
                while revisions.len() < 800 {
                    let message = next(&mut watch).await;
                    revisions.extend(message.events().iter().map(|event| event.kv().unwrap().mod_revision()));
                }
                assert!(revisions.into_iter().eq(2..802));
            })
        })
        .collect();
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let mut client = client.clone();
            tokio::spawn(async move {
                for number in 0..100 {
                    client.put(format!("{writer}/{number}"), "", None).await.unwrap();
                }
            })
        })
        .collect();
    for task in writers.into_iter().chain(watchers) {
        task.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_watcher_is_told_of_progress_when_it_asked_for_that() {
    let (_store, mut client) = memory().await;
    client.put("a", "1", None).await.unwrap();
    let mut watch = client.watch("b", Some(WatchOptions::new().with_progress_notify())).await.unwrap();
    let created = watch.message().await.unwrap().unwrap();
    assert!(created.created());
    let progress = watch.message().await.unwrap().unwrap();
    assert_eq!((progress.watch_id(), progress.events().len()), (created.watch_id(), 0));
    assert_eq!(progress.header().unwrap().revision(), 2);
}
