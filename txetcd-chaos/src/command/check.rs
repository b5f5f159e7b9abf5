//! `check FILE`

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use txetcd_chaos::history;

#[derive(clap::Args)]
pub(crate) struct Check {
    /// The history: JSON lines
    file: PathBuf,
}

impl Check {
    pub(crate) fn execute(self) -> anyhow::Result<ExitCode> {
        let file = File::open(&self.file).with_context(|| self.file.display().to_string())?;
        let transactions =
            history::read(BufReader::new(file)).with_context(|| self.file.display().to_string())?;
        println!("{} transactions", transactions.len());
        Ok(ExitCode::SUCCESS)
    }
}
