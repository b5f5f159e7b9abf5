//! The etcd servers that tests share, each of which keeps to a namespace of its own.

use std::sync::OnceLock;

use crate::own_server::{OwnServer, binaries, pairs};

/// Their names and URLs: those that are running, or one that is started here.
pub(crate) fn servers() -> &'static [(String, String)] {
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
