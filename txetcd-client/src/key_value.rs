//! [`KeyValue`]: a key as etcd has it.

use std::fmt;

/// A key with its value and what etcd knows of it.
///
/// The value is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyValue {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) create_revision: i64,
    pub(crate) mod_revision: i64,
    pub(crate) version: i64,
    pub(crate) lease: i64,
}

impl KeyValue {
    /// A key that etcd does not have so yet, put under a lease, or under none if it is 0.
    #[doc(hidden)]
    pub fn provisional(key: Vec<u8>, value: Vec<u8>, lease: i64, mod_revision: i64) -> Self {
        Self { key, value, create_revision: 0, mod_revision, version: 0, lease }
    }

    /// The key, without the client's namespace.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The value; empty where only keys were asked for.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// Key and value, taken.
    pub fn into_parts(self) -> (Vec<u8>, Vec<u8>) {
        (self.key, self.value)
    }

    /// The revision in which the key was created.
    pub fn create_revision(&self) -> i64 {
        self.create_revision
    }

    /// The revision in which the key was last put.
    pub fn mod_revision(&self) -> i64 {
        self.mod_revision
    }

    /// How many times the key was put since it was created.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The id of the lease that the key hangs on; 0 for none.
    pub fn lease(&self) -> i64 {
        self.lease
    }
}

impl fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValue")
            .field("key", &String::from_utf8_lossy(&self.key))
            .field("value", &format_args!("{} bytes", self.value.len()))
            .field("create_revision", &self.create_revision)
            .field("mod_revision", &self.mod_revision)
            .field("version", &self.version)
            .field("lease", &self.lease)
            .finish()
    }
}
