//! [`Workload`]: seeded requests, what was answered to them, and what has to be there afterwards.

use std::time::Duration;

use etcd_client::{Client, DeleteOptions, LeaseGrantOptions, PutOptions, Txn, TxnOp};
use tokio::time::Instant;
use txetcd_embedded::Store;

use crate::state::{Kept, State};
use crate::support::client;

/// Requests in a workload.
const REQUESTS: u8 = 16;

/// Keys that it writes. [`DOOMED`] and [`LAST`] come after them.
const KEYS: u8 = 8;

/// A key whose lease is over soon after the store is opened.
const DOOMED: u8 = 8;
const DOOMED_LEASE: i64 = 99;

/// A key that every transaction puts, so that each has a revision.
const LAST: u8 = 9;

/// Seeded requests. Each leaves one state.
pub(crate) struct Workload {
    random: fastrand::Rng,
    /// What is there before, and after each request.
    states: Vec<State>,
    /// How many of them are known to be stored.
    acknowledged: usize,
}

enum Request {
    Txn(Vec<TxnOp>),
    Grant(i64),
    Revoke(i64),
    Compact(i64),
}

/// Writes what a workload finds: a key with a lease that is over in a moment, as is stored when the store is
/// closed.
pub(crate) async fn prepare(store: &Store) {
    let mut client = client(store).await;
    let id = LeaseGrantOptions::new().with_id(DOOMED_LEASE);
    let granted = Instant::now();
    client.lease_grant(2, Some(id)).await.unwrap();
    client.put([DOOMED], "", Some(PutOptions::new().with_lease(DOOMED_LEASE))).await.unwrap();
    tokio::time::sleep_until(granted + Duration::from_millis(1996)).await;
}

impl Workload {
    pub(crate) fn new(seed: u64) -> Self {
        let mut doomed = State { revision: 2, ..State::default() };
        doomed.keys.insert(vec![DOOMED], Kept { value: Vec::new(), lease: DOOMED_LEASE });
        doomed.leases.insert(DOOMED_LEASE);
        let empty = State { revision: 3, ..State::default() };
        Self { random: fastrand::Rng::with_seed(seed), states: vec![doomed, empty], acknowledged: 1 }
    }

    /// Sends requests until the store fails, or all are answered.
    pub(crate) async fn run(&mut self, store: &Store) {
        let mut client = client(store).await;
        if !doomed_is_gone(&mut client).await {
            return;
        }
        self.acknowledged = 2;
        for number in 0..REQUESTS {
            let (request, state) = self.next(number);
            self.states.push(state);
            if !send(&mut client, request).await {
                return;
            }
            self.acknowledged = self.states.len();
        }
    }

    /// The next request, and the state that it leaves.
    fn next(&mut self, number: u8) -> (Request, State) {
        let mut state = self.states[self.states.len() - 1].clone();
        let lease = self.random.choice(&state.leases).copied();
        let request = match (self.random.u8(..8), lease) {
            (0, _) if state.leases.len() < 3 => {
                state.leases.insert(i64::from(number) + 1);
                Request::Grant(i64::from(number) + 1)
            }
            (1, Some(lease)) => {
                let before = state.keys.len();
                state.keys.retain(|_, kept| kept.lease != lease);
                state.leases.remove(&lease);
                state.revision += i64::from(state.keys.len() < before);
                Request::Revoke(lease)
            }
            (2, _) if state.compacted < state.revision => {
                state.compacted = self.random.i64(state.compacted.max(1) + 1..=state.revision);
                Request::Compact(state.compacted)
            }
            _ => self.txn(number, lease, &mut state),
        };
        (request, state)
    }

    fn txn(&mut self, number: u8, lease: Option<i64>, state: &mut State) -> Request {
        state.revision += 1;
        let mut operations = Vec::new();
        if self.random.u8(..4) == 0 {
            let from = self.random.u8(..KEYS);
            state.keys.retain(|key, _| key[0] < from || key[0] >= KEYS);
            operations.push(TxnOp::delete([from], Some(DeleteOptions::new().with_range([KEYS]))));
        } else {
            for key in (0..KEYS).filter(|_| self.random.bool()).collect::<Vec<_>>() {
                let value = vec![number; self.random.usize(..6000)];
                let lease = lease.filter(|_| self.random.bool()).unwrap_or(0);
                let options = PutOptions::new().with_lease(lease);
                operations.push(TxnOp::put([key], value.clone(), Some(options)));
                state.keys.insert(vec![key], Kept { value, lease });
            }
        }
        operations.push(TxnOp::put([LAST], [number], None));
        state.keys.insert(vec![LAST], Kept { value: vec![number], lease: 0 });
        Request::Txn(operations)
    }

    /// Every answered request has had its effect, the one that was not answered the whole of it or none, the
    /// past can be read as far as it is not compacted, and the store can be written to.
    pub(crate) async fn check(&self, store: &Store, what: &str) {
        let mut client = client(store).await;
        assert!(doomed_is_gone(&mut client).await, "{what}");
        let last = self.states.len().min(self.acknowledged + 1);
        let possible = &self.states[self.acknowledged - 1..last];
        let mut there = State::read(&mut client).await;
        there.compacted = self.compacted(&mut client, last).await;
        let Some(found) = possible.iter().find(|state| **state == there) else {
            panic!("{what}: there is {there:#?}\nand not one of {possible:#?}");
        };
        for state in self.states.iter().filter(|state| state.revision >= found.compacted.max(3)) {
            if state.revision <= found.revision {
                assert_eq!(State::keys_at(&mut client, state.revision).await, state.keys, "{what}");
            }
        }
        let put = client.put([LAST], "after", None).await.unwrap();
        assert_eq!(put.header().unwrap().revision(), found.revision + 1, "{what}");
    }

    /// The newest revision at which the store was compacted by one of the first `last` requests.
    async fn compacted(&self, client: &mut Client, last: usize) -> i64 {
        let mut compacted = 0;
        for state in &self.states[..last] {
            if state.compacted > compacted && State::is_compacted(client, state.compacted - 1).await {
                compacted = state.compacted;
            }
        }
        compacted
    }
}

/// Waits until the key is gone whose lease is over, unless the store fails.
async fn doomed_is_gone(client: &mut Client) -> bool {
    while client.get([DOOMED], None).await.unwrap().count() > 0 {
        if !client.status().await.unwrap().errors().is_empty() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    true
}

/// Whether the store carried it out.
async fn send(client: &mut Client, request: Request) -> bool {
    match request {
        Request::Txn(operations) => client.txn(Txn::new().and_then(operations)).await.is_ok(),
        Request::Grant(id) => {
            client.lease_grant(600, Some(LeaseGrantOptions::new().with_id(id))).await.is_ok()
        }
        Request::Revoke(id) => client.lease_revoke(id).await.is_ok(),
        Request::Compact(revision) => client.compact(revision, None).await.is_ok(),
    }
}
