//! `cargo run --release -p txetcd-bench -- peers`: transactions of txetcd beside those of its peers.
//!
//! This file reads the command line; all else is in `peers`. What is measured in the process alone, encoding and scans,
//! are benches of their own.

mod peers;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(about = "What txetcd costs beside its peers")]
enum Command {
    /// Compares transactions with a loop by hand on `etcd-client` and with the STM of etcd's Go client.
    Peers(peers::Options),
    /// One process of such a measurement.
    #[command(hide = true)]
    Worker(peers::worker::Worker),
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Command::parse() {
        Command::Peers(options) => peers::run(options).await,
        Command::Worker(worker) => worker.run().await.map(|()| ExitCode::SUCCESS),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("txetcd-bench: {error}");
        ExitCode::FAILURE
    })
}
