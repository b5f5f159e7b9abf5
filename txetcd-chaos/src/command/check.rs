//! `check FILE [--svg OUT]`

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use txetcd_chaos::{check, history};

#[derive(clap::Args)]
pub(crate) struct Check {
    /// The history: JSON lines
    file: PathBuf,
    /// Where to draw the first cycle that is found
    #[arg(long)]
    svg: Option<PathBuf>,
}

impl Check {
    pub(crate) fn execute(self) -> anyhow::Result<ExitCode> {
        let named = || self.file.display().to_string();
        let file = File::open(&self.file).with_context(named)?;
        let history = history::read(BufReader::new(file)).with_context(named)?;
        if history.is_empty() {
            bail!("{}: there is no transaction in it", named());
        }
        let report = check::check(&history)?;
        print!("{report}");
        if let Some((path, svg)) = self.svg.zip(report.svg()) {
            fs::write(&path, svg).with_context(|| path.display().to_string())?;
        }
        Ok(if report.is_valid() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
