//! Lost and late requests: every transaction ends in the right answer, applied once or surely not applied.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::random::Random;
use crate::store::{Account, Store};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use txetcd::{Database, Error, KeySet};
use txetcd_core::client::{Fault, Faults};

/// Faults of a fixed kind for the next requests to one method, or drawn from a seed for all of them.
pub(crate) struct Script {
    next: Mutex<Vec<(&'static str, Fault)>>,
    /// One in so many requests fails; 0 for none.
    one_in: AtomicU64,
    random: Mutex<Random>,
    met: AtomicU64,
    off: AtomicBool,
}

impl Script {
    pub(crate) fn random(seed: u64) -> Self {
        Self {
            next: Mutex::default(),
            one_in: AtomicU64::new(0),
            random: Mutex::new(Random::new(seed)),
            met: AtomicU64::new(0),
            off: AtomicBool::new(false),
        }
    }

    pub(crate) fn fail_one_in(&self, requests: u64) {
        self.one_in.store(requests, Ordering::Relaxed);
    }

    pub(crate) fn faults(self: &Arc<Self>) -> Arc<dyn Faults> {
        Arc::new(Shared(self.clone()))
    }

    /// How many faults there were.
    pub(crate) fn met(&self) -> u64 {
        self.met.load(Ordering::Relaxed)
    }

    pub(crate) fn push(&self, method: &'static str, fault: Fault) {
        self.next.lock().unwrap().push((method, fault));
    }

    fn below(&self, bound: u64) -> u64 {
        self.random.lock().unwrap().below(bound)
    }
}

/// Lets something happen right before a transaction of a client is sent.
#[derive(Default)]
pub(crate) struct Meanwhile(Mutex<Option<Awaited>>);

struct Awaited {
    /// How many transactions are sent before.
    others: u64,
    event: BoxFuture<'static, ()>,
}

impl Meanwhile {
    /// After so many others from now on. What is done must not ask this client.
    pub(crate) fn after(&self, others: u64, event: impl Future<Output = ()> + Send + 'static) {
        *self.0.lock().unwrap() = Some(Awaited { others, event: Box::pin(event) });
    }

    pub(crate) fn has_happened(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }

    fn due(&self) -> Option<BoxFuture<'static, ()>> {
        let mut awaited = self.0.lock().unwrap();
        match &mut *awaited {
            Some(Awaited { others, .. }) if *others > 0 => *others -= 1,
            due => return due.take().map(|awaited| awaited.event),
        }
        None
    }
}

impl Faults for Meanwhile {
    fn next(&self, path: &str) -> Fault {
        if path.ends_with("KV/Txn")
            && let Some(event) = self.due()
        {
            tokio::task::block_in_place(|| Handle::current().block_on(event));
        }
        Fault::None
    }
}

struct Shared(Arc<Script>);

impl Faults for Shared {
    fn next(&self, path: &str) -> Fault {
        let script = &self.0;
        if script.off.load(Ordering::Relaxed) {
            return Fault::None;
        }
        {
            let mut next = script.next.lock().unwrap();
            if next.first().is_some_and(|(method, _)| path.ends_with(method)) {
                script.met.fetch_add(1, Ordering::Relaxed);
                return next.remove(0).1;
            }
        }
        let one_in = script.one_in.load(Ordering::Relaxed);
        if one_in == 0 || !path.contains("KV/") || script.below(one_in) != 0 {
            return Fault::None;
        }
        script.met.fetch_add(1, Ordering::Relaxed);
        match script.below(3) {
            0 => Fault::LoseRequest,
            1 => Fault::LoseReply,
            _ => Fault::Late(Duration::from_millis(script.below(40))),
        }
    }
}

async fn faulty(store: &Store, seed: u64) -> (Database, Arc<Script>) {
    let script = Arc::new(Script::random(seed));
    let builder = store.builder().faults(script.faults()).transaction_timeout(Duration::from_secs(60));
    let db = builder.connect().await.unwrap();
    (db, script)
}

/// A connection with short timeouts.
async fn impatient(store: &Store) -> (Database, Arc<Script>) {
    let script = Arc::new(Script::random(0));
    let timeout = Duration::from_millis(300);
    let builder =
        store.builder().faults(script.faults()).transaction_timeout(timeout).request_timeout(timeout);
    (builder.connect().await.unwrap(), script)
}

/// The lanes of all processes.
pub(crate) fn lanes() -> KeySet {
    KeySet::prefix([0xff, 0xff, b'l'])
}

/// Adds 1 to an account, which need not be there.
pub(crate) async fn add(db: &Database, id: u32) -> Result<(), Error> {
    let accounts = Account::table();
    db.write(async |txn| {
        let balance = accounts.get(txn, &id).await?.map_or(0, |account| account.balance);
        accounts.put(txn, &Account { id, balance: balance + 1 })
    })
    .await
}

