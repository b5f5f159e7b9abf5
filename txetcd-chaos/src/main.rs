//! `txetcd-chaos`: faults on a cluster, and the checker of what transactions saw meanwhile.
//!
//! Exit codes: 0 nothing found, 1 an anomaly, 2 it could not be decided, or something else went wrong.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod command;

#[derive(Parser)]
#[command(about = "Faults on a cluster, and the checker of what transactions saw meanwhile")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs clients on a cluster under faults, and judges what they saw
    Run(command::run::Run),
    /// Looks for anomalies in a history
    Check(command::check::Check),
    /// A client process of a run
    #[command(hide = true)]
    Client(command::client::Client),
    /// Runs transactions on one thread, in simulated time, under faults that come from seeds
    Simulate(command::simulate::Simulate),
    /// Plants one bug after the other, and looks for it
    Teeth(command::teeth::Teeth),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(run) => run.execute(),
        Command::Check(check) => check.execute(),
        Command::Client(client) => client.execute(),
        Command::Simulate(simulate) => simulate.execute(),
        Command::Teeth(teeth) => teeth.execute(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
