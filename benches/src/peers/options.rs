//! [`Options`]: the command line.

use std::path::PathBuf;

use clap::ValueEnum;

use super::job::{Who, Workload};
use super::measure::Cell;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only these workloads
    #[arg(long, value_delimiter = ',')]
    pub(super) workload: Vec<Workload>,
    /// Only these
    #[arg(long, value_delimiter = ',')]
    pub(super) who: Vec<Who>,
    /// How many transactions at a time, in each process
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64, 256, 1024])]
    pub(super) in_flight: Vec<u32>,
    /// How many processes
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4])]
    pub(super) processes: Vec<u32>,
    /// How often everyone is measured in turn; the median counts
    #[arg(long, default_value_t = 1)]
    pub(super) rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 1.5)]
    pub(super) seconds: f64,
    /// Seconds before each that do not count
    #[arg(long, default_value_t = 0.5)]
    pub(super) warm_up: f64,
    /// A look at everything: 1 and 64 in flight, half a second each
    #[arg(long, conflicts_with_all = ["in_flight", "seconds", "warm_up"])]
    quick: bool,
    /// The etcd to start, instead of the newest that `cargo xtask etcd` gets
    #[arg(long)]
    pub(super) etcd: Option<PathBuf>,
    /// Where etcd writes, instead of the system's temporary folder
    #[arg(long)]
    pub(super) data_dir: Option<PathBuf>,
    /// Writes the figures into this file
    #[arg(long)]
    pub(super) json: Option<PathBuf>,
    /// Draws them into this file
    #[arg(long)]
    pub(super) svg: Option<PathBuf>,
    /// Fails unless the ratios are reached that the project asks for
    #[arg(long)]
    pub(super) require: bool,
}

impl Options {
    /// With what `quick` and empty lists stand for.
    pub(super) fn completed(mut self) -> Self {
        if self.quick {
            (self.in_flight, self.seconds, self.warm_up) = (vec![1, 64], 0.5, 0.2);
        }
        if self.workload.is_empty() {
            self.workload = Workload::value_variants().to_vec();
        }
        if self.who.is_empty() {
            self.who = Who::value_variants().to_vec();
        }
        self
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = Cell> {
        self.workload.iter().flat_map(move |&workload| {
            self.processes.iter().flat_map(move |&processes| {
                self.in_flight.iter().map(move |&in_flight| Cell { workload, processes, in_flight })
            })
        })
    }
}
