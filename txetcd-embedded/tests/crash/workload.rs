//! [`Workload`]: seeded writes, what was answered to them, and what has to be there afterwards.

use std::collections::BTreeMap;

use etcd_client::{DeleteOptions, GetOptions, Txn, TxnOp};
use txetcd_embedded::Store;

use crate::support::client;

const WRITES: u8 = 12;

/// All pairs of a key and its value.
type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// Seeded writes. Each is one transaction, and leaves the contents of one revision.
pub(crate) struct Workload {
    random: fastrand::Rng,
    /// What is there at each revision, beginning with the first.
    states: Vec<Contents>,
    /// How many of them are known to be stored.
    acknowledged: usize,
}

impl Workload {
    pub(crate) fn new(seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { random, states: vec![Contents::new()], acknowledged: 1 }
    }

    /// Writes until the store fails, or all is written.
    pub(crate) async fn run(&mut self, store: &Store) {
        let mut client = client(store).await;
        for number in 0..WRITES {
            let (operations, state) = self.next(number);
            self.states.push(state);
            if client.txn(Txn::new().and_then(operations)).await.is_err() {
                return;
            }
            self.acknowledged = self.states.len();
            if number == WRITES / 2 {
                // Has no revision of its own, and must not disturb any.
                let _ = client.compact(i64::from(number), None).await;
            }
        }
    }

    /// The next transaction, which always changes something, and the contents that it leaves.
    fn next(&mut self, number: u8) -> (Vec<TxnOp>, Contents) {
        let mut state = self.states[self.states.len() - 1].clone();
        let mut operations = Vec::new();
        if self.random.u8(..4) == 0 {
            let from = self.random.u8(..8);
            state.retain(|key, _| key[0] < from || key[0] >= 8);
            let options = DeleteOptions::new().with_range([8]);
            operations.push(TxnOp::delete([from], Some(options)));
        } else {
            for key in 0..8 {
                if self.random.bool() {
                    let value = vec![number; self.random.usize(..6000)];
                    operations.push(TxnOp::put([key], value.clone(), None));
                    state.insert(vec![key], value);
                }
            }
        }
        operations.push(TxnOp::put([9], [number], None));
        state.insert(vec![9], vec![number]);
        (operations, state)
    }

    /// Every answered write is there, the one that was not answered is there whole or not at all, and the
    /// store can be written to.
    pub(crate) async fn check(&self, store: &Store, what: &str) {
        let mut client = client(store).await;
        let got = client.get([0], Some(GetOptions::new().with_from_key())).await.unwrap();
        let revision = usize::try_from(got.header().unwrap().revision()).unwrap();
        assert!(revision >= self.acknowledged, "{what}: {revision} is before {}", self.acknowledged);
        let contents: Contents =
            got.kvs().iter().map(|kv| (kv.key().to_vec(), kv.value().to_vec())).collect();
        assert!(self.states.get(revision - 1) == Some(&contents), "{what}: other contents at {revision}");
        let past = i64::try_from(self.acknowledged).unwrap();
        let options = GetOptions::new().with_from_key().with_revision(past).with_count_only();
        let past = client.get([0], Some(options)).await.unwrap().count();
        assert_eq!(past, i64::try_from(self.states[self.acknowledged - 1].len()).unwrap(), "{what}");
        let put = client.put([9], "after", None).await.unwrap();
        assert_eq!(put.header().unwrap().revision(), i64::try_from(revision).unwrap() + 1, "{what}");
    }
}
