//! The Go program, in `benches/go`: built where Go is.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::Result;

/// Builds it into a folder and says where it is, or why it is not.
pub(crate) async fn build(folder: &Path) -> Result<PathBuf, String> {
    let program = folder.join(format!("stm{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new("go");
    command.args(["build", "-buildvcs=false", "-o"]).arg(&program).arg(".");
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go"))
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "0");
    let done = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let done = done.map_err(|error| format!("there is no Go: {error}"))?;
    if done.status.success() {
        Ok(program)
    } else {
        Err(format!("`go build` in benches/go failed:\n{}", String::from_utf8_lossy(&done.stderr)))
    }
}

/// Whether there is a Go to build it with.
#[cfg(test)]
pub(crate) async fn has_go() -> bool {
    Command::new("go").arg("version").output().await.is_ok_and(|done| done.status.success())
}
