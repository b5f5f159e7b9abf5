//! [`DatabaseBuilder`]: how to connect, and how transactions behave.

use std::path::PathBuf;
use std::time::Duration;

use txetcd_client::{Builder, Error, Result, error::Kind};

use super::Database;
use crate::engine::cache::feed::Chosen;
use crate::engine::{Engine, Options};
use crate::index::declaration::schema_of;
use crate::persist::Persist;

/// How to connect, and how transactions behave. `Debug` shows no password.
#[derive(Debug, Clone, Default)]
#[must_use = "finish it with .connect().await"]
pub struct DatabaseBuilder {
    client: Builder,
    engine: Options,
}

impl DatabaseBuilder {
    /// Where the store is; see [`Database::connect`].
    pub fn url(self, url: impl Into<String>) -> Self {
        self.client(|client| client.url(url))
    }

    /// Uses this embedded store, shared with whoever else has it, instead of a URL.
    #[cfg(feature = "embedded")]
    pub fn store(self, store: &txetcd_client::embedded::Store) -> Self {
        self.client(|client| client.store(store))
    }

    /// Authenticates with a user and password. Refused over `http://`, where anyone on the way can read the
    /// password, unless [`plaintext_password`](Self::plaintext_password) says that this is meant.
    pub fn user(self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.client(|client| client.user(name, password))
    }

    /// Allows a password to be sent over `http://`.
    pub fn plaintext_password(self, allowed: bool) -> Self {
        self.client(|client| client.plaintext_password(allowed))
    }

    /// Puts these bytes in front of every key, `"app1/"` for instance. Databases of different namespaces do not
    /// see each other, and a user of etcd needs rights on the namespace alone.
    pub fn namespace(self, prefix: impl Into<Vec<u8>>) -> Self {
        self.client(|client| client.namespace(prefix))
    }

    /// Refuses every write.
    pub fn read_only(self, read_only: bool) -> Self {
        self.client(|client| client.read_only(read_only))
    }

    /// How long connecting may take; 5 seconds unless said otherwise.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.client(|client| client.connect_timeout(timeout))
    }

    /// How long one request may take, repeats included; 10 seconds unless said otherwise.
    pub fn request_timeout(self, timeout: Duration) -> Self {
        self.client(|client| client.request_timeout(timeout))
    }

    /// Trusts the certificate authorities in this PEM file, and no others. Without it, those of the system.
    pub fn tls_ca(self, pem: impl Into<PathBuf>) -> Self {
        self.client(|client| client.tls_ca(pem))
    }

    /// Shows the server this certificate (PEM files of certificate and private key).
    pub fn tls_identity(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.client(|client| client.tls_identity(certificate, key))
    }

    /// Expects the server's certificate to be for this name instead of the URL's host.
    pub fn tls_domain(self, name: impl Into<String>) -> Self {
        self.client(|client| client.tls_domain(name))
    }

    /// Loses and delays requests, for tests.
    #[cfg(feature = "fault-injection")]
    pub fn faults(self, faults: std::sync::Arc<dyn txetcd_client::Faults>) -> Self {
        self.client(|client| client.faults(faults))
    }

    /// How long a transaction may take with all its attempts; 30 seconds unless said otherwise. Then
    /// `is_conflict`, or `is_timeout` if the store was what took so long.
    pub fn transaction_timeout(mut self, timeout: Duration) -> Self {
        self.engine.policy.timeout = timeout;
        self
    }

    /// How often a transaction is tried; without it, until its timeout.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.engine.policy.max_attempts = Some(attempts);
        self
    }

    /// The `--max-txn-ops` of the server, where it is not etcd's default, 128.
    pub fn max_txn_ops(mut self, ops: usize) -> Self {
        self.engine.limits.ops = ops;
        self
    }

    /// The `--max-request-bytes` of the server, where it is not etcd's default, 1.5 MiB.
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.engine.limits.bytes = bytes;
        self
    }

    /// The time to live of the lease on which this process's bookkeeping keys hang; 30 seconds unless said
    /// otherwise. They vanish that long after the process, at the latest.
    pub fn session_ttl(mut self, ttl: Duration) -> Self {
        self.engine.session_ttl = ttl;
        self
    }

    /// Keeps a copy of this table and its indexes in this process, as if it were declared with `#[pmap(cached)]`.
    ///
    /// The copy follows the store by a watch. A transaction of [`write`](Database::write) whose first read is of a cached
    /// table reads from the copy, and the store validates at the commit what was read: so a read-modify-write is one
    /// request instead of two, and transactions of this process that meet at a row do not wait for each other's
    /// commits. Without a copy that is up to date, after a connection was lost for instance, it is as if the table
    /// were not cached.
    pub fn cached<T: Persist>(mut self) -> Self {
        self.engine.cached.push(Chosen { place: T::PLACE, schema: schema_of::<T>() });
        self
    }

    /// How many bytes the keys and values of all cached tables may have; 256 MiB unless said otherwise. If they have
    /// more, the largest table is not cached any more.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.engine.cache_bytes = bytes;
        self
    }

    /// Whether transactions of this process that meet at a row may be applied in one revision, one after the other;
    /// `true` unless said otherwise. Then watches see only the last value of a row that several of them wrote. With
    /// `false` every transaction that writes a row is an event of its own.
    pub fn merge(mut self, merges: bool) -> Self {
        self.engine.merges = merges;
        self
    }

    /// A transaction that takes so long is logged, as a warning of `tracing`, with its tables, its attempts and the keys
    /// it had conflicts at; 1 second unless said otherwise. `Duration::MAX` logs none.
    pub fn slow_transaction(mut self, threshold: Duration) -> Self {
        self.engine.slow = threshold;
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// As [`Database::connect`]; [`Error::is_invalid_argument`] also for an option that cannot be used, such as
    /// a certificate file that is not there, and [`Error::is_unauthenticated`] for a wrong user or password.
    pub async fn connect(self) -> Result<Database> {
        if self.engine.limits.ops < 4 {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!(
                    "max_txn_ops({}) leaves no room for a transaction: etcd's default is 128",
                    self.engine.limits.ops
                ),
            ));
        }
        let client = self.client.connect().await?;
        Ok(Database::from_engine(Engine::new(client, self.engine)))
    }

    fn client(mut self, change: impl FnOnce(Builder) -> Builder) -> Self {
        self.client = change(self.client);
        self
    }
}
