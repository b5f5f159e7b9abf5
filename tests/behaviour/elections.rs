//! Elections: one leader at a time, known to all.

use crate::coordination::{MISHAPS, Polled, drop_after, faulty, session, soon, until_keys};
use futures_util::StreamExt as _;

stores! {
    async fn leaders_follow_each_other_in_the_order_of_candidates(store) {
        let [db, other] = [store.connect().await, store.connect().await];
        let [one, two] = [session(db.client()).await, session(other.client()).await];
        let election = db.client().election("leader");
        assert_eq!(election.leader().await.unwrap(), None);
        let mut seen = election.observe();

        let first = election.campaign(&one, "one").await.unwrap();
        let leader = soon(seen.next()).await.unwrap().unwrap();
        assert_eq!((leader.value(), leader.fencing_token()), (&b"one"[..], first.fencing_token()));
        assert!(!format!("{leader:?}").contains("one"));
        let campaign = tokio::spawn({
            let election = other.client().election("leader");
            async move { election.campaign(&two, "two").await }
        });
        until_keys(db.client(), 2).await;
        first.proclaim("uno").await.unwrap();
        let leader = soon(seen.next()).await.unwrap().unwrap();
        assert_eq!((leader.value(), leader.fencing_token()), (&b"uno"[..], first.fencing_token()));
        assert_eq!(election.leader().await.unwrap(), Some(leader));

        first.resign().await.unwrap();
        let second = soon(campaign).await.unwrap().unwrap();
        let leader = soon(seen.next()).await.unwrap().unwrap();
        assert_eq!(leader.value(), b"two");
        assert!(second.is_held() && leader.fencing_token() == second.fencing_token());
        drop(second);
        until_keys(db.client(), 0).await;
        assert_eq!(election.leader().await.unwrap(), None);
    }

    async fn a_leader_that_is_none_any_more_proclaims_nothing(store) {
        let db = store.connect().await;
        let own = session(db.client()).await;
        let office = db.client().election("leader").campaign(&own, "one").await.unwrap();
        own.lease().revoke().await.unwrap();
        assert!(office.proclaim("two").await.unwrap_err().is_lock_lost());
        assert!(db.write(async |txn| {
            txn.guard(&office)?;
            crate::store::User::table().put(txn, &crate::store::user("a", 1))
        }).await.unwrap_err().is_lock_lost());
        assert_eq!(db.client().election("leader").leader().await.unwrap(), None);
    }

    async fn the_last_proclamation_stays_whatever_happened_to_those_before(store) {
        for mishaps in MISHAPS {
            let (db, script) = faulty(store, 0).await;
            let own = session(db.client()).await;
            let election = db.client().election("leader");
            let office = election.campaign(&own, "first").await.unwrap();
            for polls in 1..500 {
                mishaps.iter().for_each(|mishap| script.push("KV/Txn", *mishap));
                let polled = drop_after(polls, office.proclaim("dropped")).await;
                soon(office.proclaim("last")).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                assert_eq!(election.leader().await.unwrap().expect("a leader").value(), b"last");
                if let Polled::Ended(proclaimed) = polled {
                    proclaimed.unwrap();
                    break;
                }
            }
        }
    }

    async fn a_candidate_can_be_dropped_at_every_await(store) {
        let db = store.connect().await;
        let own = session(db.client()).await;
        let election = db.client().election("leader");
        let office = election.campaign(&own, "one").await.unwrap();
        for polls in 1..500 {
            let polled = drop_after(polls, election.campaign(&own, "two")).await;
            until_keys(db.client(), 1).await;
            if !matches!(polled, Polled::Dropped) {
                break;
            }
        }
        office.resign().await.unwrap();
        until_keys(db.client(), 0).await;
    }
}
