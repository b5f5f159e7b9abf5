//! etcd servers that a test has for itself, and where they come from.
//!
//! Depends on nothing of this project, so that the tests of other packages can share it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

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

/// The pairs in `NAME=VALUE,NAME=VALUE`.
pub(crate) fn pairs(listed: &str) -> Vec<(String, String)> {
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
    pub(crate) fn start(binary: &Path, arguments: &[&str]) -> Self {
        Self::start_in(temporary_directory(), binary, arguments)
    }

    /// The same, with its data in this directory.
    pub(crate) fn start_in(directory: TempDir, binary: &Path, arguments: &[&str]) -> Self {
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
            .stdin(Stdio::piped())
            // It says so if the server has ended by itself.
            .stderr(Stdio::null());
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
