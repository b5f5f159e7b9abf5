//! The stores that the tests run on.

use std::fmt;

use tempfile::TempDir;
use txetcd::{Database, DatabaseBuilder, Persist, Uuid, embedded};

use crate::own_server::{OwnServer, binaries, temporary_directory};
use crate::servers::servers;

/// Makes of each function one test on memory, one on memory with cached tables, one on a file, and one on all etcd
/// servers.
macro_rules! stores {
    ($($(#[$meta:meta])* async fn $name:ident($store:ident) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn on($store: &$crate::store::Store) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn memory() {
                on(&$crate::store::Store::memory()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn cached() {
                on(&$crate::store::Store::cached()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                on(&$crate::store::Store::embedded()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn etcd() {
                for store in $crate::store::Store::servers() {
                    println!("on {store:?}");
                    on(&store).await;
                }
            }
        }
    )*};
}

/// The row of most tests.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 1)]
pub(crate) struct User {
    #[pmap(key)]
    pub(crate) name: String,
    pub(crate) age: u32,
}

pub(crate) fn user(name: &str, age: u32) -> User {
    User { name: name.to_owned(), age }
}

/// An account of the bank tests, and the row of whatever needs a number under a number.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 2)]
pub(crate) struct Account {
    #[pmap(key)]
    pub(crate) id: u32,
    pub(crate) balance: i64,
}

/// A row of any size.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 3)]
pub(crate) struct Blob {
    #[pmap(key)]
    pub(crate) id: u32,
    pub(crate) bytes: String,
}

/// A place of its own in a store: no test sees another one's rows.
pub(crate) struct Store {
    place: Place,
    namespace: String,
    /// Whether the connections cache tables.
    pub(crate) is_cached: bool,
}

enum Place {
    Embedded { store: embedded::Store, _directory: Option<TempDir> },
    Server { name: String, url: String },
}

impl Store {
    pub(crate) fn memory() -> Self {
        let store = embedded::Store::memory().expect("a store in memory");
        Self::new(Place::Embedded { store, _directory: None })
    }

    pub(crate) fn cached() -> Self {
        Self { is_cached: true, ..Self::memory() }
    }

    pub(crate) fn embedded() -> Self {
        let directory = temporary_directory();
        let store = embedded::Store::open(directory.path()).expect("a store on a file");
        Self::new(Place::Embedded { store, _directory: Some(directory) })
    }

    /// One on each server.
    pub(crate) fn servers() -> Vec<Self> {
        servers()
            .iter()
            .map(|(name, url)| Self::new(Place::Server { name: name.clone(), url: url.clone() }))
            .collect()
    }

    fn new(place: Place) -> Self {
        Self { place, namespace: format!("test-{}/", Uuid::new_v4()), is_cached: false }
    }

    /// A connection of its own, as another process would have it.
    pub(crate) fn builder(&self) -> DatabaseBuilder {
        let mut builder = Database::builder().namespace(self.namespace.as_str());
        if self.is_cached {
            builder = builder.cached::<User>().cached::<Account>().cached::<Blob>();
        }
        match &self.place {
            Place::Embedded { store, .. } => builder.store(store),
            Place::Server { url, .. } => builder.url(url),
        }
    }

    pub(crate) async fn connect(&self) -> Database {
        self.builder().connect().await.expect("a connection")
    }

    /// Where another process finds a server's store: the URL and the namespace.
    pub(crate) fn address(&self) -> Option<(&str, &str)> {
        match &self.place {
            Place::Server { url, .. } => Some((url, &self.namespace)),
            Place::Embedded { .. } => None,
        }
    }

    /// Several connections, as several processes would have them.
    pub(crate) async fn connect_many(&self, count: usize) -> Vec<Database> {
        let mut databases = Vec::new();
        for _ in 0..count {
            databases.push(self.connect().await);
        }
        databases
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Embedded { _directory: None, .. } => f.write_str("memory"),
            Place::Embedded { .. } => f.write_str("embedded"),
            Place::Server { name, .. } => write!(f, "etcd {name}"),
        }
    }
}

/// Runs a test on stores that it has for itself, because it compacts them: their URLs, one after the other.
pub(crate) async fn on_stores_of_their_own(test: impl AsyncFn(&Database, &str)) {
    let store = embedded::Store::memory().expect("a store in memory");
    let address = ([127, 0, 0, 1], 0).into();
    let server = embedded::serve(&store, address).await.expect("a served store");
    println!("on the embedded store");
    test(&Database::connect(server.url()).await.unwrap(), &server.url()).await;
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let server = OwnServer::start(&binary, &[]);
        test(&Database::connect(server.url()).await.unwrap(), &server.url()).await;
    }
}

/// Forgets what was before a revision.
pub(crate) async fn compact(url: &str, revision: i64) {
    let mut etcd = etcd_client::Client::connect([url], None).await.unwrap();
    etcd.compact(revision, None).await.unwrap();
}
