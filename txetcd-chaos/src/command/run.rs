//! `run --seconds N --seed S --history FILE`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use txetcd_chaos::run::{self, Options};

#[derive(clap::Args)]
pub(crate) struct Run {
    /// How long faults are done
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where all choices come from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write the history: JSON lines
    #[arg(long)]
    history: PathBuf,
    /// Which etcd: its version, or the beginning of that, or its path; the newest there is
    #[arg(long)]
    server: Option<String>,
    /// How many client processes there are at a time
    #[arg(long, default_value_t = 3)]
    clients: usize,
    /// How many seconds a fault lasts at most
    #[arg(long, default_value_t = 4)]
    longest: u64,
    /// Where to draw the first cycle that is found
    #[arg(long)]
    svg: Option<PathBuf>,
}

impl Run {
    pub(crate) fn execute(self) -> anyhow::Result<ExitCode> {
        let options = Options {
            seconds: self.seconds,
            seed: self.seed,
            history: self.history,
            server: run::find(self.server.as_deref())?,
            clients: self.clients,
            longest: Duration::from_secs(self.longest),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let verdict = runtime.block_on(run::run(&options))?;
        print!("{verdict}");
        if let Some((path, svg)) = self.svg.as_ref().zip(verdict.svg()) {
            fs::write(path, svg).with_context(|| path.display().to_string())?;
        }
        Ok(if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
