//! The proof behind txetcd's promises, which anyone can run.
//!
//! [`history`] is what the workloads write down, and what a checker of any make can read.

pub mod history;
