//! [`Namespace`]: the bytes that stand in front of every key of a client.
//!
//! Requests get the prefix when they become wire requests, key values lose it when they come back; no other
//! place knows of it.

use etcd_client::proto::PbKeyValue;

use crate::key_value::KeyValue;

/// The prefix of all keys; empty for none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespace(Vec<u8>);

impl Namespace {
    pub(crate) fn new(prefix: Vec<u8>) -> Self {
        Self(prefix)
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.0, key].concat()
    }

    /// A key as etcd has it, without the prefix.
    pub(crate) fn strip(&self, mut key: Vec<u8>) -> Vec<u8> {
        if key.starts_with(&self.0) {
            key.drain(..self.0.len());
        }
        key
    }

    pub(crate) fn key_value(&self, kv: PbKeyValue) -> KeyValue {
        KeyValue {
            key: self.strip(kv.key),
            value: kv.value,
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
            lease: kv.lease,
        }
    }

    pub(crate) fn key_values(&self, kvs: Vec<PbKeyValue>) -> Vec<KeyValue> {
        kvs.into_iter().map(|kv| self.key_value(kv)).collect()
    }
}
