//! A session of `etcdctl` against a store on a socket.
//!
//! Runs with each `etcdctl` that `TXETCD_TEST_ETCDCTL` names (separated as in PATH), and says so where none
//! is named. `TXETCD_TEST_PERF` adds `check perf`, which takes a minute.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use txetcd_embedded::{Server, Store, serve};

/// The clients to test with.
fn clients() -> Vec<PathBuf> {
    let list = std::env::var_os("TXETCD_TEST_ETCDCTL").unwrap_or_default();
    std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// One `etcdctl` and the server that it talks to.
struct Session {
    program: PathBuf,
    endpoint: String,
}

impl Session {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ETCD")) {
            command.env_remove(name);
        }
        command.args(["--endpoints", &self.endpoint]).args(arguments);
        command
    }

    /// What it prints, both streams, when given `input`.
    fn feed(&self, arguments: &[&str], input: &str) -> (bool, String) {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let (success, text) = self.feed(arguments, "");
        assert!(success, "{} {arguments:?}: {text}", self.program.display());
        text
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let (success, text) = self.feed(arguments, "");
        assert!(!success, "{} {arguments:?}: {text}", self.program.display());
        text
    }

    /// Starts a command that goes on, with its output.
    fn start(&self, arguments: &[&str]) -> (Child, impl Iterator<Item = String> + use<>) {
        let mut child = self.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        (child, lines)
    }
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn etcdctl_is_served_as_etcd_serves_it() {
    let clients = clients();
    if clients.is_empty() {
        println!("not run: TXETCD_TEST_ETCDCTL names no etcdctl; `cargo xtask test` provides some");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for program in clients {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path().join("store")).unwrap();
        let server: Server = runtime.block_on(serve(&store, "127.0.0.1:0".parse().unwrap())).unwrap();
        let session = Session { program, endpoint: server.address().to_string() };
        println!("{}", session.run(&["version"]).lines().next().unwrap());
        keys(&session);
        transactions(&session);
        watches(&session);
        leases(&session);
        compaction(&session);
        locks_and_elections(&session);
        maintenance(&session, directory.path());
        runtime.block_on(server.shutdown());
    }
}

fn keys(session: &Session) {
    assert_eq!(session.run(&["put", "a", "1"]), "OK\n");
    assert_eq!(session.run(&["put", "--prev-kv", "a", "2"]), "OK\na\n1\n");
    session.run(&["put", "b", "3"]);
    assert_eq!(session.run(&["get", "a"]), "a\n2\n");
    assert_eq!(session.run(&["get", "--prefix", "", "--order", "DESCEND", "--keys-only"]), "b\n\na\n\n");
    assert_eq!(session.run(&["get", "a", "c", "--limit", "1", "--print-value-only"]), "2\n");
    assert_eq!(session.run(&["get", "a", "--rev", "2"]), "a\n1\n");
    assert!(session.fails(&["get", "a", "--rev", "99"]).contains("required revision is a future revision"));
    let json = session.run(&["get", "a", "-w", "json"]);
    assert!(json.contains("\"mod_revision\":3") && json.contains("\"version\":2"), "{json}");
    assert_eq!(session.run(&["del", "--prev-kv", "b"]), "1\nb\n3\n");
    assert_eq!(session.run(&["del", "b"]), "0\n");
}

fn transactions(session: &Session) {
    let txn = "value(\"a\") = \"2\"\n\nput t yes\nget a\n\nput t no\n\n";
    let (success, text) = session.feed(&["txn"], txn);
    assert!(success && text.contains("SUCCESS") && text.contains("a\n2"), "{text}");
    assert_eq!(session.run(&["get", "t", "--print-value-only"]), "yes\n");
    let (success, text) = session.feed(&["txn"], "mod(\"a\") > \"99\"\n\nput t yes\n\nput t no\n\n");
    assert!(success && text.contains("FAILURE"), "{text}");
    assert_eq!(session.run(&["get", "t", "--print-value-only"]), "no\n");
    let (success, text) = session.feed(&["txn"], "\nput t 1\nput t 2\n\n\n");
    assert!(!success && text.contains("duplicate key given in txn request"), "{text}");
}

fn watches(session: &Session) {
    session.run(&["put", "w1", "before"]);
    let revision = revision(session).to_string();
    let (child, lines) = session.start(&["watch", "--prefix", "w", "--rev", &revision, "--prev-kv"]);
    session.run(&["put", "w1", "after"]);
    session.run(&["del", "w1"]);
    let told: Vec<String> = lines.take(12).collect();
    assert_eq!(
        told,
        ["PUT", "w1", "before", "PUT", "w1", "before", "w1", "after", "DELETE", "w1", "after", "w1"]
    );
    end(child);
}

