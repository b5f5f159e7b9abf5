//! The project's own commands: `cargo xtask help`.
//!
//! This file reads the command line and hands over; each command has a file of its own. The package
//! is built without `protoc`, so it may not depend on `etcd-client` or on the library.

mod cleanup;
mod error;
mod etcd;
mod guard;
mod path;
mod protoc;
mod quickstart;
mod servers;
mod suite;
mod version;

use std::process::ExitCode;

use error::{Error, Result};

const USAGE: &str = "\
The project's own commands.

    cargo xtask quickstart [-- ARGS]
        Builds and runs examples/quickstart.rs. A missing protoc is provided.
        TXETCD_URL=http://127.0.0.1:2379 lets it run on an etcd of yours.

    cargo xtask test [--any-etcd] [-- ARGS]
        Gets real etcd servers, one old (3.4), a 3.5 and the newest that can be had, starts them on
        free loopback ports and runs every test of the workspace. ARGS go to `cargo test`.
        --any-etcd   is content with one of these servers.

    cargo xtask etcd [--list | --newest]
        Gets the same servers and prints a line VERSION=PATH for each.
        --list       prints only what is here already, and gets nothing.
        --newest     gets only the newest, and prints its path.

    cargo xtask protoc
        Prints the path of the protoc that the commands above use.

    cargo xtask help
        Prints this text.

Environment:
    TXETCD_ETCD    etcd binaries to use, separated as in PATH; all of them are used
    TXETCD_CACHE   folder in which etcd servers are kept; by default `txetcd` in the user's cache folder
    PROTOC         the protoc to use
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match cleanup::listen().and_then(|()| dispatch(&args)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            error.code()
        }
    }
}

/// Runs the command that `args` (without the program's name) ask for.
fn dispatch(args: &[String]) -> Result<ExitCode> {
    let (own, handed_on) = split(args);
    let Some((command, options)) = own.split_first() else {
        return Err(Error::usage(format!("which command?\n\n{USAGE}")));
    };
    let command = command.as_str();
    let option = |known: &[&str]| match options.iter().find(|given| !known.contains(&given.as_str())) {
        Some(other) => Err(Error::usage(format!("`{command}` does not know `{other}`\n\n{USAGE}"))),
        None => Ok(!options.is_empty()),
    };
    if !handed_on.is_empty() && !matches!(command, "quickstart" | "test") {
        return Err(Error::usage(format!("`{command}` takes nothing after `--`\n\n{USAGE}")));
    }
    match command {
        "quickstart" => {
            option(&[])?;
            quickstart::run(handed_on)
        }
        "test" => suite::run(option(&["--any-etcd"])?, handed_on),
        "etcd" if options == ["--newest"] => etcd::print_newest(),
        "etcd" => etcd::print(option(&["--list"])?),
        "protoc" => {
            option(&[])?;
            println!("{}", protoc::find()?.display());
            Ok(ExitCode::SUCCESS)
        }
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => Err(Error::usage(format!("there is no command `{other}`\n\n{USAGE}"))),
    }
}

/// Splits the arguments at the first `--`.
fn split(args: &[String]) -> (&[String], &[String]) {
    match args.iter().position(|arg| arg == "--") {
        Some(at) => (&args[..at], &args[at + 1..]),
        None => (args, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn arguments_are_split_at_the_first_dashes_only() {
        let args = ["test", "--any-etcd", "--", "-p", "xtask", "--", "--nocapture"].map(String::from);
        let (own, handed_on) = split(&args);
        assert_eq!(own, ["test", "--any-etcd"]);
        assert_eq!(handed_on, ["-p", "xtask", "--", "--nocapture"]);
        assert_eq!(split(&args[..2]), (&args[..2], &[][..]));
    }
}
