//! A run: a cluster, its faults, the clients, and the verdict.
//!
//! First a phase with faults, then one without in which everybody must come to an end. Then what was written down is
//! judged, beside what the store holds.

mod clients;
mod server;
mod verdict;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::cluster::{Cluster, FAULTS, Mix, Nemesis, Rates};
use crate::workload::{bank, phantom};

use clients::Clients;

pub use server::{Server, find};
pub use verdict::Verdict;

/// How often history is compacted.
const COMPACTION: Duration = Duration::from_millis(200);
/// How long everybody may take to come to an end when there are no more faults.
const PATIENCE: Duration = Duration::from_secs(120);

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long faults are done.
    pub seconds: u64,
    /// Where all choices come from. What happens also depends on time, so a seed does not repeat a run exactly.
    pub seed: u64,
    /// Where the history is written: JSON lines.
    pub history: PathBuf,
    /// The server.
    pub server: Server,
    /// How many client processes there are at a time.
    pub clients: usize,
    /// How long a fault lasts at most.
    pub longest: Duration,
}

/// Runs it.
///
/// # Errors
///
/// If something else than what is under test went wrong, so that there is no verdict.
///
/// # Panics
///
/// If the cluster does not come up.
pub async fn run(options: &Options) -> anyhow::Result<Verdict> {
    println!("etcd {}, seed {}, {} s", options.server, options.seed, options.seconds);
    let mix = Arc::new(Mix::new(options.seed, Rates::default()));
    let mut cluster = Cluster::start(&options.server.binary, directory()?, Some(mix.clone())).await;
    let direct: Vec<_> = (0..crate::cluster::MEMBERS).map(|member| cluster.direct_url(member)).collect();
    let db = crate::client::builder(&direct.join(",")).connect().await?;
    bank::open(&db).await?;
    phantom::open(&db).await?;

    let records = directory()?;
    let mut clients = Clients::start(&cluster, records.path(), options.seed, options.clients)?;
    let compaction = cluster.compacting(COMPACTION);
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let (struck, ()) = tokio::try_join!(
        strike(&mut cluster, options, end),
        clients.suffer(Rng::with_seed(options.seed), end)
    )?;
    compaction.abort();
    mix.off();
    println!("no more faults");
    let unfinished = clients.stop(PATIENCE).await;
    let mut verdict =
        verdict::judge(&db, clients.records()?, &options.history, |worker| clients.is_troubled(worker))
            .await?;
    verdict.wrong.extend(unfinished);
    verdict.faults = struck;
    verdict.faults.extend(clients.suffered());
    verdict.requests = mix.met();
    if !verdict.is_clean() {
        println!("what the clients wrote down is in {}", records.keep().display());
    }
    Ok(verdict)
}

/// Does faults to the members until the end, and tells how many of each.
async fn strike(
    cluster: &mut Cluster,
    options: &Options,
    end: Instant,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut nemesis = Nemesis::new(options.seed, options.longest, &FAULTS);
    let mut struck = BTreeMap::new();
    while Instant::now() < end {
        let fault = nemesis.strike(cluster).await;
        *struck.entry(format!("{fault:?}")).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok(struck)
}

/// A directory for data that need not outlive the run.
fn directory() -> std::io::Result<tempfile::TempDir> {
    match std::env::var_os("TXETCD_TEST_TMP") {
        Some(base) => tempfile::tempdir_in(base),
        None => tempfile::tempdir(),
    }
}
