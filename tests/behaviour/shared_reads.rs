//! Reads of several transactions in one request: what they cost, and that nobody suffers from the company.
//!
//! Where requests are counted there is one thread, so that all have asked before anything is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::cost::requests;
use crate::own_server::temporary_directory;
use crate::store::{Account, Store, User, compact, on_stores_of_their_own, user};
use futures_util::future::join_all;
use futures_util::poll;
use tokio::runtime::Runtime;
use txetcd::{Database, Error};
use txetcd_core::client::{Fault, Faults};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);
/// How many requests the engine has under way at most.
const MOST_REQUESTS: u64 = 32;

/// As long as it is on, a key-value request that is sent is never answered.
#[derive(Default)]
struct Silence {
    on: AtomicBool,
    sent: AtomicU64,
}

struct Shared(Arc<Silence>);

impl Faults for Shared {
    fn next(&self, path: &str) -> Fault {
        if !path.contains("KV/") || !self.0.on.load(Ordering::SeqCst) {
            return Fault::None;
        }
        self.0.sent.fetch_add(1, Ordering::SeqCst);
        Fault::SilentAfter(0)
    }
}

impl Silence {
    fn faults(self: &Arc<Self>) -> Arc<dyn Faults> {
        Arc::new(Shared(self.clone()))
    }

