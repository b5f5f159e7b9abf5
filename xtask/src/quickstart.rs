//! `cargo xtask quickstart`: the example, on a machine that has only Rust.

use std::process::{Command, ExitCode};

use crate::{
    error::{Error, Result},
    path, protoc,
};

/// Builds and runs the example with this program's terminal; its exit code becomes this program's.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    let mut command = Command::new(path::cargo());
    command.arg("run").arg("--manifest-path").arg(path::workspace().join("Cargo.toml"));
    command.args(["--package", "txetcd", "--example", "quickstart", "--"]).args(args);
    command.env("PROTOC", protoc::find()?);
    become_it(command).map_err(|error| Error::failed(format!("cannot run cargo: {error}")))
}

/// On Unix cargo takes this program's place, and so signals and the exit code need no care.
#[cfg(unix)]
fn become_it(mut command: Command) -> std::io::Result<ExitCode> {
    Err(std::os::unix::process::CommandExt::exec(&mut command))
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> std::io::Result<ExitCode> {
    command.status().map(crate::suite::exit_code)
}
