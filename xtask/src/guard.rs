//! Processes that cannot outlive this program, nor leave children behind.
//!
//! A [`Guarded`] process leads a process group of its own. On Unix it is started by a shell that first
//! puts a watcher into that group: it reads a pipe whose other end only this program holds, and kills
//! the group when a line or the end of the pipe comes. So the group ends when the value is dropped, and
//! also when this program is killed with SIGKILL. No unsafe code and no system-specific call is needed.

use std::{
    io::{Read, Seek, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    cleanup,
    error::{Error, Result},
};

/// Every process of the group inherits file 3, the reading end of the pipe; so a write fails once all
/// of them are gone, which is how [`Guarded`] knows.
#[cfg(unix)]
const WATCHED: &str = r#"exec 3<&0 </dev/null
( ( read -r _ <&3; kill -KILL 0 ) >/dev/null 2>&1 & )
exec "$@" 3<&3"#;

/// How often a waiting function looks.
const TICK: Duration = Duration::from_millis(20);

/// Gives the command a process group of its own, so that Ctrl-C does not reach it.
pub(crate) fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// A command that [`Guarded::start`] accepts. Its standard input is empty.
pub(crate) fn command(program: &Path) -> Command {
    #[cfg(unix)]
    let command = {
        let mut command = Command::new("sh");
        command.args(["-c", WATCHED, "sh"]).arg(program).stdin(Stdio::piped());
        own_group(&mut command);
        command
    };
    #[cfg(not(unix))]
    let command = {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        command
    };
    command
}

/// A running process with all its children; dropping it kills them.
#[derive(Debug)]
pub(crate) struct Guarded {
    child: Child,
}

impl Guarded {
    /// Starts what [`command`] made.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        cleanup::check()?;
        let child = command.spawn().map_err(|error| {
            Error::failed(format!("cannot start {}: {error}", command.get_program().display()))
        })?;
        Ok(Self { child })
    }

    /// How the process ended, if it did.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(|error| Error::failed(format!("cannot wait for a process: {error}")))
    }

    /// Waits for the end, but no longer than `limit`, and not after the user asked to stop.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if since.elapsed() > limit {
                return Err(Error::failed(format!("not done after {} s", limit.as_secs())));
            }
            pause()?;
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let pipe = self.child.stdin.as_mut();
        if let Some(pipe) = pipe {
            let _ = pipe.write_all(b"\n");
        }
        let _ = self.child.kill();
        let pipe = self.child.stdin.take();
        let _ = self.child.wait();
        if let Some(mut pipe) = pipe {
            let since = Instant::now();
            while pipe.write_all(b"\n").is_ok() && since.elapsed() < Duration::from_secs(2) {
                thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

/// Sleeps a little; fails once the user asked to stop.
pub(crate) fn pause() -> Result<()> {
    cleanup::check()?;
    thread::sleep(TICK);
    cleanup::check()
}

/// Runs a tool, made with [`command`], to its end and returns what it printed. If it fails, the error
/// shows the last lines of what it said.
pub(crate) fn output(mut command: Command, what: &str, limit: Duration) -> Result<String> {
    let file = || {
        tempfile::tempfile().map_err(|error| Error::failed(format!("cannot make a temporary file: {error}")))
    };
    let (mut out, mut err) = (file()?, file()?);
    let copy = |file: &std::fs::File| {
        file.try_clone().map_err(|error| Error::failed(format!("cannot use a temporary file: {error}")))
    };
    command.stdout(copy(&out)?).stderr(copy(&err)?);
    let mut running = Guarded::start(&mut command)?;
    let status = running.wait(limit);
    drop(running);
    let text = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
        read.map(|_| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    };
    let failed = |how: String, said: &str| {
        let said = tail(said, 8, "    ");
        Error::failed(if said.is_empty() {
            format!("{what}: {how}")
        } else {
            format!("{what}: {how}\n{said}")
        })
    };
    match status {
        Ok(status) if status.success() => Ok(text(&mut out)),
        Ok(status) => Err(failed(status.to_string(), &(text(&mut out) + &text(&mut err)))),
        Err(Error::Failed(how)) => Err(failed(how, &(text(&mut out) + &text(&mut err)))),
        Err(stopped) => Err(stopped),
    }
}

/// The last `count` lines that say something, each behind `indent`; of a very long line, the beginning.
pub(crate) fn tail(text: &str, count: usize, indent: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last: Vec<String> = lines[lines.len().saturating_sub(count)..]
        .iter()
        .map(|line| format!("{indent}{line:.300}"))
        .collect();
    last.join("\n")
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, path::Path, time::Duration};

    use super::{Guarded, command, output, tail};

    fn sh(script: &str) -> std::process::Command {
        let mut command = command(Path::new("sh"));
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_what_the_tool_printed() {
        assert_eq!(output(sh("echo a; echo b >&2"), "a tool", Duration::from_secs(10)).unwrap(), "a\n");
    }

    #[test]
    fn a_failure_shows_what_the_tool_said() {
        let error =
            output(sh("echo why >&2; exit 3"), "a tool", Duration::from_secs(10)).unwrap_err().to_string();
        assert!(error.contains("a tool") && error.contains("3") && error.contains("why"), "{error}");
    }

    #[test]
    fn a_missing_program_is_a_failure() {
        let error = output(command(Path::new("/nonexistent/x")), "x", Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("127"), "{error}");
    }

    #[test]
    fn a_tool_is_not_waited_for_longer_than_allowed() {
        let error = output(sh("sleep 60"), "sleep", Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("not done after"), "{error}");
    }

    #[test]
    fn children_of_children_end_with_the_value() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sh -c 'echo $$ > {}; sleep 60' & sleep 60", file.display());
        let guarded = Guarded::start(&mut sh(&script)).unwrap();
        while fs::read_to_string(&file).unwrap_or_default().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = fs::read_to_string(&file).unwrap();
        drop(guarded);
        let alive =
            output(sh(&format!("ps -o stat= -p {pid}")), "ps", Duration::from_secs(10)).unwrap_or_default();
        assert!(alive.is_empty() || alive.starts_with('Z'), "{pid} is still there: {alive}");
    }

    #[test]
    fn the_tail_skips_empty_lines() {
        assert_eq!(tail("a\n\nb\nc\n\n", 2, "> "), "> b\n> c");
        assert_eq!(tail("", 2, "> "), "");
    }
}
