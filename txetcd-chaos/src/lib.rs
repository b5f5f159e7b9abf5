//! The proof behind txetcd's promises, which anyone can run.
//!
//! [`history`] is what the workloads write down, and what a checker of any make can read. [`check`] judges it.
//! [`simulate`] runs all of txetcd on one thread, in simulated time.

pub mod check;
pub mod history;
pub mod simulate;
