//! Sessions and leases: kept alive, given up, and known to be lost before anyone else can act on it.

use std::sync::Arc;
use std::time::Duration;

use crate::coordination::{LONG, faulty, session, soon, until_keys};
use crate::store::{User, user};
use futures_util::{FutureExt as _, StreamExt as _};
use txetcd::{Op, Txn};
use txetcd_core::client::{Fault, Faults};

/// Keeps requests to leases away.
struct CutOff;

impl Faults for CutOff {
    fn next(&self, path: &str) -> Fault {
        if path.ends_with("LeaseKeepAlive") { Fault::LoseRequest } else { Fault::None }
    }
}

/// The shortest that etcd grants.
const SHORT: Duration = Duration::from_secs(2);

stores! {
    async fn a_lease_can_be_asked_refreshed_and_revoked(store) {
        let db = store.connect().await;
        let client = db.client();
        let lease = client.lease(LONG).await.unwrap();
        client.put("a", "1").lease(&lease).await.unwrap();
        client.put("b", "1").lease(&lease).await.unwrap();
        assert_eq!(lease.ttl(), LONG);
        assert!(lease.remaining().await.unwrap().expect("to live") <= LONG);
        assert_eq!(lease.keys().await.unwrap(), [b"a", b"b"], "without the namespace");
        lease.refresh().await.unwrap();
        lease.revoke().await.unwrap();
        assert_eq!(client.get("a").await.unwrap().count(), 0);
        assert_eq!(lease.remaining().await.unwrap(), None);
        assert!(lease.keys().await.unwrap().is_empty());
        for error in [lease.refresh().await.unwrap_err(), lease.revoke().await.unwrap_err()] {
            assert!(error.is_not_found(), "{error:?}");
        }
        let error = client.put("a", "1").lease(&lease).await.unwrap_err();
        assert!(error.is_not_found(), "{error:?}");
    }

    async fn a_session_outlives_its_time_and_a_lost_connection(store) {
        let (db, script) = faulty(store, 0).await;
        let other = store.connect().await;
        let own = db.client().session(SHORT).await.unwrap();
        // It takes three thirds to lose it.
        script.push("LeaseKeepAlive", Fault::LoseRequest);
        db.client().put("a", "1").lease(own.lease()).await.unwrap();
        tokio::time::sleep(SHORT * 3).await;
        assert!(own.is_alive() && own.lost().now_or_never().is_none());
        assert_eq!(other.client().get("a").await.unwrap().count(), 1);
        assert_eq!(script.met(), 1);
    }

    async fn a_dropped_session_revokes_its_lease(store) {
        let db = store.connect().await;
        let own = session(db.client()).await;
        let lock = db.client().lock("jobs").acquire(&own).await.unwrap();
        let lease = own.lease().clone();
        drop(own);
        assert!(lock.is_held(), "a lock is a share in its session");
        drop(lock);
        until_keys(db.client(), 0).await;
        let mut alive = lease.remaining().await.unwrap().is_some();
        for _ in 0..1_000 {
            if !alive {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            alive = lease.remaining().await.unwrap().is_some();
        }
        assert!(!alive, "long before its time was over");
    }

    async fn a_session_that_is_cut_off_knows_before_its_keys_vanish(store) {
        let db = store.builder().faults(Arc::new(CutOff)).connect().await.unwrap();
        let other = store.connect().await;
        let own = db.client().session(SHORT).await.unwrap();
        let lock = db.client().lock("jobs").acquire(&own).await.unwrap();
        let told = tokio::spawn({
            let own = own.clone();
            async move { own.lost().await }
        });
        let mut changes = other.client().watch(txetcd::KeySet::prefix([0xff, 0xff, b'c'])).stream().await.unwrap();
        soon(changes.next()).await.expect("the end of the lease").unwrap();
        assert!(!own.is_alive() && own.remaining().is_zero() && !lock.is_held());
        soon(told).await.unwrap();
        soon(lock.lost()).await;
        let error = db.write(async |txn| txn.guard(&lock)).await.unwrap_err();
        assert!(error.is_lock_lost(), "{error:?}");
        let waiting = db.client().lock("jobs").acquire(&own).await.unwrap_err();
        assert!(waiting.is_lock_lost() && waiting.to_string().contains("another session"), "{waiting:?}");
    }

    async fn a_wait_ends_with_its_session(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let [holding, waiting] = [session(db.client()).await, session(other.client()).await];
        let _lock = db.client().lock("jobs").acquire(&holding).await.unwrap();
        let task = tokio::spawn({
            let (other, waiting) = (other.clone(), waiting.clone());
            async move { other.client().lock("jobs").acquire(&waiting).await }
        });
        until_keys(db.client(), 2).await;
        waiting.lease().revoke().await.unwrap();
        // The keep-alive finds out, long after; or whoever is let go first.
        drop(_lock);
        let error = soon(task).await.unwrap().unwrap_err();
        assert!(error.is_lock_lost(), "{error:?}");
    }

    async fn a_process_that_stood_still_knows_at_once_that_its_session_is_lost(store) {
        let other = store.connect().await;
        let builder = store.builder();
        let (locked, is_locked) = tokio::sync::oneshot::channel();
        // All of the process but the store stands still, as after SIGSTOP.
        let process = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let db = builder.connect().await.unwrap();
                let own = db.client().session(SHORT).await.unwrap();
                let lock = db.client().lock("jobs").acquire(&own).await.unwrap();
                let users = User::table();
                let begun = db.begin().await.unwrap();
                begun.guard(&lock).unwrap();
                users.put(&begun, &user("job", 1)).unwrap();
                locked.send(()).unwrap();
                std::thread::sleep(SHORT + Duration::from_secs(4));
                assert!(!own.is_alive() && !lock.is_held());
                assert!(own.lost().now_or_never().is_some());
                let error = begun.commit().await.unwrap_err();
                assert!(error.is_lock_lost(), "{error:?}");
                let txn = Txn::default().then([Op::put("job", "1")]);
                assert!(db.client().txn(txn).guard(&lock).await.unwrap_err().is_lock_lost());
            });
        });
        soon(is_locked).await.unwrap();
        let next = session(other.client()).await;
        let lock = soon(other.client().lock("jobs").acquire(&next)).await.unwrap();
        tokio::task::spawn_blocking(move || process.join()).await.unwrap().unwrap();
        assert!(lock.is_held());
        assert_eq!(other.read(async |txn| User::table().count(txn).await).await.unwrap(), 0);
    }
}
