//! `client PLAN`, which `run` starts.

use std::process::ExitCode;

use anyhow::Context as _;
use txetcd_chaos::client;

#[derive(clap::Args)]
pub(crate) struct Client {
    /// What to do, as JSON
    plan: String,
}

impl Client {
    pub(crate) fn execute(self) -> anyhow::Result<ExitCode> {
        let plan = serde_json::from_str(&self.plan).context("the plan")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let ended = runtime.block_on(client::run(plan));
        // Somebody is still reading the standard input, which may go on for ever.
        runtime.shutdown_background();
        ended?;
        Ok(ExitCode::SUCCESS)
    }
}
