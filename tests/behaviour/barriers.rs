//! Barriers and sequences.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::coordination::{MISHAPS, Polled, drop_after, faulty, session, soon, until_keys};

stores! {
    async fn a_barrier_holds_until_it_is_released(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let barrier = db.client().barrier("b");
        soon(barrier.wait()).await.unwrap();
        barrier.release().await.unwrap();
        assert!(!barrier.is_held().await.unwrap());
        barrier.hold().await.unwrap();
        barrier.hold().await.unwrap();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let barrier = other.client().barrier("b");
                tokio::spawn(async move {
                    barrier.wait().await.unwrap();
                    assert!(!barrier.is_held().await.unwrap());
                })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(waiting.iter().all(|task| !task.is_finished()));
        other.client().barrier("b").release().await.unwrap();
        for task in waiting {
            soon(task).await.unwrap();
        }
    }

    async fn a_barrier_is_as_it_was_left_whatever_happened(store) {
        for mishaps in MISHAPS {
            let (db, script) = faulty(store, 0).await;
            let barrier = db.client().barrier("b");
            mishaps.iter().for_each(|mishap| script.push("KV/Txn", *mishap));
            barrier.hold().await.unwrap();
            assert!(barrier.is_held().await.unwrap());
            mishaps.iter().for_each(|mishap| script.push("KV/Txn", *mishap));
            barrier.release().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            assert!(!barrier.is_held().await.unwrap(), "a late request has held it again");
        }
    }

    async fn participants_begin_and_end_together(store) {
        const ROUNDS: u32 = 3;
        const COUNT: u32 = 4;
        let (entered, left) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let mut tasks = Vec::new();
        for db in store.connect_many(2).await {
            for _ in 0..COUNT / 2 {
                let (db, entered, left) = (db.clone(), entered.clone(), left.clone());
                tasks.push(tokio::spawn(async move {
                    let own = session(db.client()).await;
                    let barrier = db.client().double_barrier("d", COUNT);
                    for round in 0..ROUNDS {
                        entered.fetch_add(1, Ordering::SeqCst);
                        let inside = soon(barrier.enter(&own)).await.unwrap();
                        assert!(entered.load(Ordering::SeqCst) >= (round + 1) * COUNT, "let in too early");
                        left.fetch_add(1, Ordering::SeqCst);
                        soon(inside.leave()).await.unwrap();
                        assert!(left.load(Ordering::SeqCst) >= (round + 1) * COUNT, "let out too early");
                    }
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        // The door stays.
        until_keys(store.connect().await.client(), 1).await;
    }

    async fn nobody_enters_before_all_have_left(store) {
        let db = store.connect().await;
        let own = session(db.client()).await;
        let barrier = db.client().double_barrier("d", 2);
        let enter = || {
            let (barrier, own) = (barrier.clone(), own.clone());
            tokio::spawn(async move { soon(barrier.enter(&own)).await.unwrap() })
        };
        let (first, second) = (enter(), enter());
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        let (third, fourth) = (enter(), enter());
        // The door, those inside, and those before it.
        until_keys(db.client(), 5).await;
        let leaving = tokio::spawn(async move { soon(first.leave()).await.unwrap() });
        until_keys(db.client(), 4).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(!leaving.is_finished() && !third.is_finished() && !fourth.is_finished());
        soon(second.leave()).await.unwrap();
        leaving.await.unwrap();
        let (third, fourth) = (third.await.unwrap(), fourth.await.unwrap());
        drop(third);
        soon(fourth.leave()).await.unwrap();
    }

    async fn who_gives_up_or_dies_is_not_counted(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let [own, dying] = [session(db.client()).await, session(other.client()).await];
        let barrier = db.client().double_barrier("d", 2);
        for polls in 1..500 {
            // Of another name each time, since the one that is dropped is counted until it is gone.
            let barrier = db.client().double_barrier(format!("d{polls}"), 2);
            let polled = drop_after(polls, barrier.enter(&own)).await;
            if !matches!(polled, Polled::Dropped) {
                break;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        until_keys(db.client(), 0).await;
        let error = {
            let task = tokio::spawn({
                let (barrier, own) = (barrier.clone(), own.clone());
                async move { barrier.enter(&own).await }
            });
            until_keys(db.client(), 1).await;
            let error = db.client().double_barrier("d", 3).enter(&own).await.unwrap_err();
            until_keys(db.client(), 1).await;
            let inside = soon(other.client().double_barrier("d", 2).enter(&dying)).await.unwrap();
            let mine = soon(task).await.unwrap().unwrap();
            // One of the two dies inside: it has left.
            dying.lease().revoke().await.unwrap();
            soon(mine.leave()).await.unwrap();
            drop(inside);
            error
        };
        assert!(error.is_invalid_argument() && error.to_string().contains("says 3"), "{error:?}");
    }

    async fn numbers_are_given_out_once(store) {
        let mut tasks = Vec::new();
        for (seed, _) in (0..3).zip(0..) {
            let (db, script) = faulty(store, seed).await;
            script.fail_one_in(6);
            for block in [1, 7] {
                let sequence = db.client().sequence("orders").with_block(block);
                tasks.push(tokio::spawn(async move {
                    let mut numbers = Vec::new();
                    for n in 0..20 {
                        numbers.push(soon(sequence.next()).await.unwrap());
                        if n == 10 {
                            numbers.extend(soon(sequence.take(3)).await.unwrap());
                        }
                    }
                    numbers
                }));
            }
        }
        let mut all = BTreeSet::new();
        for task in tasks {
            for number in task.await.unwrap() {
                assert!(number > 0 && all.insert(number), "{number} was given out twice");
            }
        }
        assert_eq!(all.len(), 6 * 23);
    }

    async fn a_sequence_counts_without_gaps_if_nothing_goes_wrong(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let sequence = db.client().sequence("orders");
        assert_eq!(sequence.next().await.unwrap(), 1);
        assert_eq!(other.client().sequence("orders").next().await.unwrap(), 2);
        assert_eq!(sequence.take(5).await.unwrap(), 3..8);
        assert_eq!(sequence.next().await.unwrap(), 8);
        let blocks = sequence.clone().with_block(10);
        assert_eq!((blocks.next().await.unwrap(), blocks.next().await.unwrap()), (9, 10));
        assert_eq!(other.client().sequence("orders").next().await.unwrap(), 19);
        assert_eq!(other.client().sequence("invoices").next().await.unwrap(), 1);
    }

    async fn a_sequence_can_be_dropped_at_every_await(store) {
        let db = store.connect().await;
        let sequence = db.client().sequence("orders");
        let mut given = BTreeSet::new();
        for polls in 1..500 {
            let polled = drop_after(polls, sequence.next()).await;
            let number = soon(sequence.next()).await.unwrap();
            assert!(given.insert(number));
            if let Polled::Ended(number) = polled {
                assert!(given.insert(number.unwrap()));
                break;
            }
        }
    }
}
