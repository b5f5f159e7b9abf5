//! The past against a model of it: random writes, compactions and restarts, after which every revision
//! that is still readable must be what it was.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use etcd_client::{
    Client, CompactionOptions, DeleteOptions, EventType, GetOptions, Txn, TxnOp, WatchOptions,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::{client, refusal};
use tonic::Code;
use txetcd_embedded::Store;

#[derive(Clone, Debug)]
enum Action {
    Put(u8, u8),
    Delete(u8, u8),
    /// Keys, with the value to put or nothing to delete them.
    Txn(BTreeMap<u8, Option<u8>>),
    Compact {
        back: u8,
        physical: bool,
    },
    Reopen,
}

/// Value, create revision, mod revision and version of a key.
type Version = (Vec<u8>, i64, i64, i64);
type State = BTreeMap<Vec<u8>, Version>;

/// What the store should hold: its state at each revision.
struct Model {
    states: Vec<State>,
    compacted: i64,
}

impl Model {
    fn new() -> Self {
        // There is no revision 0, and nothing at revision 1.
        Self { states: vec![State::new(), State::new()], compacted: 0 }
    }

    fn revision(&self) -> i64 {
        i64::try_from(self.states.len()).unwrap() - 1
    }

    fn at(&self, revision: i64) -> &State {
        &self.states[usize::try_from(revision).unwrap()]
    }

    fn write(&mut self, changes: impl IntoIterator<Item = (u8, Option<u8>)>) {
        let revision = self.revision() + 1;
        let mut state = self.at(revision - 1).clone();
        let mut changed = false;
        for (key, value) in changes {
            match value {
                Some(value) => {
                    let old = state.get(&[key][..]);
                    let (create, version) = old.map_or((revision, 1), |old| (old.1, old.3 + 1));
                    state.insert(vec![key], (vec![value], create, revision, version));
                    changed = true;
                }
                None => changed |= state.remove(&[key][..]).is_some(),
            }
        }
        if changed {
            self.states.push(state);
        }
    }
}

fn action() -> impl Strategy<Value = Action> {
    let key = || b'a'..b'g';
    prop_oneof![
        10 => (key(), any::<u8>()).prop_map(|(key, value)| Action::Put(key, value)),
        4 => (key(), key()).prop_map(|(start, end)| Action::Delete(start, end)),
        4 => btree_map(key(), any::<Option<u8>>(), 1..4).prop_map(Action::Txn),
        1 => (0..20_u8, any::<bool>()).prop_map(|(back, physical)| Action::Compact { back, physical }),
        1 => Just(Action::Reopen),
    ]
}

#[test]
fn every_readable_revision_is_what_it_was() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 25, failure_persistence: None, ..Config::default() };
    let run = |actions: Vec<Action>| {
        runtime.block_on(check(actions));
        Ok(())
    };
    TestRunner::new(config).run(&vec(action(), 1..60), run).unwrap();
}

async fn check(actions: Vec<Action>) {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path()).unwrap();
    let mut model = Model::new();
    for action in actions {
        let mut client = client(&store).await;
        match action {
            Action::Put(key, value) => {
                client.put([key], [value], None).await.unwrap();
                model.write([(key, Some(value))]);
            }
            Action::Delete(start, end) => {
                client.delete([start], Some(DeleteOptions::new().with_range([end]))).await.unwrap();
                model.write((start..end).map(|key| (key, None)));
            }
            Action::Txn(changes) => {
                let operation = |(&key, value): (&u8, &Option<u8>)| match value {
                    Some(value) => TxnOp::put([key], [*value], None),
                    None => TxnOp::delete([key], None),
                };
                let operations: Vec<_> = changes.iter().map(operation).collect();
                client.txn(Txn::new().and_then(operations)).await.unwrap();
                model.write(changes);
            }
            Action::Compact { back, physical } => {
                let revision = model.revision() - i64::from(back);
                if revision > model.compacted {
                    let options = physical.then(|| CompactionOptions::new().with_physical());
                    client.compact(revision, options).await.unwrap();
                    model.compacted = revision;
                }
            }
            Action::Reopen => {
                drop(client);
                drop(store);
                store = Store::open(directory.path()).unwrap();
            }
        }
    }
    let mut client = client(&store).await;
    check_states(&mut client, &model).await;
    check_events(&mut client, &model).await;
}

