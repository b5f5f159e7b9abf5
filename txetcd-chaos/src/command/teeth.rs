//! `teeth`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use txetcd_chaos::teeth::{self, Bug};

#[derive(clap::Args)]
pub(crate) struct Teeth {
    /// Only bugs of these names
    bugs: Vec<String>,
    /// How many seconds each is looked for
    #[arg(long, default_value_t = teeth::LIMIT.as_secs())]
    seconds: u64,
}

impl Teeth {
    pub(crate) fn execute(self) -> anyhow::Result<ExitCode> {
        let bugs = self.bugs()?;
        teeth::a_wrong_history_is_refused()?;
        let build = teeth::build()?;
        println!("| planted | workload | first seed that fails | seconds | what told |");
        println!("| --- | --- | --- | --- | --- |");
        let mut hunts = Vec::new();
        for bug in bugs {
            let hunt = build.hunt(bug, Duration::from_secs(self.seconds))?;
            println!("{hunt}");
            hunts.push(hunt);
        }
        let passed = build.is_clean(&hunts)?;
        let missed = hunts.iter().filter(|hunt| hunt.found.is_none()).count();
        println!(
            "\n{} of {} found; without a bug, none of {passed} seeds fails; a history with a lost update is refused",
            hunts.len() - missed,
            hunts.len(),
        );
        Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn bugs(&self) -> anyhow::Result<Vec<Bug>> {
        if self.bugs.is_empty() {
            return Ok(Bug::ALL.to_vec());
        }
        let named = |name: &String| Bug::ALL.iter().copied().find(|bug| format!("{bug:?}") == *name);
        self.bugs.iter().map(|name| named(name).with_context(|| format!("there is no bug {name}"))).collect()
    }
}
