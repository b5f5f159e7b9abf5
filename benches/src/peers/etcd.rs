//! The etcd that is measured on: where it is found, and how it is started.

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../../tests/behaviour/own_server.rs"]
mod own_server;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::Command;

use super::Result;
use own_server::OwnServer;

/// An etcd program, and where its servers put their data.
pub(crate) struct Etcd {
    program: PathBuf,
    data: PathBuf,
}

impl Etcd {
    /// This program, or else the newest that `cargo xtask etcd` gets.
    pub(crate) async fn find(program: Option<&Path>, data: Option<&Path>) -> Result<Self> {
        let program = match program {
            Some(program) => program.to_path_buf(),
            None => newest().await?,
        };
        Ok(Self { program, data: data.map_or_else(std::env::temp_dir, Path::to_path_buf) })
    }

    /// What it calls itself, as in `etcd Version: 3.7.1`.
    pub(crate) async fn version(&self) -> Result<String> {
        let said = Command::new(&self.program).arg("--version").output().await?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let version = said.lines().next().and_then(|line| line.strip_prefix("etcd Version: "));
        version.map(str::to_owned).ok_or_else(|| format!("{} is no etcd", self.program.display()).into())
    }

    /// Starts a server with etcd's defaults and no data. It ends when it is dropped, and with this process in any case.
    pub(crate) fn start(&self) -> Result<OwnServer> {
        Ok(OwnServer::start_in(TempDir::with_prefix_in("txetcd-bench-", &self.data)?, &self.program, &[]))
    }
}

async fn newest() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["xtask", "etcd", "--newest"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let done = command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true).output().await?;
    if !done.status.success() {
        return Err("`cargo xtask etcd --newest` found no etcd; --etcd names one".into());
    }
    Ok(String::from_utf8(done.stdout)?.trim_end().into())
}
