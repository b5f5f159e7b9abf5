//! [`Clients`]: the client processes of a run, and what is done to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Plan, STOP, TTL};
use crate::cluster::{Cluster, MEMBERS};
use crate::record::Records;

/// The time between two of these faults, on average.
const PAUSE: Duration = Duration::from_secs(4);

/// Client processes. They end when this is dropped.
pub(crate) struct Clients {
    running: Vec<(Plan, Child)>,
    urls: Vec<String>,
    directory: PathBuf,
    seed: u64,
    started: u64,
    /// The numbers of those that were paused for longer than their leases last, and of those that were killed.
    troubled: BTreeSet<u64>,
    suffered: BTreeMap<String, u64>,
    failed: Vec<String>,
}

impl Clients {
    pub(crate) fn start(
        cluster: &Cluster,
        directory: &Path,
        seed: u64,
        count: usize,
    ) -> anyhow::Result<Self> {
        let urls = (0..MEMBERS).map(|member| cluster.url(member)).collect();
        let mut clients = Self {
            running: Vec::new(),
            urls,
            directory: directory.to_owned(),
            seed,
            started: 0,
            troubled: BTreeSet::new(),
            suffered: BTreeMap::new(),
            failed: Vec::new(),
        };
        for _ in 0..count {
            let next = clients.next()?;
            clients.running.push(next);
        }
        Ok(clients)
    }

    /// Another process of this program.
    fn next(&mut self) -> anyhow::Result<(Plan, Child)> {
        self.started += 1;
        let number = self.started;
        let plan = Plan {
            number,
            url: self.urls[number as usize % self.urls.len()].clone(),
            seed: self.seed * 1_000_000 + number * 1000,
            record: self.record(number),
        };
        let mut command = Command::new(std::env::current_exe().context("this program")?);
        command.arg("client").arg(serde_json::to_string(&plan)?).stdin(Stdio::piped());
        Ok((plan, command.spawn().context("a client process")?))
    }

    fn record(&self, number: u64) -> PathBuf {
        self.directory.join(format!("client-{number}"))
    }

    /// Pauses and kills processes until the end.
    pub(crate) async fn suffer(&mut self, mut random: Rng, end: Instant) -> anyhow::Result<()> {
        loop {
            tokio::time::sleep(PAUSE.mul_f64(random.f64() + 0.5)).await;
            if Instant::now() >= end {
                return Ok(());
            }
            let at = random.usize(..self.running.len());
            let (plan, child) = &mut self.running[at];
            let number = plan.number;
            if let Some(status) = child.try_wait()? {
                self.failed.push(format!("client {number} ended by itself: {status}"));
                let next = self.next()?;
                self.running[at] = next;
                continue;
            }
            let trouble = TROUBLES[random.usize(..TROUBLES.len())];
            println!("client {number} is {trouble}");
            match trouble {
                Trouble::Killed => {
                    child.kill()?;
                    child.wait()?;
                    let next = self.next()?;
                    self.running[at] = next;
                }
                Trouble::Paused => {
                    pause(child, Duration::from_millis(random.u64(500..4000))).await?;
                }
                Trouble::PausedForLong => {
                    pause(child, TTL + Duration::from_millis(random.u64(500..3000))).await?;
                }
            }
            if trouble != Trouble::Paused {
                self.troubled.insert(number);
            }
            *self.suffered.entry(format!("client {trouble}")).or_default() += 1;
        }
    }

    /// Lets all processes come to an end. Tells of those that do not in time, or end badly.
    pub(crate) async fn stop(&mut self, patience: Duration) -> Vec<String> {
        for (_, child) in &mut self.running {
            // One that has ended is told of below.
            let _ = child.stdin.as_mut().map(|input| writeln!(input, "{STOP}"));
        }
        let end = Instant::now() + patience;
        for (plan, child) in &mut self.running {
            let number = plan.number;
            let status = loop {
                match child.try_wait() {
                    Ok(None) if Instant::now() < end => tokio::time::sleep(Duration::from_millis(50)).await,
                    status => break status,
                }
            };
            match status {
                Ok(Some(status)) if status.success() => {}
                Ok(Some(status)) => self.failed.push(format!("client {number} failed: {status}")),
                _ => self.failed.push(format!("client {number} does not come to an end without faults")),
            }
        }
        std::mem::take(&mut self.failed)
    }

    /// What all of them have written down.
    pub(crate) fn records(&self) -> anyhow::Result<Records> {
        let mut records = Records::default();
        for number in 1..=self.started {
            let path = self.record(number);
            // One that was killed at once has not begun.
            if path.exists() {
                records.add(&path).with_context(|| path.display().to_string())?;
            }
        }
        Ok(records)
    }

    /// Whether a process may have left transactions of unknown outcome: it was killed, or stood still for longer than
    /// its lease.
    pub(crate) fn is_troubled(&self, worker: u64) -> bool {
        self.troubled.contains(&(worker / 100))
    }

    /// What was done to them.
    pub(crate) fn suffered(&self) -> BTreeMap<String, u64> {
        self.suffered.clone()
    }
}

/// What is done to a client process.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    /// Killed, in the middle of its commits.
    Killed,
    /// Stopped (SIGSTOP), and continued before its lease can have expired.
    Paused,
    /// The same, after its lease has expired.
    PausedForLong,
}

const TROUBLES: [Trouble; 4] = [Trouble::Killed, Trouble::Paused, Trouble::Paused, Trouble::PausedForLong];

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Killed => "killed",
            Self::Paused => "paused",
            Self::PausedForLong => "paused beyond its lease",
        })
    }
}

async fn pause(child: &Child, lasts: Duration) -> anyhow::Result<()> {
    let process = Pid::from_child(child);
    kill_process(process, Signal::STOP)?;
    tokio::time::sleep(lasts).await;
    kill_process(process, Signal::CONT)?;
    Ok(())
}

impl Drop for Clients {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
