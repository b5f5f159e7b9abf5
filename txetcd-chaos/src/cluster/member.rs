//! [`Member`]: one etcd process, which can be killed, paused and started again.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A member and its data. The process ends when this is dropped, and with the test's process in any case.
pub struct Member {
    binary: PathBuf,
    arguments: Vec<String>,
    running: Option<Running>,
}

/// The shell that watches over the process, and the process.
struct Running {
    shell: Child,
    pid: String,
}

impl Member {
    /// A member that is not running yet: the program, and its arguments.
    pub fn new(binary: &Path, arguments: Vec<String>) -> Self {
        Self { binary: binary.to_owned(), arguments, running: None }
    }

    /// Starts the process, on the data that it left.
    ///
    /// # Panics
    ///
    /// If it is running, or no shell can be started.
    pub fn start(&mut self) {
        assert!(self.running.is_none(), "the member is running");
        // The shell kills the server when its input ends, which it does with this process.
        let mut shell = Command::new("sh")
            .args(["-c", "\"$@\" >/dev/null 2>&1 & echo $!; cat >/dev/null; kill -9 $!; wait", "sh"])
            .arg(&self.binary)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It says so if the server has ended by itself.
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell to start etcd with");
        let mut pid = String::new();
        let output = shell.stdout.take().expect("the shell's output");
        BufReader::new(output).read_line(&mut pid).expect("the process id");
        self.running = Some(Running { shell, pid: pid.trim().to_owned() });
    }

    /// Kills the process at once, running or paused.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.shell.stdin.take());
            let _ = running.shell.wait();
        }
    }

    /// Stops the process where it stands, as a machine that stalls does.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Asks the process to end in an orderly way. It is still to be [killed](Self::kill), to be sure.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Lets a paused process go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let running = self.running.as_ref().expect("a running member");
        let status = Command::new("kill").args([signal, &running.pid]).status().expect("kill");
        assert!(status.success(), "kill {signal} {}", running.pid);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A TCP port that is free, and stays with this process: no outgoing connection takes it while a member is down, since it
/// is below the range that systems take those from; nor does another run, since the UDP port of its number is held.
///
/// # Panics
///
/// If there is none.
pub fn free_port() -> u16 {
    static HELD: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let start = u16::try_from(std::process::id() % 10_000).expect("a small number");
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    for port in (0..10_000).map(|n| 20_000 + (start + n) % 10_000) {
        let Ok(claim) = UdpSocket::bind(("127.0.0.1", port)) else { continue };
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            held.push(claim);
            return port;
        }
    }
    panic!("no free port from 20000 to 29999");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_though_nobody_listens_on_it_yet() {
        let ports = [free_port(), free_port()];
        assert_ne!(ports[0], ports[1]);
        for port in ports {
            assert!(UdpSocket::bind(("127.0.0.1", port)).is_err(), "another process would take {port}");
            TcpListener::bind(("127.0.0.1", port)).expect("it is free");
        }
    }
}
