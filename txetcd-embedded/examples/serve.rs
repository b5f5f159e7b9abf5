//! An embedded store as a server: `etcdctl --endpoints 127.0.0.1:2379` and every other client of etcd can
//! use it.
//!
//! ```text
//! cargo run -p txetcd-embedded --example serve -- --listen 127.0.0.1:2379 --data ./data
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use txetcd_embedded::{Server, Store, serve, serve_exposed};

const USAGE: &str = "\
Serves an embedded store to etcdctl and other clients of etcd, until Ctrl-C.

Usage: serve --listen ADDRESS:PORT --data DIRECTORY|memory [--expose]

  --listen ADDRESS:PORT    where to listen, as in 127.0.0.1:2379; port 0 takes a free one
  --data DIRECTORY         where the data is kept; `memory` keeps it nowhere
  --expose                 listen at an address that other machines can reach, without
                           encryption or access control
  --help                   print this";

/// What the command line asks for.
struct Arguments {
    listen: SocketAddr,
    /// Nothing stands for memory.
    data: Option<PathBuf>,
    expose: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args_os().skip(1).any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(mistake) => {
            eprintln!("serve: {mistake}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let (mut listen, mut data, mut expose) = (None, None, false);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--listen" => {
                let value = value()?;
                let address = value.parse().map_err(|_| {
                    format!("--listen needs an IP address and a port, as in 127.0.0.1:2379, not `{value}`")
                })?;
                listen = Some(address);
            }
            "--data" => data = Some(value()?),
            "--expose" => expose = true,
            other => return Err(format!("`{other}` is not understood")),
        }
    }
    let data = data.ok_or("--data is missing")?;
    Ok(Arguments {
        listen: listen.ok_or("--listen is missing")?,
        data: (data != "memory").then(|| data.into()),
        expose,
    })
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let store = match &arguments.data {
        Some(directory) => Store::open(directory)?,
        None => Store::memory()?,
    };
    let server = start(&store, arguments).await?;
    println!("listening on {}", server.url());
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}

async fn start(store: &Store, arguments: &Arguments) -> Result<Server, Box<dyn std::error::Error>> {
    if arguments.expose {
        return Ok(serve_exposed(store, arguments.listen).await?);
    }
    serve(store, arguments.listen).await.map_err(|error| {
        if error.is_exposed() {
            format!("other machines may reach {}; add --expose if that is meant", error.address()).into()
        } else {
            error.into()
        }
    })
}
