//! `cargo xtask test`: every test, on real etcd servers that come and go with it.

use std::{
    env,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
    time::{Duration, Instant},
};

use crate::{
    cleanup::Scratch,
    error::{Error, Result},
    etcd::{self, Binary},
    guard::{self, Guarded},
    path, protoc,
    servers::Server,
};

/// What a memory file system must have free to be used; a small one, as containers have, would fill up.
const ENOUGH: u64 = 2 << 30;

/// Runs `cargo test` with `args` on the servers that [`etcd::obtain`] gives; `any` is content with one.
pub(crate) fn run(any: bool, args: &[String]) -> Result<ExitCode> {
    let protoc = protoc::find()?;
    let obtained = etcd::obtain()?;
    obtained.require(any)?;
    for (wanted, _) in &obtained.missing {
        eprintln!("xtask: {wanted} is missing; going on without it, as --any-etcd says");
    }
    for binary in &obtained.binaries {
        eprintln!("xtask: {binary}");
        if etcd::Wanted::Newest.accepts(&binary.version) && binary.version < etcd::TRUSTED {
            eprintln!(
                "xtask: before {} etcd itself has anomalies; one that only shows there may be its own",
                etcd::TRUSTED
            );
        }
    }

    let clients: Vec<PathBuf> = obtained.binaries.iter().filter_map(Binary::etcdctl).collect();
    if clients.is_empty() && !any {
        return Err(Error::failed(
            "none of these servers has an etcdctl beside it, and some tests are sessions of etcdctl; \
             put one there, name other servers in TXETCD_ETCD, or do without with --any-etcd",
        ));
    }
    let clients = env::join_paths(clients).map_err(|error| Error::failed(format!("etcdctl: {error}")))?;

    // Programs are also run from temporary folders, which a memory file system may forbid.
    let temporary = Scratch::new(&env::temp_dir(), "txetcd-")?;
    let fast = Scratch::new(&memory_folder().unwrap_or_else(env::temp_dir), "txetcd-")?;
    let own = fast.path().join("tests");
    std::fs::create_dir(&own).map_err(Error::io("cannot make", &own))?;
    let mut servers = Vec::new();
    for binary in &obtained.binaries {
        servers.push(Server::start(binary, fast.path())?);
    }
    let listed = list(servers.iter().map(|server| (server.version.to_string(), server.url.clone())));
    eprintln!("xtask: running the tests on {listed}");

    let mut command = guard::command(&path::cargo());
    command.arg("test").args(arguments(args, env::var_os("CI").is_some()));
    command.current_dir(path::workspace());
    command.env("PROTOC", protoc);
    command.env("TXETCD_TEST_SERVERS", &listed);
    command.env("TXETCD_TEST_BINARIES", list(obtained.binaries.iter().map(named)));
    command.env("TXETCD_TEST_ETCDCTL", clients);
    command.env("TXETCD_TEST_TMP", &own);
    for name in ["TMPDIR", "TMP", "TEMP"] {
        command.env(name, temporary.path());
    }
    let since = Instant::now();
    let status = watch(Guarded::start(&mut command)?, &mut servers)?;
    eprintln!(
        "xtask: the tests {} in {} s on {listed}",
        if status.success() { "passed" } else { "failed" },
        since.elapsed().as_secs()
    );
    Ok(exit_code(status))
}

/// Waits for the tests. A server that ends meanwhile is reported at once and makes the run fail.
fn watch(mut tests: Guarded, servers: &mut Vec<Server>) -> Result<ExitStatus> {
    let mut deaths = Vec::new();
    let status = loop {
        if let Some(status) = tests.ended()? {
            break status;
        }
        let mut index = 0;
        while index < servers.len() {
            match servers[index].death()? {
                Some(death) => {
                    eprintln!("xtask: {death}");
                    deaths.push(servers.remove(index).version.to_string());
                }
                None => index += 1,
            }
        }
        guard::pause()?;
    };
    if deaths.is_empty() {
        return Ok(status);
    }
    Err(Error::failed(format!("etcd {} ended during the tests, see above", deaths.join(" and "))))
}

/// What follows `cargo test`: the whole workspace unless packages are named, with all features.
fn arguments(args: &[String], ci: bool) -> Vec<String> {
    let own = args.iter().take_while(|arg| *arg != "--");
    let named = own
        .into_iter()
        .any(|arg| arg.starts_with("-p") || arg.starts_with("--package") || arg == "--workspace");
    let mut all: Vec<String> = Vec::new();
    if !named {
        all.push("--workspace".into());
    }
    all.push("--all-features".into());
    if ci {
        all.push("--locked".into());
    }
    all.extend_from_slice(args);
    all
}

/// `name=value,name=value`
fn list(pairs: impl Iterator<Item = (String, String)>) -> String {
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(",")
}

fn named(binary: &Binary) -> (String, String) {
    (binary.version.to_string(), binary.path.display().to_string())
}

/// The folder of a memory file system that has enough room, if there is one.
fn memory_folder() -> Option<PathBuf> {
    let folder = Path::new("/dev/shm");
    let mut df = guard::command(&path::program("df")?);
    df.arg("-Pk").arg(folder).env("LC_ALL", "C");
    let free = free(&guard::output(df, "df", Duration::from_secs(10)).ok()?)?;
    let writable = tempfile::tempfile_in(folder).is_ok();
    (writable && free >= ENOUGH).then(|| folder.to_path_buf())
}

/// The free bytes that `df -Pk` printed.
fn free(df: &str) -> Option<u64> {
    Some(df.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()? * 1024)
}

/// The exit code of a process as this program's own.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::{arguments, free, list};

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        assert_eq!(arguments(&[], false), ["--workspace", "--all-features"]);
        assert_eq!(arguments(&[], true), ["--workspace", "--all-features", "--locked"]);
        let args = strings(&["-p", "xtask", "--", "--nocapture"]);
        assert_eq!(arguments(&args, false), ["--all-features", "-p", "xtask", "--", "--nocapture"]);
        let args = strings(&["some_test", "--", "-p"]);
        assert_eq!(arguments(&args, false), ["--workspace", "--all-features", "some_test", "--", "-p"]);
    }

    #[test]
    fn servers_are_listed_as_the_tests_expect() {
        let pairs = [("3.4.23", "http://127.0.0.1:1"), ("3.7.1", "http://127.0.0.1:2")];
        let pairs = pairs.map(|(version, url)| (version.to_owned(), url.to_owned()));
        assert_eq!(list(pairs.into_iter()), "3.4.23=http://127.0.0.1:1,3.7.1=http://127.0.0.1:2");
    }

    #[test]
    fn the_free_room_is_read_from_df() {
        let df =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\ntmpfs 24680 80 24600 1% /dev/shm\n";
        assert_eq!(free(df), Some(24600 * 1024));
        assert_eq!(free(""), None);
    }
}
