//! Rows and the catalogue, exchanged with Python over etcd, both ways.
//!
//! Python runs beside the test in a virtual environment with the `zlmdb` and `cbor2` whose bytes the vectors have. It
//! encodes and decodes by their own code, and puts and gets by the JSON form of etcd's API, so that nothing of this
//! project stands between Python and etcd. Under `cargo xtask test` it must be there; without, the tests are left out if
//! there is no `python3` or no network. The servers are those of `tests/behaviour`.

#[path = "../../txetcd-core/tests/pmap/neutral.rs"]
mod neutral;
#[path = "../behaviour/own_server.rs"]
mod own_server;
#[path = "../behaviour/servers.rs"]
mod servers;

mod catalogue;
mod maps;
mod python;

use txetcd::{Database, Uuid};

use python::Python;

/// Calls it for each server, with a connection and a Python in the same empty namespace.
async fn on_each_server(exchange: impl AsyncFn(Database, Python)) {
    let Some(interpreter) = python::interpreter() else { return };
    for (version, url) in servers::servers() {
        println!("on etcd {version}");
        let namespace = format!("test-{}/", Uuid::new_v4());
        let builder = Database::builder().url(url).namespace(namespace.as_str());
        let db = builder.connect().await.expect("a connection");
        exchange(db, Python::start(&interpreter, url, &namespace)).await;
    }
}