/// What is in an account.
pub(crate) async fn balance(db: &Database, id: u32) -> i64 {
    let found = db.read(async |txn| Account::table().get(txn, &id).await).await.unwrap();
    found.map_or(0, |account| account.balance)
}

stores! {
    async fn a_commit_is_applied_once_whatever_happens_to_it(store) {
        let late = Fault::Late(Duration::from_millis(60));
        for faults in [
            vec![Fault::LoseReply],
            vec![Fault::LoseRequest],
            vec![late],
            vec![Fault::LoseReply, Fault::LoseReply],
            vec![Fault::LoseReply, Fault::LoseRequest, late],
            vec![late, Fault::LoseReply, late, Fault::LoseReply],
            vec![Fault::LoseRequest, late, Fault::LoseReply, late],
        ] {
            // With a lane that is new, and with one that has been used.
            for used in [false, true] {
                let (db, script) = faulty(store, 0).await;
                let id = u32::from(used);
                let before = balance(&db, id).await;
                if used {
                    add(&db, 99).await.unwrap();
                }
                faults.iter().for_each(|fault| script.push("KV/Txn", *fault));
                add(&db, id).await.unwrap();
                assert_eq!(script.met.load(Ordering::Relaxed), faults.len() as u64);
                // What is late arrives now, and changes nothing.
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert_eq!(balance(&db, id).await, before + 1, "{faults:?}, lane used: {used}");
                add(&db, id).await.unwrap();
                assert_eq!(balance(&db, id).await, before + 2, "the lane still works after {faults:?}");
            }
        }
    }

    async fn a_blind_write_that_comes_late_does_not_undo_a_later_one(store) {
        let (db, script) = faulty(store, 0).await;
        let other = store.connect().await;
        let accounts = Account::table();
        db.write(async |txn| accounts.put(txn, &Account { id: 1, balance: 0 })).await.unwrap();
        script.push("KV/Txn", Fault::Late(Duration::from_millis(80)));
        db.write(async |txn| accounts.put(txn, &Account { id: 1, balance: 1 })).await.unwrap();
        other.write(async |txn| accounts.put(txn, &Account { id: 1, balance: 2 })).await.unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert_eq!(balance(&other, 1).await, 2);
    }

    async fn an_insert_whose_reply_is_lost_does_not_find_itself(store) {
        let (db, script) = faulty(store, 0).await;
        let accounts = Account::table();
        script.push("KV/Txn", Fault::LoseReply);
        db.write(async |txn| accounts.insert(txn, &Account { id: 1, balance: 0 })).await.unwrap();
        assert_eq!(script.met.load(Ordering::Relaxed), 1);
    }

    async fn every_acknowledged_increment_counts_once_under_faults(store) {
        let mut databases = Vec::new();
        for seed in 0..3 {
            let (db, script) = faulty(store, seed).await;
            script.fail_one_in(6);
            databases.push((db, script));
        }
        const TASKS: u32 = 9;
        const INCREMENTS: u32 = 12;
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let db = databases[number as usize % 3].0.clone();
                tokio::spawn(async move {
                    let (mut applied, mut unknown) = (0i64, 0i64);
                    for n in 0..INCREMENTS {
                        match add(&db, n % 2).await {
                            Ok(()) => applied += 1,
                            Err(error) if error.is_commit_unknown() => unknown += 1,
                            Err(error) => panic!("{error}"),
                        }
                    }
                    (applied, unknown)
                })
            })
            .collect();
        let (mut applied, mut unknown) = (0, 0);
        for task in tasks {
            let ended = task.await.unwrap();
            applied += ended.0;
            unknown += ended.1;
        }
        databases.iter().for_each(|(_, script)| script.off.store(true, Ordering::Relaxed));
        tokio::time::sleep(Duration::from_millis(100)).await;
        let met: u64 = databases.iter().map(|(_, script)| script.met.load(Ordering::Relaxed)).sum();
        assert!(met > 20, "only {met} faults");
        let sum = balance(&databases[0].0, 0).await + balance(&databases[0].0, 1).await;
        assert_eq!(unknown, 0, "the store could always be asked");
        assert_eq!(sum, applied);
        assert_eq!(applied, i64::from(TASKS * INCREMENTS));
    }

    async fn a_store_that_cannot_be_asked_makes_the_outcome_unknown(store) {
        let (db, script) = impatient(store).await;
        add(&db, 1).await.unwrap();
        script.push("KV/Txn", Fault::LoseReply);
        (0..2_000).for_each(|_| script.push("KV/Txn", Fault::LoseRequest));
        let error = add(&db, 1).await.unwrap_err();
        assert!(error.is_commit_unknown(), "{error}");
        script.off.store(true, Ordering::Relaxed);
        assert_eq!(balance(&db, 1).await, 2);
        add(&db, 1).await.unwrap();
        assert_eq!(balance(&db, 1).await, 3);
    }

    async fn a_commit_reported_as_unknown_is_settled_when_the_store_is_back(store) {
        let (db, script) = impatient(store).await;
        add(&db, 1).await.unwrap();
        // The commit is under way for longer than the store is away.
        script.push("KV/Txn", Fault::Late(Duration::from_millis(4_500)));
        (0..2_000).for_each(|_| script.push("KV/Txn", Fault::LoseRequest));
        assert!(add(&db, 1).await.unwrap_err().is_commit_unknown());
        script.off.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        assert_eq!(balance(&db, 1).await, 1);
        tokio::time::sleep(Duration::from_millis(3_000)).await;
        assert_eq!(balance(&db, 1).await, 1, "it was fenced off");
    }

    async fn a_commit_whose_answer_and_lane_are_lost_is_unknown(store) {
        let (db, script) = faulty(store, 0).await;
        let other = store.connect().await;
        add(&db, 1).await.unwrap();
        script.push("KV/Txn", Fault::LoseReply);
        (0..1_000).for_each(|_| script.push("KV/Txn", Fault::LoseRequest));
        let lose_lane = async {
            while balance(&other, 1).await < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            other.client().delete(lanes()).await.unwrap();
            script.off.store(true, Ordering::Relaxed);
        };
        let (outcome, ()) = tokio::join!(add(&db, 1), lose_lane);
        let error = outcome.unwrap_err();
        assert!(error.is_commit_unknown(), "{error}");
        // On another lane it goes on.
        add(&db, 1).await.unwrap();
        assert_eq!(balance(&other, 1).await, 3);
    }

    async fn a_lost_session_is_replaced(store) {
        let db = store.connect().await;
        add(&db, 1).await.unwrap();
        // Its lane is gone, as it is when the lease has ended on which it hangs.
        let lane = db.client().get(lanes()).await.unwrap();
        assert_ne!(lane.first().expect("a lane").lease(), 0);
        db.client().delete(lanes()).await.unwrap();
        add(&db, 1).await.unwrap();
        assert_eq!(balance(&db, 1).await, 2);
    }

    async fn lanes_stay_few_whatever_becomes_of_their_requests(store) {
        let (db, script) = faulty(store, 0).await;
        let other = store.connect().await;
        let faults = [Fault::LoseReply, Fault::LoseRequest, Fault::Late(Duration::from_millis(5))];
        for fault in faults.repeat(10) {
            script.push("KV/Txn", fault);
            add(&db, 1).await.unwrap();
            // One that is refused because of another process.
            let runs = AtomicU64::new(0);
            db.write(async |txn| {
                let account = Account::table().get(txn, &2).await?;
                if runs.fetch_add(1, Ordering::Relaxed) == 0 {
                    add(&other, 2).await?;
                }
                Account::table().put(txn, &Account { id: 2, balance: account.map_or(0, |account| account.balance) })
            })
            .await
            .unwrap();
            assert_eq!(runs.into_inner(), 2);
            // One that fails because the lease of a row is gone.
            let lease = db.client().lease(Duration::from_secs(60)).await.unwrap();
            lease.revoke().await.unwrap();
            let account = Account { id: 3, balance: 0 };
            let gone = db.write(async |txn| Account::table().with_lease(&lease).put(txn, &account)).await;
            assert!(gone.unwrap_err().is_not_found());
        }
        // One of each process.
        let lanes = db.client().get(lanes()).count_only().await.unwrap();
        assert_eq!(lanes.count(), 2);
    }

    async fn a_deadline_holds_when_the_session_is_lost_and_cannot_be_replaced(store) {
        let script = Arc::new(Script::random(0));
        let builder = store.builder().faults(script.faults()).transaction_timeout(Duration::from_millis(500));
        let db = builder.connect().await.unwrap();
        add(&db, 1).await.unwrap();
        let lane = db.client().get(lanes()).await.unwrap();
        db.client().delete(lane.first().expect("a lane").key()).await.unwrap();
        (0..1_000).for_each(|_| script.push("LeaseGrant", Fault::LoseRequest));
        let began = std::time::Instant::now();
        let error = add(&db, 1).await.unwrap_err();
        assert!(error.is_timeout() || error.is_unavailable(), "{error}");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
        script.off.store(true, Ordering::Relaxed);
        add(&db, 1).await.unwrap();
        assert_eq!(balance(&db, 1).await, 2);
    }
}
