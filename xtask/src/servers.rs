//! Starting etcd servers for the tests, each on free loopback ports with data that nobody keeps.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    error::{Error, Result},
    etcd::{Binary, prepare},
    guard::{self, Guarded},
    version::Version,
};

/// How long a server may take until it is healthy; usually it needs 0.3 s.
const LIMIT: Duration = Duration::from_secs(30);

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) version: Version,
    /// As in `http://127.0.0.1:34567`.
    pub(crate) url: String,
    log: PathBuf,
    process: Guarded,
}

impl Server {
    /// Starts a server with its data and its log in a new folder within `base`, and waits until it is
    /// healthy.
    pub(crate) fn start(binary: &Binary, base: &Path) -> Result<Self> {
        // A port that was free may be taken by another program before etcd listens on it.
        let mut last = None;
        for attempt in 1..=3 {
            let folder = base.join(format!("etcd-{}-{attempt}", binary.version));
            fs::create_dir(&folder).map_err(Error::io("cannot make", &folder))?;
            match Self::attempt(binary, &folder) {
                Err(Error::Failed(error)) => last = Some(error),
                other => return other,
            }
        }
        let last = last.unwrap_or_default();
        Err(Error::failed(format!(
            "etcd {} ({}) could not be started: {last}",
            binary.version,
            binary.path.display()
        )))
    }

    fn attempt(binary: &Binary, folder: &Path) -> Result<Self> {
        let [client, peer] = free_ports().map_err(|error| Error::failed(format!("no free port: {error}")))?;
        let (url, peer_url) = (format!("http://{client}"), format!("http://{peer}"));
        // Unlike a port, the name tells that it is this server that answers.
        let name = format!("txetcd-{}-{}-{}", std::process::id(), client.port(), peer.port());
        let log = folder.join("log");
        let file = File::create(&log).map_err(Error::io("cannot write", &log))?;
        let copy = file.try_clone().map_err(Error::io("cannot write", &log))?;
        let mut command = guard::command(&binary.path);
        prepare(&mut command);
        command.args(["--name", &name, "--data-dir"]).arg(folder.join("data"));
        command.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
        command.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
        command.args(["--initial-cluster", &format!("{name}={peer_url}")]);
        if knows_unsafe_no_fsync(binary)? {
            command.arg("--unsafe-no-fsync");
        }
        command.stdout(file).stderr(copy).current_dir(folder);
        let process = Guarded::start(&mut command)?;
        let mut server = Self { version: binary.version.clone(), url, log, process };
        server.wait_until_healthy(client, &name)?;
        Ok(server)
    }

    fn wait_until_healthy(&mut self, address: SocketAddr, name: &str) -> Result<()> {
        let since = Instant::now();
        loop {
            if let Some(death) = self.death()? {
                return Err(Error::failed(death));
            }
            let healthy = request(address, "GET", "/health").is_ok_and(|answer| answer.contains("\"true\""));
            if healthy
                && request(address, "POST", "/v3/cluster/member/list")
                    .is_ok_and(|answer| answer.contains(name))
            {
                return Ok(());
            }
            if since.elapsed() > LIMIT {
                return Err(Error::failed(format!("not healthy after {} s{}", LIMIT.as_secs(), self.said())));
            }
            guard::pause()?;
        }
    }

    /// If the server ended by itself: how, and the last lines of its log.
    pub(crate) fn death(&mut self) -> Result<Option<String>> {
        let ended = self.process.ended()?;
        Ok(ended.map(|status| format!("etcd {} ended by itself ({status}){}", self.version, self.said())))
    }

    fn said(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let tail = guard::tail(&String::from_utf8_lossy(&log), 12, "    ");
        if tail.is_empty() { String::new() } else { format!("; its log ends with:\n{tail}") }
    }
}

/// Two different free ports of the loopback interface.
fn free_ports() -> io::Result<[SocketAddr; 2]> {
    let (one, other) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok([one.local_addr()?, other.local_addr()?])
}

/// Whether this etcd can be told that its data need not survive.
fn knows_unsafe_no_fsync(binary: &Binary) -> Result<bool> {
    let mut command = guard::command(&binary.path);
    prepare(&mut command).arg("--help");
    match guard::output(command, "etcd --help", Duration::from_secs(30)) {
        Ok(help) => Ok(help.contains("--unsafe-no-fsync")),
        Err(Error::Stopped) => Err(Error::Stopped),
        Err(_) => Ok(false),
    }
}

/// The answer to an HTTP request with an empty JSON object as its body.
fn request(address: SocketAddr, method: &str, path: &str) -> io::Result<String> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(1 << 20).read_to_string(&mut answer)?;
    if answer.lines().next().is_some_and(|status| status.contains(" 200 ")) {
        Ok(answer)
    } else {
        Err(io::Error::other(answer))
    }
}
