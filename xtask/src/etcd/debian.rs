//! Taking etcd and etcdctl out of Debian's packages, without root and without installing anything.
//!
//! A list of sources for another suite is derived from the machine's own (`sources.rs`), and so its mirror
//! and its keys are used; apt works on it in a private folder and checks the signatures as always.

mod sources;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::Wanted;
use crate::{
    error::{Error, Result},
    guard, path,
    version::Version,
};

/// The package that has `usr/bin/etcd`.
const SERVER: &str = "etcd-server";

/// The package that has `usr/bin/etcdctl`, of the same source and so in the same versions.
const CLIENT: &str = "etcd-client";

/// How long one call of apt may take.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Downloads the packages of that suite, or where the machine's sources are not Debian's of whatever they
/// offer, and unpacks them in `scratch`; returns the path of the server.
pub(super) fn get(suite: &str, wanted: Wanted, scratch: &Path) -> Result<PathBuf> {
    let apt = Apt::new(scratch)?;
    let dpkg = path::need("dpkg")?;
    let private = apt.derive(suite)?;
    eprintln!(
        "xtask: reading {}",
        if private { format!("Debian's list of {suite}") } else { "apt's lists".into() }
    );
    // A source of somebody else that has no such suite may fail; what the others offer counts.
    let update = match apt.call("apt-get", &["update"]) {
        Err(Error::Stopped) => return Err(Error::Stopped),
        update => update.err(),
    };
    let offered = apt.call("apt-cache", &["madison", SERVER])?;
    let Some(version) = pick(&offered, wanted) else {
        let offers = if offered.trim().is_empty() { "no" } else { "another version of" };
        let who = if private { format!("the suite {suite} has") } else { "apt's sources have".into() };
        let why = update.map_or(String::new(), |error| format!("; {error}"));
        return Err(Error::failed(format!("{who} {offers} {SERVER}{why}")));
    };
    let unpacked = apt.folder.join("unpacked");
    for package in [SERVER, CLIENT] {
        eprintln!("xtask: downloading {package} {version}");
        apt.call("apt-get", &["download", &format!("{package}={version}")])?;
        let mut unpack = apt.tool(&dpkg)?;
        unpack.arg("-x").arg(apt.downloaded(package)?).arg(&unpacked);
        guard::output(unpack, "dpkg -x", LIMIT)?;
    }
    Ok(unpacked.join("usr/bin/etcd"))
}

/// apt with folders of its own.
#[derive(Debug)]
struct Apt {
    folder: PathBuf,
    /// Read after the machine's configuration, which so stays in force for proxies and the like.
    config: PathBuf,
}

impl Apt {
    fn new(scratch: &Path) -> Result<Self> {
        for tool in ["apt-get", "apt-cache", "apt-config"] {
            path::need(tool)?;
        }
        let folder = scratch.join("apt");
        for part in ["state/lists/partial", "cache/archives/partial"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).map_err(Error::io("cannot make", &part))?;
        }
        let apt = Self { config: folder.join("apt.conf"), folder };
        apt.configure(None)?;
        Ok(apt)
    }

    /// Writes the private configuration, with a list of `sources` in place of the machine's if there is one.
    fn configure(&self, sources: Option<&Path>) -> Result<()> {
        let folder = self.folder.display();
        let mut text = format!(
            "#clear APT::Update::Pre-Invoke;\n\
             #clear APT::Update::Post-Invoke;\n\
             #clear APT::Update::Post-Invoke-Success;\n\
             Dir::State \"{folder}/state/\";\n\
             Dir::State::lists \"{folder}/state/lists/\";\n\
             Dir::State::status \"{folder}/status\";\n\
             Dir::Cache \"{folder}/cache/\";\n\
             Dir::Etc::preferences \"/dev/null\";\n\
             Dir::Etc::preferencesparts \"/dev/null\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::Retries \"2\";\n\
             Acquire::http::Timeout \"30\";\n\
             Acquire::https::Timeout \"30\";\n\
             // Else root gives up its rights for a user who cannot enter this folder.\n\
             APT::Sandbox::User \"\";\n"
        );
        if let Some(sources) = sources {
            text += &format!(
                "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"/dev/null\";\n",
                sources.display()
            );
        }
        fs::write(&self.config, text).map_err(Error::io("cannot write", &self.config))?;
        let status = self.folder.join("status");
        fs::write(&status, "").map_err(Error::io("cannot write", &status))
    }

    /// Uses sources for that suite instead of the machine's, if some of these are Debian's; says whether
    /// it does.
    fn derive(&self, suite: &str) -> Result<bool> {
        let places = self.call(
            "apt-config",
            &["shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"],
        )?;
        let arch = {
            let mut dpkg = self.tool(&path::need("dpkg")?)?;
            dpkg.arg("--print-architecture");
            guard::output(dpkg, "dpkg", LIMIT)?
        };
        let configured = sources::configured(&places);
        let Some(derived) = sources::derive(&configured, suite, arch.trim()) else { return Ok(false) };
        let list = self.folder.join("derived.sources");
        fs::write(&list, derived).map_err(Error::io("cannot write", &list))?;
        self.configure(Some(&list))?;
        Ok(true)
    }

    /// Calls one of apt's tools in the private folder and returns what it printed.
    fn call(&self, tool: &str, args: &[&str]) -> Result<String> {
        let mut command = self.tool(&path::need(tool)?)?;
        command.arg("-c").arg(&self.config).args(args).current_dir(&self.folder);
        guard::output(command, &format!("{tool} {}", args.join(" ")), LIMIT)
    }

    /// The file that `apt-get download` made.
    fn downloaded(&self, package: &str) -> Result<PathBuf> {
        let is_it = |file: &PathBuf| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
        };
        fs::read_dir(&self.folder)
            .map_err(Error::io("cannot read", &self.folder))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(is_it)
            .ok_or_else(|| Error::failed(format!("apt-get downloaded no {package}, but did not say why")))
    }

    fn tool(&self, program: &Path) -> Result<Command> {
        let mut command = super::tool(program, &self.folder)?;
        command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
        Ok(command)
    }
}

/// From what `apt-cache madison` printed, the newest version of the package that is of the wanted kind.
fn pick(madison: &str, wanted: Wanted) -> Option<String> {
    madison
        .lines()
        .filter_map(|line| {
            let package = line.split('|').nth(1)?.trim();
            let version = Version::from_debian(package)?;
            wanted.accepts(&version).then(|| (version, package.to_owned()))
        })
        .max()
        .map(|(_, package)| package)
}

#[cfg(test)]
mod tests {
    use super::{Wanted, pick};

    #[test]
    fn the_newest_of_the_wanted_kind_is_picked() {
        let madison = "\
etcd-server |   3.5.30-2 | http://mirror.example/debian sid/main amd64 Packages
etcd-server | 3.5.16-4+b2 | http://mirror.example/debian trixie/main amd64 Packages
etcd-server | 3.4.23-4+b4 | http://mirror.example/debian bookworm/main amd64 Packages
";
        assert_eq!(pick(madison, Wanted::Newest).as_deref(), Some("3.5.30-2"));
        assert_eq!(pick(madison, Wanted::Old).as_deref(), Some("3.4.23-4+b4"));
        assert_eq!(pick("", Wanted::Old), None);
        assert_eq!(pick("N: Unable to locate package etcd-server\n", Wanted::Old), None);
    }
}