    fn set(&self, on: bool) {
        self.on.store(on, Ordering::SeqCst);
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

async fn with_silence(store: &Store) -> (Database, Arc<Silence>) {
    let silence = Arc::new(Silence::default());
    let db = store.builder().faults(silence.faults()).request_timeout(LONG).connect().await.unwrap();
    (db, silence)
}

/// Waits for what must come.
async fn until(mut there: impl FnMut() -> bool) {
    let there = async {
        while !there() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG / 2, there).await.expect("to happen at last");
}

async fn balance(db: &Database, id: u32) -> Result<Option<i64>, Error> {
    let found = db.read(async |txn| Account::table().get(txn, &id).await).await?;
    Ok(found.map(|account| account.balance))
}

/// Opens accounts whose balance is their number.
async fn open_accounts(db: &Database, count: u32) {
    let accounts = Account::table();
    let open = |id| Account { id, balance: i64::from(id) };
    db.write(async |txn| (0..count).try_for_each(|id| accounts.put(txn, &open(id)))).await.unwrap();
}

fn all_stores() -> impl Iterator<Item = Store> {
    [Store::memory(), Store::embedded()].into_iter().chain(Store::servers())
}

#[tokio::test]
async fn transactions_that_read_at_the_same_moment_share_a_request() {
    for store in all_stores() {
        println!("on {store:?}");
        let db = store.connect().await;
        open_accounts(&db, 32).await;

        let alone = requests(&db, async || balance(&db, 1).await).await;
        assert_eq!(alone, 1);

        let together = requests(&db, async || {
            let all = join_all((0..64).map(|id| balance(&db, id))).await;
            for (id, balance) in (0..).zip(all) {
                assert_eq!(balance?, (id < 32).then_some(id), "everyone gets the answer to what it asked");
            }
            Ok(())
        })
        .await;
        assert_eq!(together, 1);

        let more_than_fit = requests(&db, async || {
            join_all((0..200).map(|id| balance(&db, id))).await.into_iter().collect::<Result<Vec<_>, _>>()
        })
        .await;
        assert_eq!(more_than_fit, 2, "128 and 72");

        let several_keys_each = requests(&db, async || {
            let three = (0..3).map(async |from: u32| {
                let ids: Vec<u32> = (from..from + 60).collect();
                let found = db.read(async |txn| Account::table().get_many(txn, &ids).await).await?;
                for (id, found) in ids.into_iter().zip(found) {
                    assert_eq!(found.map(|account| account.id), (id < 32).then_some(id));
                }
                Ok::<_, Error>(())
            });
            join_all(three).await.into_iter().collect::<Result<Vec<_>, _>>()
        })
        .await;
        assert_eq!(several_keys_each, 2, "two fit into a request, and none is cut");

        let with_pages = requests(&db, async || {
            let pages =
                (0..5).map(async |_| db.read(async |txn| Account::table().all(txn).collect().await).await);
            let (pages, keys) = tokio::join!(join_all(pages), join_all((0..5).map(|id| balance(&db, id))));
            assert!(pages.iter().all(|page| page.as_ref().is_ok_and(|page| page.len() == 32)));
            keys.into_iter().collect::<Result<Vec<_>, _>>()
        })
        .await;
        assert_eq!(with_pages, 5 + 1, "pages go alone");
    }
}

#[tokio::test]
async fn an_error_does_not_hit_the_others_of_a_request() {
    on_stores_of_their_own(async |db, url| {
        let txn = db.begin().await.unwrap();
        User::table().put(&txn, &user("a", 1)).unwrap();
        let first = txn.commit().await.unwrap();
        open_accounts(db, 10).await;
        let now = db.status().await.unwrap().revision();
        compact(url, now).await;
        let at =
            async |revision: i64| db.at(revision).read(async |txn| User::table().get(txn, "a").await).await;
        for (guilty, is_expected) in
            [(first, Error::is_compacted as fn(&Error) -> bool), (now + 1_000_000, Error::is_future_revision)]
        {
            let cost = requests(db, async || {
                let (refused, innocent, past) =
                    tokio::join!(at(guilty), join_all((0..10).map(|id| balance(db, id))), at(now));
                let refused = refused.unwrap_err();
                assert!(is_expected(&refused), "{refused}");
                assert_eq!(past?, Some(user("a", 1)));
                for (id, balance) in (0..).zip(innocent) {
                    assert_eq!(balance?, Some(id));
                }
                Ok(())
            })
            .await;
            let again = if guilty > now { 1 } else { 0 };
            assert_eq!(
                cost,
                1 + 12 + again,
                "one for all, one for each, and the leader's word on the future"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn keys_too_long_for_one_request_travel_in_several() {
    for store in all_stores() {
        println!("on {store:?}");
        let db = store.connect().await;
        let users = User::table();
        let names: Vec<String> = (0..8).map(|n| n.to_string().repeat(500_000)).collect();
        let found =
            join_all(names.iter().map(async |name| db.read(async |txn| users.get(txn, name).await).await))
                .await;
        for found in found {
            assert_eq!(found.unwrap(), None);
        }
    }
}

stores! {
    async fn each_transaction_keeps_its_revision_in_company(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        let put_both = async |balance: i64| {
            let txn = db.begin().await.unwrap();
            accounts.put(&txn, &Account { id: 0, balance }).unwrap();
            accounts.put(&txn, &Account { id: 1, balance }).unwrap();
            txn.commit().await.unwrap()
        };
        let first = put_both(-1).await;
        let ended = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..32)
            .map(|number| {
                let (db, ended) = (db.clone(), ended.clone());
                tokio::spawn(async move {
                    let mut last = -1;
                    while !ended.load(Ordering::SeqCst) {
                        let both = async |txn: &txetcd::ReadTxn| {
                            let one = accounts.get(txn, &0).await?.expect("an account").balance;
                            Ok::<_, Error>((one, accounts.get(txn, &1).await?.expect("an account").balance))
                        };
                        let (one, other) = if number % 8 == 0 {
                            let (one, other) = db.at(first).read(async |txn| both(txn).await).await.unwrap();
                            assert_eq!((one, other), (-1, -1));
                            continue;
                        } else {
                            db.read(async |txn| both(txn).await).await.unwrap()
                        };
                        assert_eq!(one, other, "a mixture of two revisions");
                        assert!(one >= last, "{one} after {last}");
                        last = one;
                    }
                })
            })
            .collect();
        for balance in 0..100 {
            put_both(balance).await;
            let seen = db.read(async |txn| accounts.get(txn, &1).await).await.unwrap().expect("an account");
            assert_eq!(seen.balance, balance, "what was written before is seen");
        }
        ended.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
    }

    async fn requests_without_an_answer_hold_up_nobody_else(store) {
        let (db, silence) = with_silence(store).await;
        open_accounts(&db, 10).await;
        silence.set(true);
        let mut stuck = Vec::new();
        for sent in 1..10 {
            let db = db.clone();
            stuck.push(tokio::spawn(async move { balance(&db, 1).await }));
            until(|| silence.sent() == sent).await;
        }
        silence.set(false);
        for (id, balance) in (0..).zip(join_all((0..10).map(|id| balance(&db, id))).await) {
            assert_eq!(balance.unwrap(), Some(id));
        }
        for task in stuck {
            assert!(!task.is_finished());
            task.abort();
        }
    }

    async fn what_nobody_waits_for_is_not_sent(store) {
        let (db, silence) = with_silence(store).await;
        open_accounts(&db, 10).await;
        silence.set(true);
        let mut stuck = Vec::new();
        for sent in 1..=MOST_REQUESTS {
            let db = db.clone();
            stuck.push(tokio::spawn(async move { balance(&db, 1).await }));
            until(|| silence.sent() == sent).await;
        }
        // No more are sent as long as none is answered.
        let mut waiting: Vec<_> = (0..20).map(|id| Box::pin(balance(&db, id))).collect();
        for _ in 0..10 {
            for read in &mut waiting {
                assert!(poll!(read.as_mut()).is_pending());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let last = waiting.pop().unwrap();
        drop(waiting);
        silence.set(false);
        let before = db.stats().requests;
        // The requests of these end with them, and make room.
        stuck.iter().for_each(tokio::task::JoinHandle::abort);
        assert_eq!(last.await.unwrap(), None);
        assert_eq!((db.stats().requests - before, silence.sent()), (1, MOST_REQUESTS));
    }

    async fn a_read_that_is_held_or_dropped_stops_no_other_transaction(store) {
        let db = store.connect().await;
        open_accounts(&db, 10).await;
        for polls in 1..6 {
            let mut held: Vec<_> = (0..10).map(|id| Box::pin(balance(&db, id))).collect();
            for _ in 0..polls {
                for read in &mut held {
                    // One that is ready is not polled again below.
                    if poll!(read.as_mut()).is_ready() {
                        *read = Box::pin(balance(&db, 0));
                    }
                }
            }
            let other = tokio::time::timeout(LONG, balance(&db, 5)).await.expect("not to wait for those that are held");
            assert_eq!(other.unwrap(), Some(5));
            let rest = held.split_off(5);
            drop(held);
            let other = tokio::time::timeout(LONG, balance(&db, 6)).await.expect("not to wait for those that are dropped");
            assert_eq!(other.unwrap(), Some(6));
            for read in rest {
                assert!(read.await.unwrap().is_some());
            }
        }
    }
}

#[test]
fn a_runtime_that_ends_leaves_nobody_waiting() {
    let store = Store::memory();
    let runtime = Runtime::new().unwrap();
    let (db, silence) = runtime.block_on(with_silence(&store));
    silence.set(true);
    let other = Runtime::new().unwrap();
    let read_on = |runtime: &Runtime| {
        let db = db.clone();
        runtime.spawn(async move { balance(&db, 1).await })
    };
    for sent in 1..=MOST_REQUESTS {
        read_on(&other);
        runtime.block_on(until(|| silence.sent() == sent));
    }
    // Whoever sends what waits now is on the other runtime.
    let pause = || runtime.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    let _first = [read_on(&other), read_on(&other)];
    pause();
    let waiting = read_on(&runtime);
    pause();
    assert!(!waiting.is_finished());
    silence.set(false);
    other.shutdown_background();
    let ended = runtime.block_on(async { tokio::time::timeout(LONG / 2, waiting).await });
    let read = ended.expect("an answer or an error").unwrap();
    assert!(read.is_ok() || read.as_ref().is_err_and(Error::is_unavailable), "{read:?}");
    assert_eq!(runtime.block_on(balance(&db, 1)).unwrap(), None);

    let gone = runtime.handle().clone();
    drop(runtime);
    let _entered = gone.enter();
    let mut read = Box::pin(balance(&db, 1));
    let mut context = Context::from_waker(Waker::noop());
    let ended = (0..100).find_map(|_| match read.as_mut().poll(&mut context) {
        Poll::Ready(read) => Some(read),
        Poll::Pending => None,
    });
    let error = ended.expect("not to wait for a runtime that is gone").unwrap_err();
    assert!(error.is_unavailable(), "{error}");
}

#[tokio::test]
async fn no_request_outlives_its_database() {
    let directory = temporary_directory();
    let url = format!("embedded:{}", directory.path().display());
    let silence = Arc::new(Silence::default());
    let builder = Database::builder().url(&url).faults(silence.faults()).request_timeout(LONG);
    let db = builder.connect().await.unwrap();
    silence.set(true);
    let reading = tokio::spawn(async move {
        let all = db.read(async |txn| User::table().all(txn).collect().await);
        tokio::join!(all, join_all((0..100).map(|id| balance(&db, id)))).0.map(|users| users.len())
    });
    until(|| silence.sent() >= 2).await;
    reading.abort();
    // A file is open in one place at a time.
    let opened = async {
        while Database::connect(&url).await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(LONG / 2, opened).await.expect("nothing to keep the store open");
}
