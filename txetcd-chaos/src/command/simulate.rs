//! `simulate --seeds N`

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum as _;
use rustix::time::{ClockId, clock_gettime};
use txetcd_chaos::history;
use txetcd_chaos::simulate::{Run, Workload, simulate};

/// A run takes milliseconds. One during which this program has worked for so long never ends.
const WORKS: Duration = Duration::from_secs(120);
/// Nor does one that takes so long. It may be that the machine does something else.
const WAITS: Duration = Duration::from_secs(1_200);

/// How often it is said how far it is.
const REPORT: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Simulate {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Threads, each of which runs one seed after the other; as many as there are cores, if it is not said
    #[arg(long)]
    threads: Option<usize>,
    /// What all transactions do; otherwise each seed says it
    #[arg(long)]
    only: Option<Workload>,
    /// Ends with the first seed that fails
    #[arg(long)]
    first: bool,
    /// Prints every call of the transport
    #[arg(long)]
    trace: bool,
    /// Writes the history of the last seed to this file
    #[arg(long)]
    history: Option<PathBuf>,
}

/// What the runs came to.
#[derive(Default)]
struct Total {
    runs: AtomicU64,
    failed: AtomicU64,
    transactions: AtomicU64,
    unknown: AtomicU64,
    calls: AtomicU64,
    faults: AtomicU64,
    milliseconds: AtomicU64,
}

/// The run of a thread, from its beginning on.
#[derive(Clone, Copy)]
struct Begun {
    seed: u64,
    at: Instant,
    /// For how long the processor had [`worked`] for this program.
    worked: Duration,
}

type Running = Mutex<Option<Begun>>;

impl Simulate {
    pub(crate) fn execute(self) -> anyhow::Result<ExitCode> {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<Running> =
            (0..self.threads.unwrap_or_else(cores).max(1)).map(|_| Mutex::default()).collect();
        let (next, total, started) = (AtomicU64::new(0), Total::default(), Instant::now());
        let written = thread::scope(|scope| {
            let work = |running| self.work(running, &next, &total);
            let workers: Vec<_> = threads.iter().map(|running| scope.spawn(move || work(running))).collect();
            let mut reported = Instant::now();
            while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
                thread::sleep(Duration::from_millis(20));
                threads.iter().for_each(|running| stop_if_it_hangs(running, self.only));
                if reported.elapsed() >= REPORT {
                    reported = Instant::now();
                    total.print(started.elapsed());
                }
            }
            workers.into_iter().try_for_each(|worker| worker.join().expect("its panics are caught"))
        });
        written?;
        total.print(started.elapsed());
        let failed = total.failed.load(Ordering::Relaxed);
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    fn work(&self, running: &Running, next: &AtomicU64, total: &Total) -> anyhow::Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let enough = self.first && total.failed.load(Ordering::Relaxed) > 0;
            if number >= self.seeds || enough {
                return Ok(());
            }
            let seed = self.seed + number;
            *lock(running) = Some(Begun { seed, at: Instant::now(), worked: worked() });
            let run = catch_unwind(AssertUnwindSafe(|| simulate(seed, self.only)));
            *lock(running) = None;
            let Ok(run) = run else {
                total.failed.fetch_add(1, Ordering::Relaxed);
                eprintln!("seed {seed}: it panicked\n  {}", replay(seed, self.only));
                continue;
            };
            total.add(seed, self.only, &run);
            if self.trace {
                run.trace.iter().for_each(|call| println!("{call:?}"));
            }
            if let Some(path) = self.history.as_deref().filter(|_| number + 1 == self.seeds) {
                write(path, &run).with_context(|| path.display().to_string())?;
            }
        }
    }
}

impl Total {
    fn add(&self, seed: u64, only: Option<Workload>, run: &Run) {
        let add = |total: &AtomicU64, more| total.fetch_add(more, Ordering::Relaxed);
        add(&self.runs, 1);
        add(&self.transactions, run.transactions);
        add(&self.unknown, run.unknown);
        add(&self.calls, run.trace.len() as u64);
        add(&self.faults, run.faults());
        add(&self.milliseconds, u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX));
        if run.violations.is_empty() {
            return;
        }
        add(&self.failed, 1);
        let violations = run.violations.join("\n  ");
        eprintln!("seed {seed}: {}\n  {violations}\n  {}", run.settings, replay(seed, only));
    }

    fn print(&self, took: Duration) {
        let of = |total: &AtomicU64| total.load(Ordering::Relaxed);
        let runs = of(&self.runs);
        println!(
            "{runs} seeds ({:.0} a minute), {} failed: {} transactions, {} unknown, {} calls, {} faults, {} simulated seconds",
            runs as f64 * 60.0 / took.as_secs_f64(),
            of(&self.failed),
            of(&self.transactions),
            of(&self.unknown),
            of(&self.calls),
            of(&self.faults),
            of(&self.milliseconds) / 1_000,
        );
    }
}

fn replay(seed: u64, only: Option<Workload>) -> String {
    let only = only.and_then(|only| only.to_possible_value());
    let only = only.map(|only| format!(" --only {}", only.get_name())).unwrap_or_default();
    format!("again: cargo run --release -p txetcd-chaos -- simulate --seeds 1 --seed {seed}{only} --trace")
}

fn write(path: &Path, run: &Run) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    run.history.iter().try_for_each(|transaction| history::write(&mut file, transaction))?;
    file.flush()
}

fn lock(running: &Running) -> MutexGuard<'_, Option<Begun>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For how long the processor has worked for this program.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Nothing else can be done about a thread that does not come back.
fn stop_if_it_hangs(running: &Running, only: Option<Workload>) {
    let running = *lock(running);
    if let Some(Begun { seed, at, worked: before }) = running
        && (worked() - before >= WORKS || at.elapsed() >= WAITS)
    {
        let took = at.elapsed().as_secs();
        eprintln!("seed {seed}: it has not ended for {took} s\n  {}", replay(seed, only));
        std::process::exit(1);
    }
}
