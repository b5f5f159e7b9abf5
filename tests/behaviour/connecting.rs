//! Connecting, and what goes wrong with it.

use std::time::{Duration, Instant};

use crate::store::{User, user};
use txetcd::{Database, Error};

async fn refused(url: &str) -> Error {
    Database::connect(url).await.map(drop).expect_err(url)
}

#[tokio::test]
async fn a_url_that_cannot_be_used_is_explained() {
    for (url, says) in [
        ("localhost:2379", "http://localhost:2379"),
        ("127.0.0.1:2379", "no scheme"),
        ("redis://localhost", "`redis` is not known"),
        ("http://a:1,b:2", "`b:2` has no scheme"),
        ("http://user:hunter2@localhost:2379", "builder()"),
        ("http://", "URL"),
        ("", "empty"),
        ("embedded:", "directory"),
    ] {
        let error = refused(url).await;
        assert!(error.is_invalid_argument(), "{url}: {error:?}");
        assert!(error.to_string().contains(says), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let error = Database::builder().connect().await.unwrap_err();
    assert!(error.is_invalid_argument() && error.to_string().contains("url"), "{error}");
}

#[tokio::test]
async fn an_unreachable_server_is_named_within_the_connect_timeout() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    for endpoint in ["http://127.0.0.1:1", &silent] {
        let began = Instant::now();
        let builder = Database::builder().url(endpoint).connect_timeout(Duration::from_millis(500));
        let error = builder.connect().await.unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
        assert!(error.to_string().contains(endpoint), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_password_does_not_travel_in_plain_text() {
    let builder = Database::builder().url("http://127.0.0.1:1").user("root", "hunter2");
    assert!(!format!("{builder:?}").contains("hunter2"));
    let error = builder.clone().connect().await.unwrap_err();
    assert!(error.is_invalid_argument() && error.to_string().contains("plaintext_password"), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    // Told that it is meant, it goes on to the server, which is not there.
    let builder = builder.plaintext_password(true).connect_timeout(Duration::from_millis(300));
    assert!(builder.connect().await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn tls_files_that_cannot_be_used_are_named() {
    let directory = crate::own_server::temporary_directory();
    let not_pem = directory.path().join("not.pem");
    std::fs::write(&not_pem, "hunter2").unwrap();
    let absent = directory.path().join("absent.pem");
    for (file, says) in [(&absent, "cannot be read"), (&not_pem, "must be PEM")] {
        let builder = Database::builder().url("https://127.0.0.1:1").tls_ca(file);
        let error = builder.connect().await.unwrap_err();
        assert!(error.is_invalid_argument(), "{error:?}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(says) && shown.contains(&file.display().to_string()), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn an_embedded_store_has_no_users() {
    let error = Database::builder().url("memory:").user("root", "hunter2").connect().await.unwrap_err();
    assert!(error.is_invalid_argument() && error.to_string().contains("no users"), "{error}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let directory = crate::own_server::temporary_directory();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let url = format!("embedded:{}", file.join("data").display());
    let error = refused(&url).await;
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

stores! {
    async fn namespaces_are_apart(store) {
        let one = store.builder().namespace("apart-1/").connect().await.unwrap();
        let two = store.builder().namespace("apart-2/").connect().await.unwrap();
        let users = User::table();
        for (db, age) in [(&one, 1), (&two, 2)] {
            db.write(async |txn| {
                users.truncate(txn).await?;
                users.put(txn, &user("a", age))
            })
            .await
            .unwrap();
        }
        assert_eq!(one.read(async |txn| users.all(txn).collect().await).await.unwrap(), [user("a", 1)]);
        one.write(async |txn| users.truncate(txn).await).await.unwrap();
        assert_eq!(two.read(async |txn| users.all(txn).collect().await).await.unwrap(), [user("a", 2)]);
    }

    async fn status_and_stats_tell_what_happened(store) {
        let db = store.connect().await;
        let before = db.status().await.unwrap();
        db.write(async |txn| User::table().put(txn, &user("a", 1))).await.unwrap();
        let after = db.status().await.unwrap();
        assert!(after.revision() > before.revision());
        assert_eq!(after.cluster_id(), before.cluster_id());
        assert!(!after.endpoint().is_empty());
        let stats = db.stats();
        assert_eq!((stats.transactions, stats.retries, stats.conflicts), (1, 0, 0));
        assert!(stats.requests >= 3 && stats.bytes_sent > 0 && stats.bytes_received > 0, "{stats:?}");
    }
}
