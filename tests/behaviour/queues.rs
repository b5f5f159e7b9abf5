//! Queues: every item to one consumer that finishes it, in order, whoever dies on the way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::coordination::{LONG, MISHAPS, Polled, drop_after, faulty, session, soon, until_keys};
use crate::faults::Meanwhile;
use crate::random::Random;
use txetcd::{Database, KeySet, Op, Txn, embedded};
use txetcd_core::client::{Fault, Faults};

stores! {
    async fn items_come_in_the_order_in_which_they_were_pushed(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let own = session(db.client()).await;
        let [queue, others] = [db.client().queue("q"), other.client().queue("q")];
        // The other producer's session knows an older revision.
        others.push([0]).await.unwrap();
        for n in 1..20 {
            let pushing = if n % 5 == 0 { &others } else { &queue };
            pushing.push([n]).await.unwrap();
        }
        assert_eq!(queue.count().await.unwrap(), 20);
        for n in 0..20 {
            let item = queue.try_pop(&own).await.unwrap().expect("an item");
            assert_eq!(item.value(), [n]);
            item.ack().await.unwrap();
        }
        assert!(queue.try_pop(&own).await.unwrap().is_none());
        assert!(queue.pop_within(&own, Duration::from_millis(50)).await.unwrap_err().is_timeout());
        until_keys(db.client(), 0).await;
    }

    /// Who has waited for an item was still in the line for a moment, and so in the way of who tried next.
    async fn whoever_tries_after_a_pop_gets_the_next_item(store) {
        let db = store.connect().await;
        let own = session(db.client()).await;
        let queue = db.client().queue("q");
        for n in 0..20 {
            queue.push([n]).await.unwrap();
        }
        let mut items = Vec::new();
        for _ in 0..10 {
            items.push(queue.pop(&own).await.unwrap());
            items.push(queue.try_pop(&own).await.unwrap().expect("an item"));
        }
        assert!(items.iter().map(|item| item.value()[0]).eq(0..20));
    }

    async fn items_of_smaller_numbers_come_first(store) {
        let db = store.connect().await;
        let own = session(db.client()).await;
        let queue = db.client().priority_queue("q");
        for (priority, value) in [(5, "c"), (7, "e"), (1, "a"), (5, "d"), (1, "b")] {
            queue.push(priority, value).await.unwrap();
        }
        let mut order = Vec::new();
        while let Some(item) = queue.try_pop(&own).await.unwrap() {
            order.extend_from_slice(item.value());
            item.ack().await.unwrap();
        }
        assert_eq!(order, b"abcde");
        db.client().queue("q").push("apart").await.unwrap();
        assert_eq!(queue.count().await.unwrap(), 0, "a queue and a priority queue are two");
    }

    async fn an_item_comes_back_when_its_consumer_does_not_finish(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let [dying, next] = [session(db.client()).await, session(other.client()).await];
        let queue = db.client().queue("q");
        queue.push("a").await.unwrap();
        queue.push("b").await.unwrap();
        let a = queue.pop(&dying).await.unwrap();
        let b = other.client().queue("q").pop(&next).await.unwrap();
        assert_eq!((a.value(), b.value()), (&b"a"[..], &b"b"[..]));
        let waiting = tokio::spawn(async move { soon(other.client().queue("q").pop(&next)).await.map(|item| (item, other)) });
        dying.lease().revoke().await.unwrap();
        let (again, other) = waiting.await.unwrap().unwrap();
        assert_eq!(again.value(), b"a");
        assert!(a.is_held(), "it could not know");
        let guarded = db.client().txn(Txn::default().then([Op::put("done", "a")])).guard(&a).await;
        assert!(guarded.unwrap_err().is_lock_lost());
        let error = a.ack().await.unwrap_err();
        assert!(error.is_lock_lost() && error.to_string().contains("queue \"q\""), "{error:?}");
        other.client().txn(Txn::default().then([Op::put("done", "a")])).guard(&again).await.unwrap();
        again.ack().await.unwrap();
        drop(b);
        let own = session(other.client()).await;
        let b = soon(other.client().queue("q").pop(&own)).await.unwrap();
        assert_eq!(b.value(), b"b", "dropped without an acknowledgement, it is back at once");
        b.ack().await.unwrap();
        until_keys(other.client(), 0).await;
    }

    async fn consumers_are_served_in_turn(store) {
        let db = store.connect().await;
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (number, other) in store.connect_many(4).await.into_iter().enumerate() {
            let served = served.clone();
            tasks.push(tokio::spawn(async move {
                let own = session(other.client()).await;
                let item = soon(other.client().queue("q").pop(&own)).await.unwrap();
                served.lock().unwrap().push((number as u8, item.value()[0]));
                item.ack().await.unwrap();
            }));
            until_keys(db.client(), number as u64 + 1).await;
        }
        let queue = db.client().queue("q");
        for n in 0..4 {
            queue.push([n]).await.unwrap();
        }
        for task in tasks {
            task.await.unwrap();
        }
        let mut served = served.lock().unwrap().clone();
        served.sort_unstable();
        assert_eq!(served, [(0, 0), (1, 1), (2, 2), (3, 3)]);
    }

    async fn a_consumer_that_has_lost_its_place_in_the_line_gets_nothing(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let waiting = tokio::spawn({
            let db = db.clone();
            async move {
                let own = session(db.client()).await;
                soon(db.client().queue("q").pop(&own)).await.map(drop)
            }
        });
        until_keys(other.client(), 1).await;
        // It waits for an item, with its turn; that is taken from it.
        assert_eq!(other.client().delete(KeySet::prefix([0xff, 0xff, b'c'])).await.unwrap().deleted(), 1);
        other.client().queue("q").push("a").await.unwrap();
        let error = soon(waiting).await.unwrap().unwrap_err();
        assert!(error.is_lock_lost(), "{error:?}");
        let own = session(other.client()).await;
        assert_eq!(soon(other.client().queue("q").pop(&own)).await.unwrap().value(), b"a");
    }

    async fn an_item_that_is_claimed_meanwhile_is_not_delivered(store) {
        let other = store.connect().await;
        other.client().queue("q").push("a").await.unwrap();
        let items = other.client().get(KeySet::prefix([0xff, 0xff, b'c'])).await.unwrap().into_kvs();
        // The claim of somebody else: `c` instead of `i` before the 28 bytes of the item, and a name.
        let item = items.iter().find(|kv| kv.value() == b"a").expect("the item").key();
        let mut claim = [item, &[0; 16]].concat();
        claim[item.len() - 29] = b'c';
        // It comes between looking for the first item and claiming that: the third transaction, after the place in the line.
        let meanwhile = Arc::new(Meanwhile::default());
        let db = store.builder().faults(meanwhile.clone()).connect().await.unwrap();
        let own = session(db.client()).await;
        meanwhile.after(2, async move { drop(other.client().put(claim, "").await.unwrap()) });
        assert!(soon(db.client().queue("q").try_pop(&own)).await.unwrap().is_none());
        assert!(meanwhile.has_happened());
    }

    async fn a_consumer_can_be_dropped_at_every_await(store) {
        for mishaps in MISHAPS {
            let (db, script) = faulty(store, 0).await;
            let client = db.client();
            let own = session(client).await;
            let queue = client.queue("q");
            for there in [true, false] {
                for polls in 1.. {
                    if there {
                        queue.push("a").await.unwrap();
                    }
                    mishaps.iter().for_each(|mishap| script.push("KV/Txn", *mishap));
                    let polled = drop_after(polls, queue.pop(&own)).await;
                    let ended = !matches!(polled, Polled::Dropped);
                    drop(polled);
                    if !there {
                        queue.push("a").await.unwrap();
                    }
                    let item = soon(queue.pop(&own)).await.unwrap();
                    assert_eq!(item.value(), b"a");
                    item.ack().await.unwrap();
                    until_keys(client, 0).await;
                    if ended {
                        break;
                    }
                    assert!(polls < 500, "it ends at some time");
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            until_keys(client, 0).await;
        }
    }

    async fn an_acknowledgement_can_be_dropped_at_every_await(store) {
        for mishaps in MISHAPS {
            let (db, script) = faulty(store, 0).await;
            let own = session(db.client()).await;
            let queue = db.client().queue("q");
            for polls in 1..500 {
                queue.push("a").await.unwrap();
                let item = soon(queue.pop(&own)).await.unwrap();
                mishaps.iter().for_each(|mishap| script.push("KV/Txn", *mishap));
                let polled = drop_after(polls, item.ack()).await;
                if let Polled::Ended(acknowledged) = polled {
                    acknowledged.unwrap();
                    until_keys(db.client(), 0).await;
                    break;
                }
                // Acknowledged, or there again.
                while let Ok(item) = queue.pop_within(&own, Duration::from_millis(300)).await {
                    item.ack().await.unwrap();
                }
                until_keys(db.client(), 0).await;
            }
        }
    }

    async fn a_push_is_applied_once_whatever_happens_to_it(store) {
        for mishaps in MISHAPS {
            for used in [false, true] {
                let (db, script) = faulty(store, 0).await;
                let own = session(db.client()).await;
                let queue = db.client().queue("q");
                if used {
                    queue.push("before").await.unwrap();
                    queue.pop(&own).await.unwrap().ack().await.unwrap();
                }
                mishaps.iter().for_each(|mishap| script.push("KV/Txn", *mishap));
                queue.push("a").await.unwrap();
                queue.pop(&own).await.unwrap().ack().await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert_eq!(queue.count().await.unwrap(), 0, "it came back after {mishaps:?}");
            }
        }
    }

    /// A push was repeated if its answer was lost and the item was finished before the store could be asked again.
    async fn a_push_whose_item_is_finished_before_its_answer_is_known(store) {
        let finished = Arc::new(AtomicBool::new(false));
        let faults = Arc::new(SilentUntil { finished: finished.clone(), is_delivered: AtomicBool::new(false) });
        let db = store.builder().faults(faults).connect().await.unwrap();
        let pushed = tokio::spawn(async move { db.client().queue("q").push("a").await });
        let other = store.connect().await;
        let (own, queue) = (session(other.client()).await, other.client().queue("q"));
        soon(queue.pop(&own)).await.unwrap().ack().await.unwrap();
        finished.store(true, Ordering::Relaxed);
        soon(pushed).await.unwrap().unwrap();
        assert_eq!(queue.count().await.unwrap(), 0, "it came back");
    }

    /// A push leaves a key behind, which the next ones delete.
    async fn pushes_leave_no_more_keys_than_there_were_at_once(store) {
        const AT_ONCE: usize = 3;
        let db = store.connect().await;
        let (own, queue) = (session(db.client()).await, db.client().queue("q"));
        let mut counts = Vec::new();
        for _ in 0..20 {
            let pushed = futures_util::future::join_all((0..AT_ONCE).map(|_| queue.push("a"))).await;
            pushed.into_iter().for_each(Result::unwrap);
            for _ in 0..AT_ONCE {
                queue.pop(&own).await.unwrap().ack().await.unwrap();
            }
            until_keys(db.client(), 0).await;
            counts.push(db.client().get(KeySet::all()).count_only().await.unwrap().count());
        }
        assert!(counts.iter().all(|count| *count < counts[0] + AT_ONCE as u64), "{counts:?}");
    }

    async fn no_item_is_lost_or_finished_twice_under_faults(store) {
        const ITEMS: u32 = 40;
        let finished = Arc::new(Mutex::new(BTreeMap::<u32, (u32, u32)>::new()));
        let mut consumers = Vec::new();
        for seed in 0..4 {
            let (db, script) = faulty(store, seed).await;
            script.fail_one_in(10);
            let finished = finished.clone();
            consumers.push(tokio::spawn(async move {
                let mut random = Random::new(seed);
                let mut own = db.client().session(LONG).await.unwrap();
                let queue = db.client().queue("q");
                loop {
                    let item = match soon(queue.pop(&own)).await {
                        Ok(item) => item,
                        Err(error) if error.is_transient() => continue,
                        Err(error) => panic!("{error:?}"),
                    };
                    let number = u32::from_be_bytes(item.value().try_into().unwrap());
                    if number == u32::MAX {
                        // An item that was dropped comes back a little later, and one that somebody has may.
                        match soon(queue.count()).await {
                            Ok(1) => return, // Left for the others.
                            Ok(_) => continue,
                            Err(error) if error.is_transient() => continue,
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                    match random.below(6) {
                        // It dies, with the item in its hands.
                        0 => {
                            own.lease().revoke().await.unwrap();
                            own = db.client().session(LONG).await.unwrap();
                        }
                        1 => drop(item),
                        _ => {
                            let outcome = item.ack().await;
                            let mut finished = finished.lock().unwrap();
                            let (surely, perhaps) = finished.entry(number).or_default();
                            match outcome {
                                Ok(()) => *surely += 1,
                                Err(error) if error.is_commit_unknown() => *perhaps += 1,
                                Err(error) => assert!(error.is_lock_lost() || error.is_transient(), "{error:?}"),
                            }
                        }
                    }
                }
            }));
        }
        let mut producers = Vec::new();
        for producer in 0..2 {
            let (db, script) = faulty(store, 100 + u64::from(producer)).await;
            script.fail_one_in(6);
            producers.push(tokio::spawn(async move {
                let queue = db.client().queue("q");
                for n in (producer..ITEMS).step_by(2) {
                    queue.push(n.to_be_bytes()).await.unwrap();
                }
            }));
        }
        for producer in producers {
            producer.await.unwrap();
        }
        let db = store.connect().await;
        db.client().queue("q").push(u32::MAX.to_be_bytes()).await.unwrap();
        for consumer in consumers {
            soon(consumer).await.unwrap();
        }
        let finished = finished.lock().unwrap().clone();
        for number in 0..ITEMS {
            let (surely, perhaps) = finished.get(&number).copied().unwrap_or_default();
            assert!(surely <= 1, "{number} was finished {surely} times");
            assert!(surely + perhaps >= 1, "{number} was lost");
        }
        until_keys(db.client(), 1).await;
    }
}

/// From some moment on nothing is answered any more.
#[derive(Default)]
struct CutOff {
    is_cut: AtomicBool,
    /// How many transactions are delivered all the same.
    delivered: AtomicU32,
}

impl CutOff {
    fn cut(&self, delivered: u32) {
        self.delivered.store(delivered, Ordering::Relaxed);
        self.is_cut.store(true, Ordering::Relaxed);
    }
}

impl Faults for CutOff {
    fn next(&self, path: &str) -> Fault {
        let is_txn = path.ends_with("KV/Txn");
        match self.is_cut.load(Ordering::Relaxed) {
            true if is_txn && self.delivered.load(Ordering::Relaxed) > 0 => {
                self.delivered.fetch_sub(1, Ordering::Relaxed);
                Fault::LoseReply
            }
            true => Fault::LoseRequest,
            // The stream that is there is not another one's.
            false if path.ends_with("LeaseKeepAlive") => Fault::SilentAfter(1),
            false => Fault::None,
        }
    }
}

/// Two connections to one store, of which the first can be cut off.
async fn cut_off() -> ([Database; 2], Arc<CutOff>) {
    let store = embedded::Store::builder().memory_on_runtime().unwrap();
    let faults = Arc::new(CutOff::default());
    let db = Database::builder().store(&store).faults(faults.clone()).connect().await.unwrap();
    ([db, Database::builder().store(&store).connect().await.unwrap()], faults)
}

#[tokio::test(start_paused = true)]
async fn a_push_of_which_nothing_can_be_learned_is_unknown() {
    for delivered in [0, 1] {
        let ([db, other], faults) = cut_off().await;
        let queue = db.client().queue("q");
        queue.push("a").await.unwrap();
        faults.cut(delivered);
        let error = queue.push("b").await.unwrap_err();
        assert!(error.is_commit_unknown(), "{error:?}");
        assert_eq!(other.client().queue("q").count().await.unwrap(), 1 + u64::from(delivered));
    }
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_which_nothing_can_be_learned_is_unknown() {
    for delivered in [0, 1] {
        let ([db, other], faults) = cut_off().await;
        let own = session(db.client()).await;
        let queue = db.client().queue("q");
        queue.push("a").await.unwrap();
        let item = queue.pop(&own).await.unwrap();
        faults.cut(delivered);
        let error = item.ack().await.unwrap_err();
        assert!(error.is_commit_unknown(), "{error:?}");
        let (queue, own) = (other.client().queue("q"), session(other.client()).await);
        match delivered {
            0 => assert_eq!(queue.pop_within(&own, LONG).await.unwrap().value(), b"a"),
            _ => assert!(queue.pop_within(&own, LONG).await.unwrap_err().is_timeout()),
        }
    }
}

/// The first transaction is delivered and its answer lost, and further ones are lost until the item is finished.
struct SilentUntil {
    finished: Arc<AtomicBool>,
    is_delivered: AtomicBool,
}

impl Faults for SilentUntil {
    fn next(&self, path: &str) -> Fault {
        if !path.ends_with("KV/Txn") {
            Fault::None
        } else if !self.is_delivered.swap(true, Ordering::Relaxed) {
            Fault::LoseReply
        } else if self.finished.load(Ordering::Relaxed) {
            Fault::None
        } else {
            Fault::LoseRequest
        }
    }
}
