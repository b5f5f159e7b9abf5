//! A store on a socket: who may reach it, what ends with it, and the program that does the same.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use etcd_client::{Client, Error, GetOptions, WatchOptions};
use txetcd_embedded::{Store, serve, serve_exposed};

#[tokio::test]
async fn clients_on_a_socket_and_in_the_process_share_the_store() {
    let store = Store::memory().unwrap();
    let server = serve(&store, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    assert_ne!(server.address().port(), 0);
    let other = serve(&store, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut one = Client::connect([server.url()], None).await.unwrap();
    let mut two = Client::connect([other.url()], None).await.unwrap();
    one.put("a", vec![b'v'; 1_000_000], None).await.unwrap();
    assert_eq!(two.get("a", None).await.unwrap().kvs()[0].value().len(), 1_000_000);
    // Both are one store: the revision goes on.
    let header = two.put("b", "", None).await.unwrap().header().unwrap().clone();
    assert_eq!(header.revision(), 3);
}

#[tokio::test]
async fn other_machines_are_let_in_only_where_that_is_asked_for() {
    let store = Store::memory().unwrap();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let error = serve(&store, address.parse().unwrap()).await.unwrap_err();
        assert!(error.is_exposed(), "{address}: {error}");
        assert!(error.to_string().contains("encryption"), "{error}");
    }
    let server = serve_exposed(&store, "0.0.0.0:0".parse().unwrap()).await.unwrap();
    let url = format!("http://127.0.0.1:{}", server.address().port());
    Client::connect([url], None).await.unwrap().put("a", "", None).await.unwrap();
}

/// Clients that synchronize their endpoints connect to what the list of members says.
#[tokio::test]
async fn the_member_is_where_the_client_has_reached_it() {
    let store = Store::memory().unwrap();
    let server = serve_exposed(&store, "0.0.0.0:0".parse().unwrap()).await.unwrap();
    let url = format!("http://127.0.0.1:{}", server.address().port());
    let mut client = Client::connect([&url], None).await.unwrap();
    assert_eq!(client.member_list().await.unwrap().members()[0].client_urls(), [url]);
}

/// hyper lets a connection have 200 streams at once unless it is told otherwise, and more would wait for ever.
#[tokio::test]
async fn a_connection_carries_as_many_watches_as_it_likes() {
    let store = Store::memory().unwrap();
    let server = serve(&store, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut client = Client::connect([server.url()], None).await.unwrap();
    let mut watches = Vec::new();
    for _ in 0..500 {
        let watch = tokio::time::timeout(Duration::from_secs(30), client.watch("a", None)).await;
        watches.push(watch.expect("a stream of its own").unwrap());
    }
    client.put("a", "", None).await.unwrap();
    for watch in &mut watches {
        assert!(watch.message().await.unwrap().unwrap().created());
        assert_eq!(watch.message().await.unwrap().unwrap().events().len(), 1);
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let store = Store::memory().unwrap();
    let server = serve(&store, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = serve(&store, server.address()).await.unwrap_err();
    assert!(!error.is_exposed() && error.address() == server.address());
    assert!(error.to_string().contains(&server.address().to_string()), "{error}");
}

#[tokio::test]
async fn after_a_shutdown_the_store_is_free_although_a_watch_was_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let server = serve(&store, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut client = Client::connect([server.url()], None).await.unwrap();
    let mut watch = client.watch("a", Some(WatchOptions::new().with_prefix())).await.unwrap();
    assert!(watch.message().await.unwrap().unwrap().created());
    client.put("a", "", None).await.unwrap();
    assert_eq!(watch.message().await.unwrap().unwrap().events().len(), 1);

    server.shutdown().await;
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    assert!(!matches!(watch.message().await, Ok(Some(_))));
    assert!(matches!(client.get("a", None).await, Err(Error::GRpcStatus(_))));
    drop(store);
}

#[tokio::test]
async fn dropping_the_server_ends_it() {
    let store = Store::memory().unwrap();
    let server = serve(&store, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut client = Client::connect([server.url()], None).await.unwrap();
    client.put("a", "", None).await.unwrap();
    drop(server);
    let start = Instant::now();
    while client.get("a", Some(GetOptions::new())).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(5), "it still answers");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The example, which cargo builds beside the tests.
fn example() -> Command {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples").join(format!("serve{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "cargo builds the example only in a run of all tests, or with --examples");
    Command::new(path)
}

#[tokio::test]
async fn the_example_serves_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..2_i64 {
        let mut command = example();
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(directory.path()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        let mut client = Client::connect([url], None).await.unwrap();
        assert_eq!(client.get("a", None).await.unwrap().count(), round);
        client.put("a", "", None).await.unwrap();
        interrupt(&mut child);
        let status = child.wait().unwrap();
        assert!(status.success() || cfg!(not(unix)), "{status}");
    }
}

/// Ctrl-C, where there is a program to send it with.
fn interrupt(child: &mut std::process::Child) {
    let sent = cfg!(unix) && Command::new("kill").args(["-INT", &child.id().to_string()]).status().is_ok();
    if !sent {
        child.kill().unwrap();
    }
}

#[test]
fn the_example_says_what_is_wrong_with_its_arguments() {
    for (arguments, code, said) in [
        (&["--help"][..], 0, "Usage: serve"),
        (&[], 2, "--data is missing"),
        (&["--data", "memory"], 2, "--listen is missing"),
        (&["--data", "memory", "--listen", "localhost"], 2, "not `localhost`"),
        (&["--data"], 2, "--data needs a value"),
        (&["--port", "1"], 2, "`--port` is not understood"),
        (&["--data", "memory", "--listen", "0.0.0.0:0"], 1, "--expose"),
    ] {
        let output = example().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let text = [output.stdout, output.stderr].concat();
        assert!(String::from_utf8_lossy(&text).contains(said), "{arguments:?}: {text:?}");
    }
}
