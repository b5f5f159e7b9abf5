//! [`Server`]: which etcd to run.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// A program, and how it was asked for.
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) binary: PathBuf,
    name: String,
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

/// Finds a server: by its path; or by its version, or the beginning of that, among those that `cargo xtask test` tells
/// its tests of or has got before. Without a wish, the newest of them, or the `etcd` on the `PATH`.
///
/// # Errors
///
/// If there is none.
pub fn find(wanted: Option<&str>) -> anyhow::Result<Server> {
    let mut known = told();
    known.extend(cached());
    known.sort_by_key(|(version, _)| numbers(version));
    let named = |(name, binary): (String, PathBuf)| Server { binary, name };
    let Some(wanted) = wanted else {
        let on_path = ("on the PATH".to_owned(), PathBuf::from("etcd"));
        return Ok(named(known.pop().unwrap_or(on_path)));
    };
    if Path::new(wanted).is_file() {
        return Ok(named((wanted.to_owned(), wanted.into())));
    }
    let found = known.into_iter().rev().find(|(version, _)| version.starts_with(wanted));
    found
        .map(named)
        .with_context(|| format!("no etcd {wanted}: run `cargo xtask etcd`, or give the path of one"))
}

/// Those in `TXETCD_TEST_BINARIES`: `VERSION=PATH,VERSION=PATH`.
fn told() -> Vec<(String, PathBuf)> {
    let listed = std::env::var("TXETCD_TEST_BINARIES").unwrap_or_default();
    let pairs = listed.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(version, path)| (version.to_owned(), path.into())).collect()
}

/// Those in the cache folder of `cargo xtask`: `etcd-VERSION-ORIGIN/etcd`.
fn cached() -> Vec<(String, PathBuf)> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache").into_os_string());
    let cache = std::env::var_os("TXETCD_CACHE").or_else(|| {
        let base: OsString = std::env::var_os("XDG_CACHE_HOME").or_else(home)?;
        Some(PathBuf::from(base).join("txetcd").into_os_string())
    });
    let entries = cache.and_then(|cache| std::fs::read_dir(cache).ok());
    let servers = entries.into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let (version, _) = name.strip_prefix("etcd-")?.split_once('-')?;
        let binary = entry.path().join("etcd");
        binary.is_file().then(|| (version.to_owned(), binary))
    });
    servers.collect()
}

fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}
