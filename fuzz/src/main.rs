//! Drives every decoder of txetcd with mutated valid bytes and with random ones.
//!
//! `cargo run --release -p txetcd-fuzz -- [ITERATIONS] [SEED] [TARGET...]`. An iteration fails if the target panics or
//! if it takes memory out of proportion to its input; the input is then printed. The same seed gives the same inputs, on a
//! stable compiler and without an engine to install.

mod mutate;
mod person;
mod row;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use fastrand::Rng;
use peak_alloc::PeakAlloc;

use targets::{TARGETS, Target};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What an input may take beyond its share: serde reserves a mebibyte for a collection whose length is declared.
const MEMORY_BASE: usize = 8 << 20;
/// What a byte of input may take.
const MEMORY_A_BYTE: usize = 1024;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let number = |argument: Option<String>, default: u64| match argument {
        Some(argument) => argument.parse().unwrap_or_else(|_| panic!("{argument} is not a number")),
        None => default,
    };
    let iterations = number(arguments.next(), 1_000_000);
    let seed = number(arguments.next(), 1);
    let wanted: Vec<String> = arguments.collect();
    for target in
        TARGETS.iter().filter(|target| wanted.is_empty() || wanted.iter().any(|name| name == target.name))
    {
        if let Err(finding) = run(target, iterations, seed) {
            eprintln!("{}: {finding}", target.name);
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(target: &Target, iterations: u64, seed: u64) -> Result<(), String> {
    let since = Instant::now();
    let mut rng = Rng::with_seed(seed);
    let mut accepted = 0_u64;
    let mut peak = 0;
    for iteration in 0..iterations {
        let valid = if rng.u8(..) < 192 { (target.valid)(&mut rng) } else { mutate::random(&mut rng) };
        let input = if iteration % 64 == 0 { valid } else { mutate::mutate(valid, &mut rng) };
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        let taken = MEMORY.peak_usage().saturating_sub(before);
        let allowed = target.memory + MEMORY_BASE + MEMORY_A_BYTE * input.len();
        peak = peak.max(taken);
        let finding = match outcome {
            Ok(_) if taken > allowed => format!("took {taken} bytes of memory for {} of input", input.len()),
            Ok(decoded) => {
                accepted += u64::from(decoded);
                continue;
            }
            Err(_) => "panicked".to_owned(),
        };
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        return Err(format!("iteration {iteration} of seed {seed} {finding}; input: {hex}"));
    }
    println!(
        "{:12} {iterations} inputs, {accepted} of them valid, {} KiB of memory at most, {:.1} s",
        target.name,
        peak >> 10,
        since.elapsed().as_secs_f32()
    );
    Ok(())
}