fn leases(session: &Session) {
    let granted = session.run(&["lease", "grant", "500"]);
    let id = granted.split(' ').nth(1).unwrap();
    assert!(granted.contains("granted with TTL(500s)"), "{granted}");
    session.run(&["put", "--lease", id, "leased", "v"]);
    let left = session.run(&["lease", "timetolive", id, "--keys"]);
    assert!(left.contains("granted with TTL(500s)") && left.contains("leased"), "{left}");
    assert!(session.run(&["lease", "keep-alive", "--once", id]).contains("keepalived with TTL(500)"));
    assert!(session.run(&["lease", "list"]).contains(id));
    assert!(session.run(&["lease", "revoke", id]).contains("revoked"));
    assert_eq!(session.run(&["get", "leased"]), "");
    assert!(session.fails(&["lease", "revoke", id]).contains("requested lease not found"));
    assert!(session.fails(&["put", "--lease", id, "leased", "v"]).contains("requested lease not found"));
}

fn compaction(session: &Session) {
    let revision = revision(session);
    let text = session.run(&["compact", "--physical", &revision.to_string()]);
    assert!(text.contains(&format!("compacted revision {revision}")), "{text}");
    let before = (revision - 1).to_string();
    assert!(session.fails(&["get", "a", "--rev", &before]).contains("has been compacted"));
    assert!(session.fails(&["compact", &before]).contains("has been compacted"));
    let (child, lines) = session.start(&["watch", "a", "--rev", "2"]);
    // It ends with the revision from which on it could go on.
    assert_eq!(lines.count(), 0);
    assert!(!child.wait_with_output().unwrap().status.success());
}

fn locks_and_elections(session: &Session) {
    assert_eq!(session.run(&["lock", "l", "echo", "held"]), "held\n");
    let (first, mut key) = session.start(&["lock", "l"]);
    let key = key.next().unwrap();
    assert!(key.starts_with("l/"), "{key}");
    assert_eq!(session.run(&["get", "--prefix", "l/", "--keys-only"]).trim(), key);
    let (second, mut waiting) = session.start(&["lock", "l", "echo", "next"]);
    interrupt(first);
    assert_eq!(waiting.next().unwrap(), "next");
    assert!(second.wait_with_output().unwrap().status.success());

    let (leader, mut lines) = session.start(&["elect", "e", "me"]);
    let key = lines.next().unwrap();
    assert!(key.starts_with("e/"), "{key}");
    assert_eq!(lines.next().unwrap(), "me");
    let (observer, mut observed) = session.start(&["elect", "--listen", "e"]);
    assert_eq!((observed.next().unwrap(), observed.next().unwrap()), (key, "me".to_owned()));
    end(observer);
    interrupt(leader);
}

fn maintenance(session: &Session, directory: &Path) {
    if std::env::var_os("TXETCD_TEST_PERF").is_some() {
        let perf = session.run(&["check", "perf", "--load", "s"]);
        assert!(perf.contains("Throughput is") && perf.contains("PASS"), "{perf}");
    }
    let status = session.run(&["endpoint", "status", "-w", "table"]);
    assert!(
        status.contains(&session.endpoint) && status.contains("true") && status.contains("3.7.0"),
        "{status}"
    );
    assert!(session.run(&["endpoint", "health"]).contains("is healthy"));
    assert!(session.run(&["endpoint", "hashkv"]).contains(&session.endpoint));
    let members = session.run(&["member", "list"]);
    assert!(members.contains("started") && members.contains(&session.endpoint), "{members}");
    // Which asks those members.
    assert!(session.run(&["endpoint", "health", "--cluster"]).contains("is healthy"));
    assert_eq!(session.run(&["alarm", "list"]), "");
    assert!(session.run(&["defrag"]).contains("Finished defragmenting"));

    let snapshot = directory.join("snapshot");
    let arguments = ["snapshot", "save", snapshot.to_str().unwrap()];
    assert!(session.run(&arguments).to_lowercase().contains("snapshot"));
    let restored = directory.join("restored");
    Store::restore(&snapshot, &restored).unwrap();
    drop(Store::open(&restored).unwrap());
    assert!(session.fails(&["user", "add", "u:p"]).contains("authentication is not enabled"));
}

fn revision(session: &Session) -> i64 {
    let json = session.run(&["get", "nothing", "-w", "json"]);
    let (_, rest) = json.split_once("\"revision\":").unwrap();
    rest.split(|other: char| !other.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// Ctrl-C, on which `etcdctl` gives up what it holds.
fn interrupt(mut child: Child) {
    let id = OsString::from(child.id().to_string());
    assert!(Command::new("kill").arg("-INT").arg(id).status().unwrap().success());
    child.wait().unwrap();
}
