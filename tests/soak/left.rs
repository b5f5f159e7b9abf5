//! [`Left`]: what there is of a program, in its process and at its store.

use std::time::Duration;

use txetcd::{Client, KeySet};

/// Longer than anything takes to go away that nobody holds any more.
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    tasks: usize,
    leases: usize,
    /// Keys of locks, queues, lanes and so on.
    keys: u64,
    /// Watches that the server knows of; those of the embedded store are tasks.
    watches: Option<String>,
}

impl Left {
    /// Whether this is no more than that. A task may have been about to end.
    pub(crate) fn is_within(&self, wanted: &Self) -> bool {
        self.tasks <= wanted.tasks && Self { tasks: wanted.tasks, ..self.clone() } == *wanted
    }
}

/// Looks at it from outside.
pub(crate) struct Observer {
    client: Client,
    leases: etcd_client::Client,
    /// Where etcd tells its metrics.
    metrics: Option<String>,
}

impl Observer {
    pub(crate) async fn of(url: &str) -> Self {
        Self {
            client: Client::connect(url).await.unwrap(),
            leases: etcd_client::Client::connect([url], None).await.unwrap(),
            metrics: None,
        }
    }

    /// Also looks at what etcd itself tells of its watches.
    pub(crate) async fn of_etcd(url: &str) -> Self {
        let metrics = url.strip_prefix("http://").map(str::to_owned);
        Self { metrics, ..Self::of(url).await }
    }

    /// What there is, once it is within what is `wanted`, or does not become so; or, if nothing is said, once it stays.
    pub(crate) async fn settled(&self, wanted: Option<&Left>) -> Left {
        let since = tokio::time::Instant::now();
        let mut before = self.look().await;
        loop {
            tokio::time::sleep(Duration::from_millis(if wanted.is_some() { 20 } else { 500 })).await;
            let left = self.look().await;
            let is_settled = wanted.map_or(left == before, |wanted| left.is_within(wanted));
            if is_settled || since.elapsed() > LONG {
                return left;
            }
            before = left;
        }
    }

    async fn look(&self) -> Left {
        let own = self.client.get(KeySet::prefix([0xff, 0xff])).count_only().await.unwrap();
        Left {
            leases: self.leases.clone().leases().await.unwrap().leases().len(),
            keys: own.count(),
            watches: match &self.metrics {
                Some(address) => Some(watches(address).await),
                None => None,
            },
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        }
    }
}

/// The line of etcd's metrics that says how many watches there are.
async fn watches(address: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let line = answer.lines().find(|line| line.starts_with("etcd_debugging_mvcc_watcher_total "));
    line.expect("etcd tells how many watches it has").to_owned()
}
