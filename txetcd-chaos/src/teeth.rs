//! Teeth: does the proof find what is wrong? One bug after the other is planted in the product, and looked for.
//!
//! The bugs are [`Bug`]s of the client, which only a build of its own has: [`build`] makes it beside the usual one. Each
//! bug has a process that simulates one seed after the other until one of them fails. Two canaries keep that honest: the
//! same build without a bug must pass all seeds that were needed, and a history that is wrong must be refused.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum as _;
pub use txetcd_core::client::teeth::Bug;
use txetcd_core::client::teeth::PLANTED;

use crate::check::check;
use crate::history::{Op, Transaction};
use crate::simulate::Workload;

/// How long a bug is looked for.
pub const LIMIT: Duration = Duration::from_secs(60);

/// More seeds than a process gets through.
const SEEDS: u64 = 1_000_000;

/// Where a bug shows most. What is not named here shows soon wherever it is.
fn only(bug: Bug) -> Option<Workload> {
    match bug {
        Bug::VersionGuards | Bug::UnitsMeet => Some(Workload::Unique),
        Bug::NoGenerations | Bug::DisturbanceForgotten => Some(Workload::Phantom),
        Bug::WitnessesIgnored => Some(Workload::Append),
        Bug::UnseenWrites => Some(Workload::Bank),
        Bug::StoreBesideVersions | Bug::UnseenComesFirst => Some(Workload::Trail),
        _ => None,
    }
}

/// A program that can have bugs.
#[derive(Debug, Clone)]
pub struct Build(PathBuf);

/// What came of looking for a bug.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// What was planted.
    pub bug: Bug,
    /// How long it took.
    pub took: Duration,
    /// `None` if it was not found in time.
    pub found: Option<Found>,
}

/// What told of a bug.
#[derive(Debug, Clone)]
pub struct Found {
    /// The first seed that failed.
    pub seed: u64,
    /// What was seen first in it.
    pub what: String,
}

/// Builds this program with bugs that can be planted, in `target/teeth` of the workspace.
///
/// # Errors
/// If it cannot be built.
pub fn build() -> anyhow::Result<Build> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
    let target = workspace.join("target").join("teeth");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default() + " --cfg txetcd_teeth";
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "txetcd-chaos", "--profile", "teeth", "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", flags)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(workspace)
        .status()
        .context("cargo")?;
    ensure!(built.success(), "the program with bugs could not be built");
    Ok(Build(target.join("teeth").join(format!("txetcd-chaos{}", std::env::consts::EXE_SUFFIX))))
}

impl Build {
    /// Plants a bug, and simulates seeds on one core until one fails, or the time is over.
    ///
    /// # Errors
    /// If the program cannot be run, or ends without a word.
    pub fn hunt(&self, bug: Bug, limit: Duration) -> anyhow::Result<Hunt> {
        let began = Instant::now();
        let mut program = self.simulate(SEEDS, 1, only(bug));
        program.arg("--first").env(PLANTED, format!("{bug:?}"));
        let mut running = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let ended = ends_within(&mut running, limit)?;
        let took = began.elapsed();
        let mut told = String::new();
        if let Some(stderr) = &mut running.stderr {
            stderr.read_to_string(&mut told)?;
        }
        let found =
            if ended { Some(Found::parse(&told).with_context(|| format!("{bug:?}: {told}"))?) } else { None };
        Ok(Hunt { bug, took, found })
    }

    /// The program's canary: without a bug it must pass all seeds that were needed to find those bugs. Says how many
    /// they were.
    ///
    /// # Errors
    /// If one of them fails.
    pub fn is_clean(&self, hunts: &[Hunt]) -> anyhow::Result<u64> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut needed: BTreeMap<Option<Workload>, u64> = BTreeMap::new();
        for Hunt { bug, found, .. } in hunts {
            let seeds = found.as_ref().map_or(0, |found| found.seed + 1);
            let most = needed.entry(only(*bug)).or_default();
            *most = seeds.max(*most);
        }
        for (only, seeds) in &needed {
            let status =
                self.simulate(*seeds, cores, *only).env_remove(PLANTED).stdout(Stdio::null()).status()?;
            ensure!(status.success(), "the program fails though no bug is planted in it");
        }
        Ok(needed.values().sum())
    }

    fn simulate(&self, seeds: u64, threads: usize, only: Option<Workload>) -> Command {
        let mut program = Command::new(&self.0);
        program.args(["simulate", "--seeds", &seeds.to_string(), "--threads", &threads.to_string()]);
        if let Some(only) = only.and_then(|only| only.to_possible_value()) {
            program.args(["--only", only.get_name()]);
        }
        program
    }
}

/// Waits for a process to end. One that does not is killed.
fn ends_within(running: &mut Child, limit: Duration) -> anyhow::Result<bool> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if running.try_wait()?.is_some() {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(10));
    }
    running.kill()?;
    running.wait()?;
    Ok(false)
}

impl Found {
    /// From what `simulate` says of the first seed that fails: a line with the seed, and then what was seen.
    fn parse(told: &str) -> Option<Self> {
        let mut lines = told.lines();
        let seed = lines.find_map(|line| line.strip_prefix("seed ")?.split_once(':'))?.0.parse().ok()?;
        let what = lines.next().unwrap_or_default().trim().to_owned();
        Some(Self { seed, what })
    }
}

/// The checker's canary: a history in which an update was lost.
///
/// # Errors
/// If the checker takes it for valid.
pub fn a_wrong_history_is_refused() -> anyhow::Result<()> {
    let append = |process, element| Transaction {
        process,
        index: process,
        start_ns: 0,
        end_ns: 10,
        ok: Some(true),
        ops: vec![Op::Read(1, None), Op::Append(1, element)],
    };
    let history = [append(0, 1), append(1, 2)];
    match check(&history) {
        Ok(report) if report.is_valid() => bail!("the checker takes a history with a lost update for valid"),
        Ok(_) => Ok(()),
        Err(undecided) => bail!("the checker cannot decide on a history with a lost update: {undecided}"),
    }
}

impl fmt::Display for Hunt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bug, took, found } = self;
        let value = only(*bug).and_then(|only| only.to_possible_value());
        let by = value.map_or("any".to_owned(), |value| value.get_name().to_owned());
        let (seed, what) = match found {
            Some(found) => (found.seed.to_string(), &*found.what),
            None => (String::new(), "NOT FOUND"),
        };
        let what: String = what.chars().take(100).collect();
        write!(formatter, "| {bug:?}: {} | {by} | {seed} | {:.1} | {what} |", bug.what(), took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, a_wrong_history_is_refused};

    #[test]
    fn the_checker_refuses_its_canary() {
        a_wrong_history_is_refused().unwrap();
    }

    #[test]
    fn what_a_simulation_tells_is_read() {
        let told = "seed 17: Settings { .. }\n  at 3s: the sum\n  at 4s: it again\n  again: cargo run\n";
        let Found { seed, what } = Found::parse(told).unwrap();
        assert_eq!((seed, &*what), (17, "at 3s: the sum"));
        assert!(Found::parse("thread 'main' panicked").is_none());
    }
}
