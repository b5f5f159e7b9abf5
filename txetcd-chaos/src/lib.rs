//! The proof behind txetcd's promises, which anyone can run.
//!
//! [`run`] starts a [`cluster`] of etcd, does to it whatever can happen to one, lets [`client`] processes do their
//! [`workload`]s meanwhile, and judges what they saw: list-append [`history`] by [`check`], the others by what must
//! always hold for them.
//!
//! [`simulate`] runs all of txetcd on one thread, in simulated time. [`teeth`] plants bugs, and sees whether they are
//! found.

pub mod check;
pub mod client;
mod clock;
pub mod cluster;
pub mod history;
pub mod record;
pub mod run;
pub mod simulate;
pub mod teeth;
pub mod workload;
