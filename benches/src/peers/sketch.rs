//! [`Sketch`]: what etcd takes at most on this machine.
//!
//! The least with which transactions of one process travel together: all rows are in memory as plain numbers, changes that
//! wait are applied one after the other, and their rows leave in one guarded request. There are no tables, no codecs,
//! no cache to follow others, and no way out of a fault, so this is nothing to be used.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etcd_client::{Client, Compare, CompareOp, GetOptions, KvClient, Txn, TxnOp};
use tokio::sync::oneshot;

use super::Result;
use super::audit::Account;
use super::drive::{Ended, Phase, Side};
use super::layout::{self, KINDS, row_key, row_value};
use super::steps::Step;

/// How many requests are under way at most.
const REQUESTS: usize = 2;
/// How many rows a request changes at most.
const ROWS: usize = 60;

/// A connection of `etcd-client`, and all rows.
#[derive(Clone)]
pub(crate) struct Sketch {
    kv: KvClient,
    prefix: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// With the revisions in which they were put.
    rows: HashMap<u32, (Account, i64)>,
    /// Those that are in a request under way.
    busy: HashSet<u32>,
    waiting: Vec<(Step, oneshot::Sender<bool>)>,
    requests: usize,
}

/// A request, and whom to tell of its answer.
struct Batch {
    changed: HashSet<u32>,
    told: Vec<oneshot::Sender<bool>>,
    txn: Txn,
}

impl Sketch {
    /// Connects, and reads all rows that are there.
    pub(crate) async fn connect(endpoint: &str, prefix: &str) -> Result<Self> {
        let mut kv = Client::connect([endpoint], None).await?.kv_client();
        let front = format!("{prefix}{}", KINDS[0]);
        let read = kv.get(front.clone(), Some(GetOptions::new().with_prefix())).await?;
        let mut rows = HashMap::new();
        for row in read.kvs() {
            let number = row.key_str()?.strip_prefix(&front).ok_or("a key is of another kind")?;
            let account = layout::account(row.value()).ok_or("a value is too short")?;
            rows.insert(u32::from_str_radix(number, 16)?, (account, row.mod_revision()));
        }
        let state = State { rows, ..State::default() };
        Ok(Self { kv, prefix: prefix.into(), state: Arc::new(Mutex::new(state)) })
    }

    /// Sends requests as long as there is anything to be sent.
    async fn send(mut self) {
        tokio::task::yield_now().await;
        while let Some(Batch { changed, told, txn }) = self.next() {
            let revision = match self.kv.txn(txn).await {
                Ok(done) if done.succeeded() => done.header().map(etcd_client::ResponseHeader::revision),
                _ => None,
            };
            self.settle(&changed, revision);
            // Whoever asked may have gone.
            for told in told {
                _ = told.send(revision.is_some());
            }
            tokio::task::yield_now().await;
        }
    }

    fn settle(&self, changed: &HashSet<u32>, revision: Option<i64>) {
        let mut state = self.state();
        for number in changed {
            state.busy.remove(number);
            if let Some((row, revision)) = state.rows.get_mut(number).zip(revision) {
                row.1 = revision;
            }
        }
    }

    fn next(&self) -> Option<Batch> {
        let mut state = self.state();
        let (mut changed, mut told, mut left) = (HashSet::new(), Vec::new(), Vec::new());
        for (step, tell) in std::mem::take(&mut state.waiting) {
            let changes = changes(step);
            let is_free = changes.iter().all(|(row, _)| !state.busy.contains(row));
            if !is_free || changed.len() + changes.len() > ROWS {
                left.push((step, tell));
                continue;
            }
            for (row, amount) in changes {
                if let Some((account, _)) = state.rows.get_mut(&row) {
                    account.amount += amount;
                    account.changes += 1;
                    changed.insert(row);
                }
            }
            told.push(tell);
        }
        state.waiting = left;
        if told.is_empty() {
            state.requests -= 1;
            return None;
        }
        state.busy.extend(&changed);
        let (mut compares, mut puts) = (Vec::new(), Vec::new());
        for row in &changed {
            let (account, revision) = state.rows[row];
            let key = row_key(&self.prefix, *row);
            compares.push(Compare::mod_revision(key.clone(), CompareOp::Equal, revision));
            puts.push(TxnOp::put(key, row_value(account), None));
        }
        Some(Batch { changed, told, txn: Txn::new().when(compares).and_then(puts) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Side for Sketch {
    async fn perform(&self, step: Step, _: &Phase) -> Result<Ended> {
        let (tell, told) = oneshot::channel();
        {
            let mut state = self.state();
            state.waiting.push((step, tell));
            if state.requests < REQUESTS {
                state.requests += 1;
                tokio::spawn(self.clone().send());
            }
        }
        if told.await? { Ok(Ended::Acknowledged) } else { Err("somebody else has changed a row".into()) }
    }
}

fn changes(step: Step) -> Vec<(u32, i64)> {
    match step {
        Step::Increment(row) => vec![(row, 0)],
        Step::Transfer { from, to } => vec![(from, -1), (to, 1)],
        Step::Insert(_) | Step::Read(_) => Vec::new(),
    }
}
