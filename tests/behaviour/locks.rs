//! Locks: as many holders as may be, in turn, and nothing left behind by whoever gives up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::coordination::{LONG, MISHAPS, Polled, Room, drop_after, faulty, keys, session, soon, until_keys};
use crate::store::{User, user};
use txetcd::{Error, Op, Session, Txn};

stores! {
    async fn a_lock_has_one_holder(store) {
        let (room, mut tasks) = (Arc::new(Room::default()), Vec::new());
        for db in store.connect_many(3).await {
            let shared = session(db.client()).await;
            for number in 0..4 {
                let (db, room) = (db.clone(), room.clone());
                let own = if number < 2 { shared.clone() } else { session(db.client()).await };
                tasks.push(tokio::spawn(async move {
                    for _ in 0..4 {
                        let lock = soon(db.client().lock("jobs").acquire(&own)).await.unwrap();
                        room.visit().await;
                        lock.release().await.unwrap();
                    }
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(room.most(), 1);
        assert_eq!(keys(store.connect().await.client()).await, 0, "nothing is left behind");
    }

    async fn a_lock_goes_to_whoever_asked_first(store) {
        let db = store.connect().await;
        let first = session(db.client()).await;
        let lock = db.client().lock("jobs").acquire(&first).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (number, other) in store.connect_many(6).await.into_iter().enumerate() {
            let order = order.clone();
            tasks.push(tokio::spawn(async move {
                let own = session(other.client()).await;
                let lock = soon(other.client().lock("jobs").acquire(&own)).await.unwrap();
                order.lock().unwrap().push((number, lock.fencing_token()));
                lock.release().await.unwrap();
            }));
            until_keys(db.client(), number as u64 + 2).await;
        }
        let mut last = lock.fencing_token();
        drop(lock);
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap().clone();
        assert_eq!(order.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        for (_, token) in order {
            assert!(token > last, "fencing tokens grow");
            last = token;
        }
    }

    async fn a_lock_is_tried_and_waited_for_in_vain(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let [one, two] = [session(db.client()).await, session(other.client()).await];
        let lock = db.client().lock("jobs").try_acquire(&one).await.unwrap().expect("to be free");
        assert!(lock.is_held());
        assert!(other.client().lock("jobs").try_acquire(&two).await.unwrap().is_none());
        assert!(db.client().lock("jobs").try_acquire(&one).await.unwrap().is_none(), "it is not reentrant");
        assert!(other.client().lock("other").try_acquire(&two).await.unwrap().is_some());
        let waited = other.client().lock("jobs").acquire_within(&two, Duration::from_millis(100)).await;
        let error = waited.unwrap_err();
        assert!(error.is_timeout() && error.to_string().contains("lock \"jobs\""), "{error:?}");
        until_keys(db.client(), 1).await;
        lock.release().await.unwrap();
        assert!(other.client().lock("jobs").try_acquire(&two).await.unwrap().is_some());

        let error = db.client().lock("jobs").acquire(&two).await.unwrap_err();
        assert!(error.is_invalid_argument() && error.to_string().contains("connection"), "{error:?}");
    }

    async fn a_dead_holder_frees_its_lock_and_its_commits_fail(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let [dying, next] = [session(db.client()).await, session(other.client()).await];
        let users = User::table();
        let lock = db.client().lock("jobs").acquire(&dying).await.unwrap();
        let guarded = async || {
            db.write(async |txn| {
                txn.guard(&lock)?;
                users.put(txn, &user("job", 1))
            })
            .await
        };
        let low_level = async || db.client().txn(Txn::default().then([Op::put("job", "1")])).guard(&lock).await;
        guarded().await.unwrap();
        assert!(low_level().await.unwrap().succeeded());
        let begun = db.begin().await.unwrap();
        begun.guard(&lock).unwrap();
        let only_read = db.begin().await.unwrap();
        users.get(&only_read, "job").await.unwrap();
        only_read.guard(&lock).unwrap();

        // The holder does not know yet.
        dying.lease().revoke().await.unwrap();
        let held = soon(other.client().lock("jobs").acquire(&next)).await.unwrap();
        assert!(lock.is_held(), "it could not know");
        other.write(async |txn| {
            txn.guard(&held)?;
            users.put(txn, &user("job", 2))
        })
        .await
        .unwrap();
        users.put(&begun, &user("job", 3)).unwrap();
        let says = |error: Error| {
            assert!(error.is_lock_lost() && error.to_string().contains("lock \"jobs\""), "{error:?}");
        };
        says(begun.commit().await.unwrap_err());
        says(only_read.commit().await.unwrap_err());
        says(guarded().await.unwrap_err());
        says(low_level().await.unwrap_err());
        assert_eq!(other.client().get("job").await.unwrap().first().unwrap().version(), 1);
        assert_eq!(other.read(async |txn| users.get(txn, "job").await).await.unwrap(), Some(user("job", 2)));

        // Another connection's lock guards nothing here.
        let error = db.write(async |txn| txn.guard(&held)).await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error:?}");
    }

    async fn a_guard_is_looked_at_before_either_branch(store) {
        let db = store.connect().await;
        let client = db.client();
        let holder = session(client).await;
        let lock = client.lock("jobs").acquire(&holder).await.unwrap();
        let txn = || {
            Txn::when([txetcd::Compare::value("a").eq("b")])
                .then([Op::put("then", "1")])
                .or_else([Op::put("else", "1"), Op::get("a")])
        };
        let response = client.txn(txn()).guard(&lock).await.unwrap();
        assert!(!response.succeeded() && response.revision() > 0 && response.responses().len() == 2);
        client.delete("else").await.unwrap();
        holder.lease().revoke().await.unwrap();
        assert!(client.txn(txn()).guard(&lock).await.unwrap_err().is_lock_lost());
        assert_eq!(client.get("else").await.unwrap().count(), 0);
    }

    async fn a_lock_can_be_dropped_at_every_await(store) {
        for mishaps in MISHAPS {
            let (db, script) = faulty(store, 0).await;
            let client = db.client();
            let own = session(client).await;
            for taken in [false, true] {
                for polls in 1.. {
                    let holder = match taken {
                        true => Some(client.lock("jobs").acquire(&own).await.unwrap()),
                        false => None,
                    };
                    mishaps.iter().for_each(|mishap| script.push("KV/Txn", *mishap));
                    let polled = drop_after(polls, client.lock("jobs").acquire(&own)).await;
                    let ended = !matches!(polled, Polled::Dropped);
                    drop(polled);
                    drop(holder);
                    soon(client.lock("jobs").acquire(&own)).await.unwrap().release().await.unwrap();
                    until_keys(client, 0).await;
                    if ended {
                        break;
                    }
                    assert!(polls < 500, "it ends at some time");
                }
            }
            // What was late has arrived.
            tokio::time::sleep(Duration::from_millis(100)).await;
            until_keys(client, 0).await;
        }
    }

    async fn readers_share_and_writers_do_not(store) {
        let db = store.connect().await;
        let own = session(db.client()).await;
        let rw = db.client().rwlock("rw");
        let first = rw.read(&own).await.unwrap();
        let second = rw.try_read(&own).await.unwrap().expect("readers share");
        assert!(rw.try_write(&own).await.unwrap().is_none());
        let writer = tokio::spawn({
            let (rw, own) = (rw.clone(), own.clone());
            async move { rw.write(&own).await }
        });
        until_keys(db.client(), 3).await;
        assert!(rw.try_read(&own).await.unwrap().is_none(), "a reader does not pass a writer that waits");
        let reader = tokio::spawn({
            let (rw, own) = (rw.clone(), own.clone());
            async move { rw.read(&own).await }
        });
        until_keys(db.client(), 4).await;
        second.release().await.unwrap();
        assert!(!writer.is_finished());
        first.release().await.unwrap();
        let written = soon(writer).await.unwrap().unwrap();
        assert!(!reader.is_finished());
        assert!(rw.read_within(&own, Duration::from_millis(50)).await.unwrap_err().is_timeout());
        written.release().await.unwrap();
        let read = soon(reader).await.unwrap().unwrap();
        assert!(rw.write_within(&own, Duration::from_millis(50)).await.unwrap_err().is_timeout());
        read.release().await.unwrap();
        until_keys(db.client(), 0).await;
    }

    async fn a_read_write_lock_keeps_writers_alone(store) {
        let (writers, everyone) = (Arc::new(Room::default()), Arc::new(Mutex::new((0u32, 0u32))));
        let mut tasks = Vec::new();
        for db in store.connect_many(3).await {
            for number in 0..3 {
                let (db, writers, everyone) = (db.clone(), writers.clone(), everyone.clone());
                tasks.push(tokio::spawn(async move {
                    let own = session(db.client()).await;
                    for turn in 0..4 {
                        if (number + turn) % 3 == 0 {
                            let lock = soon(db.client().rwlock("rw").write(&own)).await.unwrap();
                            assert_eq!(everyone.lock().unwrap().0, 0, "a reader beside a writer");
                            writers.visit().await;
                            assert_eq!(everyone.lock().unwrap().0, 0, "a reader beside a writer");
                            lock.release().await.unwrap();
                        } else {
                            let lock = soon(db.client().rwlock("rw").read(&own)).await.unwrap();
                            everyone.lock().unwrap().0 += 1;
                            tokio::time::sleep(Duration::from_millis(2)).await;
                            everyone.lock().unwrap().0 -= 1;
                            lock.release().await.unwrap();
                        }
                    }
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(writers.most(), 1);
    }

    async fn a_semaphore_has_its_limit(store) {
        let (room, mut tasks) = (Arc::new(Room::default()), Vec::new());
        for db in store.connect_many(2).await {
            for _ in 0..5 {
                let (db, room) = (db.clone(), room.clone());
                tasks.push(tokio::spawn(async move {
                    let own = session(db.client()).await;
                    for _ in 0..3 {
                        let permit = soon(db.client().semaphore("s", 3).acquire(&own)).await.unwrap();
                        room.visit().await;
                        permit.release().await.unwrap();
                    }
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert!(room.most() <= 3, "{}", room.most());
        until_keys(store.connect().await.client(), 1).await;
    }

    async fn a_semaphore_is_fair_and_recalls_its_limit(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let [own, others] = [session(db.client()).await, session(other.client()).await];
        let mut semaphore = db.client().semaphore("s", 2);
        let first = semaphore.acquire(&own).await.unwrap();
        let second = semaphore.try_acquire(&own).await.unwrap().expect("a permit");
        assert!(semaphore.try_acquire(&own).await.unwrap().is_none());
        let error = other.client().semaphore("s", 3).acquire(&others).await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error:?}");
        for part in ["semaphore \"s\"", "limit 2", "says 3", "set_limit"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..3u64 {
            let (semaphore, own, order) = (other.client().semaphore("s", 2), others.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let permit = soon(semaphore.acquire(&own)).await.unwrap();
                order.lock().unwrap().push(number);
                permit.release().await.unwrap();
            }));
            until_keys(db.client(), 1 + 2 + number + 1).await;
        }
        assert!(semaphore.acquire_within(&own, Duration::from_millis(50)).await.unwrap_err().is_timeout());
        drop(second);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2]);
        semaphore.set_limit(1).await.unwrap();
        assert!(semaphore.try_acquire(&own).await.unwrap().is_none(), "the one permit is held");
        first.release().await.unwrap();
        assert!(semaphore.try_acquire(&own).await.unwrap().is_some());
        assert!(other.client().semaphore("s", 2).acquire(&others).await.unwrap_err().is_invalid_argument());
    }

    async fn a_permit_can_be_dropped_at_every_await(store) {
        for mishaps in MISHAPS {
            let (db, script) = faulty(store, 0).await;
            let own = session(db.client()).await;
            let semaphore = db.client().semaphore("s", 1);
            semaphore.acquire(&own).await.unwrap().release().await.unwrap();
            for polls in 1..500 {
                mishaps.iter().for_each(|mishap| script.push("KV/Txn", *mishap));
                let ended = !matches!(drop_after(polls, semaphore.acquire(&own)).await, Polled::Dropped);
                soon(semaphore.acquire(&own)).await.unwrap().release().await.unwrap();
                until_keys(db.client(), 1).await;
                if ended {
                    break;
                }
            }
        }
    }

    async fn guarded_writers_exclude_each_other_under_faults(store) {
        const ROUNDS: i64 = 8;
        let mut tasks = Vec::new();
        for seed in 0..3 {
            let (db, script) = faulty(store, seed).await;
            script.fail_one_in(8);
            tasks.push(tokio::spawn(async move {
                let mut done = 0;
                while done < ROUNDS {
                    let own: Session = match db.client().session(LONG).await {
                        Ok(own) => own,
                        Err(_) => continue,
                    };
                    let lock = soon(db.client().lock("jobs").acquire(&own)).await.unwrap();
                    // In two transactions, so that only the lock makes one of them.
                    let seen = db.read(async |txn| User::table().get(txn, "n").await).await.unwrap();
                    let next = user("n", seen.map_or(0, |seen| seen.age) + 1);
                    db.write(async |txn| {
                        txn.guard(&lock)?;
                        User::table().put(txn, &next)
                    })
                    .await
                    .unwrap();
                    done += 1;
                    if done % 2 == 0 {
                        lock.release().await.unwrap();
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let db = store.connect().await;
        let n = db.read(async |txn| User::table().get(txn, "n").await).await.unwrap();
        assert_eq!(n.unwrap().age as i64, 3 * ROUNDS);
        until_keys(db.client(), 0).await;
    }
}
