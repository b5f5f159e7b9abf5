//! That no password, token, private key or stored value is shown: by an error or what it comes of, by `Debug`, or by the
//! log of any crate at any level. Each step is told a secret that is there once, and in the end all that was said is
//! searched for all of them.
//!
//! A program of its own, since the subscriber of `tracing` is the process's.

#[path = "../behaviour/own_server.rs"]
mod own_server;
#[path = "../behaviour/servers.rs"]
mod servers;

mod access;
mod client;
mod coordination;
mod damage;
mod secret;
mod tables;
mod told;

use txetcd::{Database, DatabaseBuilder, Uuid, embedded};

/// What connects to a namespace of its own.
async fn use_store(builder: DatabaseBuilder) {
    let builder = builder.namespace(format!("secrets-{}/", Uuid::new_v4()));
    told::listen();
    tables::run(&builder).await;
    damage::run(&builder).await;
    client::run(&builder).await;
    coordination::run(&builder).await;
    told::check_log(&[
        "conflict keys=[\"Safe (slot 11), key 0x00000001\"]",
        "slow transaction kind=\"write\"",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory() {
    use_store(Database::builder().store(&embedded::Store::memory().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_on_a_file_and_served() {
    let directory = own_server::temporary_directory();
    let store = embedded::Store::open(directory.path()).unwrap();
    let server = embedded::serve(&store, ([127, 0, 0, 1], 0).into()).await.unwrap();
    told::debug(&(&store, &server));
    use_store(Database::builder().url(server.url())).await;
    told::check_log(&["send frame=Data"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd() {
    for (name, url) in servers::servers() {
        println!("on etcd {name}");
        use_store(Database::builder().url(url)).await;
        told::check_log(&["send frame=Data"]);
    }
}
