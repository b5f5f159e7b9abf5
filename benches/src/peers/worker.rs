//! One process of a measurement: connects, says `ready`, begins when it is given a line, and ends with its report.

use std::io::Write;

use super::Result;
use super::by_hand::ByHand;
use super::drive::{Side, drive};
use super::job::{Job, Who};
use super::ours::Ours;
use super::sketch::Sketch;

/// Said when connected.
pub(crate) const READY: &str = "ready";

#[derive(clap::Args)]
pub(crate) struct Worker {
    #[arg(long)]
    who: Who,
    #[command(flatten)]
    job: Job,
}

impl Worker {
    pub(crate) async fn run(&self) -> Result<()> {
        let (endpoint, prefix) = (&self.job.endpoint, &self.job.prefix);
        match self.who {
            Who::Cached => work(&Ours::connect(endpoint, prefix, true).await?, &self.job).await,
            Who::Uncached => work(&Ours::connect(endpoint, prefix, false).await?, &self.job).await,
            Who::ByHand => work(&ByHand::connect(endpoint, prefix).await?, &self.job).await,
            Who::Sketch => work(&Sketch::connect(endpoint, prefix).await?, &self.job).await,
            Who::Stm => Err("the STM is a program of its own".into()),
        }
    }
}

async fn work<S: Side>(side: &S, job: &Job) -> Result<()> {
    say(READY)?;
    let waited = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    if waited.await?? == 0 {
        return Err("whoever started this process is gone".into());
    }
    say(&serde_json::to_string(&drive(side, job).await?)?)
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
