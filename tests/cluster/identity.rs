//! Another store at the address of the one that was connected to is noticed, for good.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use tempfile::TempDir;
use txetcd::codec::Utf8;
use txetcd::{Client, Database, Error, PMap};

use crate::member::{Member, free_port};
use crate::own_server::{binaries, temporary_directory};

const NAMES: PMap<u32, String, Utf8> = PMap::at(1);

/// A server of one member on these ports, with data of its own. Its cluster id follows from its peer URL.
fn server(binary: &Path, port: u16, peer_port: u16) -> (Member, TempDir) {
    let directory = temporary_directory();
    let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer_port}"));
    let arguments = [
        ("--name", "one".to_owned()),
        ("--data-dir", directory.path().join("data").to_str().expect("a plain path").to_owned()),
        ("--listen-client-urls", client.clone()),
        ("--advertise-client-urls", client),
        ("--listen-peer-urls", peer.clone()),
        ("--initial-advertise-peer-urls", peer.clone()),
        ("--initial-cluster", format!("one={peer}")),
    ];
    let arguments = arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
    (Member::new(binary, arguments), directory)
}

/// What the client says first that is not about the connection.
async fn answer(client: &Client) -> Result<(), Error> {
    loop {
        match client.get("a").await {
            Err(error) if error.is_unavailable() || error.is_timeout() => {}
            Err(error) => return Err(error),
            Ok(_) => return Ok(()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_noticed(same_cluster_id: bool, says: &str) {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let (port, peer_port) = (free_port(), free_port());
        let (mut first, _data) = server(&binary, port, peer_port);
        let (mut other, _other_data) =
            server(&binary, port, if same_cluster_id { peer_port } else { free_port() });
        first.start();
        let url = format!("http://127.0.0.1:{port}");
        let client = loop {
            if let Ok(client) = Client::connect(&url).await {
                break client;
            }
        };
        for _ in 0..10 {
            client.put("a", "1").await.unwrap();
        }
        let mut changes = client.watch("a").stream().await.unwrap();
        first.kill();
        other.start();
        let error = answer(&client).await.unwrap_err();
        assert!(error.is_store_changed() && error.to_string().contains(says), "{error:?}");
        let watched = changes.next().await.unwrap().unwrap_err();
        assert!(watched.is_store_changed(), "{watched:?}");
        assert!(changes.next().await.is_none());
        // Nothing is written to the other store, and the client does not come back.
        assert!(client.put("a", "2").await.unwrap_err().is_store_changed());
        other.kill();
        first.start();
        assert!(answer(&client).await.unwrap_err().is_store_changed());
        let client = loop {
            if let Ok(client) = Client::connect(&url).await {
                break client;
            }
        };
        assert_eq!(client.get("a").await.unwrap().first().unwrap().value(), b"1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_is_noticed() {
    is_noticed(false, "belongs to cluster").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_lost_its_data_is_noticed() {
    is_noticed(true, "restored from a backup").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_of_two_clusters_are_noticed_when_the_first_fails() {
    for (name, binary) in binaries() {
        println!("on etcd {name}");
        let [port, other_port] = [free_port(), free_port()];
        let (mut first, _data) = server(&binary, port, free_port());
        let (mut other, _other_data) = server(&binary, other_port, free_port());
        first.start();
        other.start();
        let [url, other_url] = [port, other_port].map(|port| format!("http://127.0.0.1:{port}"));
        // Of the other one, too, the client asks whether it is there.
        while Client::connect(&url).await.is_err() || Client::connect(&other_url).await.is_err() {}
        let db = Database::connect(format!("{url},{other_url}")).await.unwrap();
        assert_eq!(db.client().endpoint(), url);
        let live = NAMES.live(&db).await.unwrap();
        let session = db.client().session(Duration::from_secs(60)).await.unwrap();
        first.kill();
        let error = answer(db.client()).await.unwrap_err();
        assert!(error.is_store_changed() && error.to_string().contains(&other_url), "{error:?}");
        // All that hangs on the client ends with it.
        let ended = live.wait_for(i64::MAX).await.unwrap_err();
        assert!(ended.is_store_changed() && live.get(&1).unwrap_err().is_store_changed(), "{ended:?}");
        let error = db.client().lock("jobs").acquire(&session).await.unwrap_err();
        assert!(error.is_store_changed(), "{error:?}");
        let error = db.write(async |txn| NAMES.put(txn, &1, &"one".to_owned())).await.unwrap_err();
        assert!(error.is_store_changed(), "{error:?}");
        let other = Client::connect(&other_url).await.unwrap();
        assert_eq!(other.get(txetcd::KeySet::all()).await.unwrap().count(), 0, "nothing was written to it");
    }
}
