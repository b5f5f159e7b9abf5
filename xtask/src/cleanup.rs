//! Leaving nothing behind: the request to stop, and folders that vanish.
//!
//! Ctrl-C, SIGTERM and SIGHUP only set a flag. Whoever waits looks at it often and returns
//! [`Error::Stopped`], and so the ordinary unwinding of values ends processes and removes folders, as
//! it does after a failure or a panic. For the case that this program is killed outright, each folder
//! has a small shell beside it that removes the folder once this program is gone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::error::{Error, Result};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// From here on, Ctrl-C and the like no longer end the program but make [`check`] fail.
pub(crate) fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        if !STOPPED.swap(true, Ordering::SeqCst) {
            eprintln!("xtask: stopping");
        }
    })
    .map_err(|error| Error::failed(format!("cannot listen for Ctrl-C: {error}")))
}

/// Fails with [`Error::Stopped`] once the user asked to stop.
pub(crate) fn check() -> Result<()> {
    if STOPPED.load(Ordering::SeqCst) { Err(Error::Stopped) } else { Ok(()) }
}

/// A temporary folder, removed when the value is dropped, and also when the program is killed.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    janitor: Option<Child>,
}

/// Waits until its standard input ends, that is, until this program is gone; then removes `$1`, in which
/// dying processes may still be writing for a moment.
const JANITOR: &str = r#"trap '' INT TERM HUP
read -r _
tries=0
while [ -e "$1" ] && [ "$tries" -lt 10 ]; do
    rm -rf -- "$1" && exit
    tries=$((tries + 1))
    sleep 1
done"#;

impl Scratch {
    /// A new folder in `base`, whose name begins with `prefix`.
    pub(crate) fn new(base: &Path, prefix: &str) -> Result<Self> {
        let path = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir_in(base)
            .map_err(Error::io("cannot make a temporary folder in", base))?
            .keep();
        let mut scratch = Self { path, janitor: None };
        if cfg!(unix) {
            let mut command = Command::new("sh");
            command.args(["-c", JANITOR, "sh"]).arg(&scratch.path);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            crate::guard::own_group(&mut command);
            scratch.janitor =
                Some(command.spawn().map_err(|error| Error::failed(format!("cannot start sh: {error}")))?);
        }
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A process that was just killed may still be creating a file.
        for _ in 0..100 {
            match fs::remove_dir_all(&self.path) {
                Err(_) if self.path.exists() => thread::sleep(Duration::from_millis(20)),
                _ => break,
            }
        }
        if self.path.exists() {
            eprintln!("xtask: {} could not be removed", self.path.display());
        }
        if let Some(mut janitor) = self.janitor.take() {
            drop(janitor.stdin.take());
            if !self.path.exists() {
                let _ = janitor.wait();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Scratch;

    #[test]
    fn a_scratch_folder_is_gone_after_its_value() {
        let base = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(base.path(), "x-").unwrap();
        let path = scratch.path().to_path_buf();
        fs::create_dir(path.join("deep")).unwrap();
        fs::write(path.join("deep/file"), "x").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }
}
