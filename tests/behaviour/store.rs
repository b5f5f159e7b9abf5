//! The stores that the tests run on.

use std::fmt;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;
use txetcd::{Database, DatabaseBuilder, Persist, Uuid, embedded};

/// Makes of each function one test on memory, one on a file, and one on all etcd servers.
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
        Self { place, namespace: format!("test-{}/", Uuid::new_v4()) }
    }

    /// A connection of its own, as another process would have it.
    pub(crate) fn builder(&self) -> DatabaseBuilder {
        let builder = Database::builder().namespace(self.namespace.as_str());
        match &self.place {
            Place::Embedded { store, .. } => builder.store(store),
            Place::Server { url, .. } => builder.url(url),
        }
    }

    pub(crate) async fn connect(&self) -> Database {
        self.builder().connect().await.expect("a connection")
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

/// A directory that is removed when it is dropped, and by `cargo xtask test` in any case.
pub(crate) fn temporary_directory() -> TempDir {
    match std::env::var_os("TXETCD_TEST_TMP") {
        Some(base) => tempfile::tempdir_in(base),
        None => tempfile::tempdir(),
    }
    .expect("a temporary directory")
}

/// The etcd programs that a test may start servers of its own with: names and paths, at least one.
pub(crate) fn binaries() -> Vec<(String, PathBuf)> {
    match std::env::var("TXETCD_TEST_BINARIES") {
        Ok(listed) => pairs(&listed).into_iter().map(|(name, path)| (name, path.into())).collect(),
        Err(_) => vec![("on the PATH".to_owned(), "etcd".into())],
    }
}

fn servers() -> &'static [(String, String)] {
    static SERVERS: OnceLock<Vec<(String, String)>> = OnceLock::new();
    static STARTED: OnceLock<OwnServer> = OnceLock::new();
    SERVERS.get_or_init(|| match std::env::var("TXETCD_TEST_SERVERS") {
        Ok(listed) => pairs(&listed),
        Err(_) => {
            let server = STARTED.get_or_init(|| OwnServer::start(&binaries()[0].1, &[]));
            vec![("on the PATH".to_owned(), server.url())]
        }
    })
}

fn pairs(listed: &str) -> Vec<(String, String)> {
    listed
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A server that a test has for itself. Ends when it is dropped, and with the test's process in any case.
pub(crate) struct OwnServer {
    shell: Child,
    port: u16,
    secure: bool,
    _directory: TempDir,
}

impl OwnServer {
    /// Starts a server and waits until it answers. With arguments for TLS, it is an `https` server.
    pub(crate) fn start(binary: &std::path::Path, arguments: &[&str]) -> Self {
        let directory = temporary_directory();
        let secure = arguments.iter().any(|argument| argument.starts_with("--cert-file"));
        let [port, peer_port] = free_ports();
        let scheme = if secure { "https" } else { "http" };
        let client_url = format!("{scheme}://127.0.0.1:{port}");
        let peer_url = format!("http://127.0.0.1:{peer_port}");
        // The shell kills the server when its input ends, which it does with this process.
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "\"$@\" >/dev/null 2>&1 & cat >/dev/null; kill -9 $!; wait", "sh"])
            .arg(binary)
            .args(["--name", "own", "--data-dir"])
            .arg(directory.path().join("data"))
            .args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url])
            .args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url])
            .args(["--initial-cluster", &format!("own={peer_url}")])
            .args(arguments)
            .stdin(Stdio::piped());
        let shell = shell.spawn().expect("a shell to start etcd with");
        let server = Self { shell, port, secure, _directory: directory };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                // It listens a moment before it serves.
                std::thread::sleep(Duration::from_millis(500));
                return server;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "{} did not start: run `cargo xtask test`, which gets etcd, or put an etcd on the PATH",
            binary.display()
        );
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}
