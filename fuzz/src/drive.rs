//! Gives a target bytes by a seed: damaged valid ones, and random ones. The same seed gives the same inputs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fastrand::Rng;
use peak_alloc::PeakAlloc;

use crate::{Target, mutate};

/// What an input may take beyond its share: serde reserves a mebibyte for a collection whose length is declared.
const MEMORY_BASE: usize = 8 << 20;
/// What a byte of input may take.
const MEMORY_A_BYTE: usize = 1024;

/// What came of a target that kept its promises.
#[derive(Debug)]
pub struct Summary {
    target: &'static str,
    inputs: u64,
    /// How many of them were accepted.
    pub accepted: u64,
    peak: usize,
    took: Duration,
}

/// Gives the target so many inputs. `memory` is the program's allocator.
///
/// # Errors
/// The input that made the target panic, or take memory out of proportion.
pub fn drive(target: &'static Target, inputs: u64, seed: u64, memory: &PeakAlloc) -> Result<Summary, String> {
    let since = Instant::now();
    let mut rng = Rng::with_seed(seed);
    let mut accepted = 0_u64;
    let mut peak = 0;
    for iteration in 0..inputs {
        let valid = if rng.u8(..) < 192 { (target.valid)(&mut rng) } else { mutate::random(&mut rng) };
        let input = if iteration % 64 == 0 { valid } else { mutate::mutate(valid, &mut rng) };
        memory.reset_peak_usage();
        let before = memory.current_usage();
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
        let taken = memory.peak_usage().saturating_sub(before);
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
        let name = target.name;
        return Err(format!("{name}: iteration {iteration} of seed {seed} {finding}; input: {hex}"));
    }
    Ok(Summary { target: target.name, inputs, accepted, peak, took: since.elapsed() })
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, inputs, accepted, peak, took } = self;
        write!(
            f,
            "{target:12} {inputs} inputs, {accepted} of them valid, {} KiB of memory at most, {:.1} s",
            peak >> 10,
            took.as_secs_f32()
        )
    }
}