async fn check_states(client: &mut Client, model: &Model) {
    for revision in 1..=model.revision() {
        let options = GetOptions::new().with_range("z").with_revision(revision);
        let got = client.get("a", Some(options)).await;
        if revision < model.compacted {
            assert_eq!(refusal(got).0, Code::OutOfRange);
            continue;
        }
        let got = got.unwrap();
        assert_eq!(got.header().unwrap().revision(), model.revision());
        let state: State = got
            .kvs()
            .iter()
            .map(|kv| {
                let version = (kv.value().to_vec(), kv.create_revision(), kv.mod_revision(), kv.version());
                (kv.key().to_vec(), version)
            })
            .collect();
        assert_eq!(&state, model.at(revision), "at revision {revision}");
        let page = GetOptions::new().with_range("z").with_revision(revision).with_limit(1);
        let page = client.get("a", Some(page)).await.unwrap();
        assert_eq!(page.count(), got.count(), "counted at revision {revision}");
        for key in b'a'..b'g' {
            let options = GetOptions::new().with_revision(revision);
            let one = client.get([key], Some(options)).await.unwrap();
            assert_eq!(one.count() == 1, state.contains_key(&[key][..]), "{key} at revision {revision}");
        }
    }
}

/// Replays the log from the first revision that can be watched, onto the state before it.
async fn check_events(client: &mut Client, model: &Model) {
    let start = model.compacted.max(2);
    let options = WatchOptions::new().with_range("z").with_start_revision(start);
    let mut watch = client.watch("a", Some(options)).await.unwrap();
    watch.request_progress().await.unwrap();
    let mut state = model.at(start - 1).clone();
    let mut at = start - 1;
    loop {
        let message = watch.message().await.unwrap().unwrap();
        if message.watch_id() == -1 {
            break;
        }
        for event in message.events() {
            let kv = event.kv().unwrap();
            if kv.mod_revision() != at {
                assert_eq!(&state, model.at(at), "the events up to revision {at}");
                at = kv.mod_revision();
            }
            match event.event_type() {
                EventType::Put => {
                    let version = (kv.value().to_vec(), kv.create_revision(), at, kv.version());
                    state.insert(kv.key().to_vec(), version);
                }
                EventType::Delete => {
                    state.remove(kv.key()).expect("a delete of a key that was there");
                }
            }
        }
    }
    assert_eq!(&state, model.at(model.revision()));
}

/// More keys than one bucket of counts holds, coming and going.
#[tokio::test]
async fn counts_follow_keys_that_come_and_go() {
    let store = Store::memory().unwrap();
    let mut client = client(&store).await;
    let mut random = fastrand::Rng::with_seed(11);
    let mut keys = std::collections::BTreeSet::new();
    let mut past = Vec::new();
    for round in 0..120_u32 {
        let mut operations: Vec<u32> = (0..100).map(|_| random.u32(..50_000)).collect();
        operations.sort_unstable();
        operations.dedup();
        let txn: Vec<_> = operations
            .iter()
            .map(|&key| {
                // First they come, then they go.
                if round < 60 {
                    keys.insert(key);
                    TxnOp::put(format!("{key:05}"), "", None)
                } else {
                    keys.retain(|&kept| kept < key || kept >= key + 40);
                    let end = format!("{:05}", key + 40);
                    TxnOp::delete(format!("{key:05}"), Some(DeleteOptions::new().with_range(end)))
                }
            })
            .collect();
        let answer = client.txn(Txn::new().and_then(txn)).await.unwrap();
        let revision = answer.header().unwrap().revision();
        let (start, end) = (random.u32(..50_000), random.u32(..60_000));
        let within = keys.iter().filter(|&&key| start <= key && key < end).count();
        past.push((revision, start, end, i64::try_from(within).unwrap()));
        let all = GetOptions::new().with_from_key().with_count_only();
        assert_eq!(client.get([0], Some(all)).await.unwrap().count(), i64::try_from(keys.len()).unwrap());
        for &(revision, start, end, within) in past.iter().rev().take(12).step_by(4) {
            let options =
                GetOptions::new().with_range(format!("{end:05}")).with_limit(3).with_revision(revision);
            let got = client.get(format!("{start:05}"), Some(options)).await.unwrap();
            assert_eq!(got.count(), within, "[{start}, {end}) at revision {revision}, in round {round}");
        }
    }
    assert!(keys.len() < 500, "{} are left", keys.len());
}

#[tokio::test]
async fn history_compacts_itself_once_it_is_long_and_old() {
    let store = Store::builder().keep_revisions(100).memory().unwrap();
    let mut client = client(&store).await;
    for number in 0..400 {
        client.put("a", format!("{number}"), None).await.unwrap();
    }
    let at = |revision| Some(GetOptions::new().with_revision(revision));
    // What is young stays, however much it is.
    assert_eq!(client.get("a", at(2)).await.unwrap().kvs()[0].value(), b"0");
    tokio::time::sleep(Duration::from_secs(11)).await;
    let newest = client.put("a", "last", None).await.unwrap().header().unwrap().revision();
    assert_eq!(refusal(client.get("a", at(2)).await).0, Code::OutOfRange);
    assert_eq!(client.get("a", at(newest - 99)).await.unwrap().count(), 1);
}
