//! Whatever of txetcd reads bytes from outside, each as a function that any bytes may be given to: a [`Target`].
//!
//! Two programs give them bytes. [`drive`] does so by a seed, on a stable compiler, in the tests and from the command
//! line; `libfuzzer/` does with `cargo fuzz`, which looks for bytes that take new paths. What is promised is said in the
//! targets alone.

pub mod drive;
mod mutate;
mod person;
mod row;
mod targets;

use fastrand::Rng;

pub use targets::TARGETS;

/// Something that reads bytes.
#[derive(Debug)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// The bytes of memory that it may take beyond what all may.
    pub memory: usize,
    /// Makes bytes that it accepts.
    pub valid: fn(&mut Rng) -> Vec<u8>,
    /// Tries any bytes. Panics if a promise is broken; gives whether the bytes were accepted.
    pub run: fn(&[u8]) -> bool,
}

/// The target of this name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("there is no target `{name}`"))
}
