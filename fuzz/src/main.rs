//! Drives the targets on a stable compiler, without an engine to install.
//!
//! `cargo run --release -p txetcd-fuzz -- [INPUTS] [SEED] [TARGET...]` gives each target so many inputs, and ends with
//! the first that breaks a promise. `cargo run --release -p txetcd-fuzz -- corpus DIRECTORY` writes some that are valid,
//! a folder for each target, for `cargo fuzz` to begin with.

use std::path::Path;
use std::process::ExitCode;

use fastrand::Rng;
use peak_alloc::PeakAlloc;
use txetcd_fuzz::{TARGETS, Target, drive};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Valid inputs of each target in a corpus.
const SEEDS: u64 = 100;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments[..] {
        [command, directory] if command == "corpus" => corpus(directory.as_ref()),
        _ => drive_all(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn drive_all(arguments: &[String]) -> Result<(), String> {
    let number = |at: usize, default| match arguments.get(at) {
        Some(text) => text.parse::<u64>().map_err(|_| format!("{text} is not a number")),
        None => Ok(default),
    };
    let (inputs, seed) = (number(0, 1_000_000)?, number(1, 1)?);
    let wanted: Vec<&'static Target> = match arguments.get(2..) {
        Some(names) if !names.is_empty() => names.iter().map(|name| named(name)).collect::<Result<_, _>>()?,
        _ => TARGETS.iter().collect(),
    };
    for target in wanted {
        println!("{}", drive::drive(target, inputs, seed, &MEMORY)?);
    }
    Ok(())
}

fn named(name: &str) -> Result<&'static Target, String> {
    TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        format!("there is no target `{name}`, but {}", names.join(", "))
    })
}

fn corpus(directory: &Path) -> Result<(), String> {
    let write = |target: &Target| {
        let directory = directory.join(target.name);
        std::fs::create_dir_all(&directory)?;
        (0..SEEDS).try_for_each(|seed| {
            let valid = (target.valid)(&mut Rng::with_seed(seed));
            std::fs::write(directory.join(format!("valid-{seed}")), valid)
        })
    };
    TARGETS.iter().try_for_each(write).map_err(|error| format!("{}: {error}", directory.display()))
}
