//! [`State`]: all that a client can see of a store.

use std::collections::{BTreeMap, BTreeSet};

use etcd_client::{Client, GetOptions, LeaseTimeToLiveOptions};

/// What is there at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) revision: i64,
    /// The first revision that can be read, or 0.
    pub(crate) compacted: i64,
    pub(crate) keys: BTreeMap<Vec<u8>, Kept>,
    pub(crate) leases: BTreeSet<i64>,
}

/// What is kept of a key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) value: Vec<u8>,
    pub(crate) lease: i64,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?} x {} lease {}", self.value.first(), self.value.len(), self.lease)
    }
}

impl State {
    /// Reads all but how far it is compacted.
    pub(crate) async fn read(client: &mut Client) -> Self {
        let revision = client.get([0], None).await.unwrap().header().unwrap().revision();
        let keys = Self::keys_at(client, revision).await;
        let mut leases = BTreeSet::new();
        let mut attached = BTreeMap::new();
        for lease in client.leases().await.unwrap().leases() {
            let options = LeaseTimeToLiveOptions::new().with_keys();
            let answer = client.lease_time_to_live(lease.id(), Some(options)).await.unwrap();
            attached.extend(answer.keys().iter().map(|key| (key.clone(), lease.id())));
            leases.insert(lease.id());
        }
        let leased = keys.iter().filter(|(_, kept)| kept.lease != 0);
        let expected: BTreeMap<_, _> = leased.map(|(key, kept)| (key.clone(), kept.lease)).collect();
        assert_eq!(attached, expected, "the keys of the leases");
        Self { revision, compacted: 0, keys, leases }
    }

    /// All keys as they were at a revision.
    pub(crate) async fn keys_at(client: &mut Client, revision: i64) -> BTreeMap<Vec<u8>, Kept> {
        let options = GetOptions::new().with_from_key().with_revision(revision);
        let got = client.get([0], Some(options)).await.unwrap();
        let kept = |kv: &etcd_client::KeyValue| Kept { value: kv.value().to_vec(), lease: kv.lease() };
        got.kvs().iter().map(|kv| (kv.key().to_vec(), kept(kv))).collect()
    }

    /// Whether a revision cannot be read any more.
    pub(crate) async fn is_compacted(client: &mut Client, revision: i64) -> bool {
        revision > 0 && client.get([0], Some(GetOptions::new().with_revision(revision))).await.is_err()
    }
}
