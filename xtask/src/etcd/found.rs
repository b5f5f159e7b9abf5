//! Servers that are here already: named by TXETCD_ETCD, on PATH, in the cache folder.

use std::{env, ffi::OsStr, path::Path};

use super::{Binary, cache};
use crate::{
    error::{Error, Result},
    path,
};

/// What TXETCD_ETCD names. One that does not run is an error, since it was asked for.
pub(super) fn in_environment() -> Result<Vec<Binary>> {
    env::var_os("TXETCD_ETCD").map_or(Ok(Vec::new()), |list| named(&list))
}

/// The binaries that a list, separated as in PATH, names.
fn named(list: &OsStr) -> Result<Vec<Binary>> {
    let mut binaries = Vec::new();
    for file in env::split_paths(list).filter(|file| !file.as_os_str().is_empty()) {
        let file = std::path::absolute(&file).map_err(Error::io("TXETCD_ETCD: cannot use", &file))?;
        if !path::is_executable(&file) {
            return Err(Error::failed(format!(
                "TXETCD_ETCD names {}, which is not a program",
                file.display()
            )));
        }
        binaries.push(Binary::ask(&file, "TXETCD_ETCD").map_err(|error| {
            Error::failed(format!("TXETCD_ETCD names an etcd that does not run: {error}"))
        })?);
    }
    Ok(binaries)
}

/// `etcd` on PATH, if it runs.
pub(super) fn on_path() -> Option<Binary> {
    Binary::ask(&path::program("etcd")?, "PATH").ok()
}

/// Every server in the cache folder that runs.
pub(super) fn in_cache(folder: &Path) -> Vec<Binary> {
    cache::entries(folder)
        .into_iter()
        .filter_map(|(file, source)| Binary::ask(&file, &cache::origin(&source)).ok())
        .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::{env, fs, os::unix::fs::PermissionsExt, path::PathBuf};

    use super::named;

    /// A script that answers as etcd does.
    fn fake(folder: &std::path::Path, version: &str) -> PathBuf {
        let file = folder.join(format!("etcd-{version}"));
        fs::write(&file, format!("#!/bin/sh\necho 'etcd Version: {version}'\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[test]
    fn all_that_the_variable_names_are_asked() {
        let folder = tempfile::tempdir().unwrap();
        let list = env::join_paths([fake(folder.path(), "3.4.23"), fake(folder.path(), "3.7.1")]).unwrap();
        let versions: Vec<String> =
            named(&list).unwrap().iter().map(|binary| binary.version.to_string()).collect();
        assert_eq!(versions, ["3.4.23", "3.7.1"]);
        assert_eq!(named("".as_ref()).unwrap(), []);
    }

    #[test]
    fn a_wrong_name_is_an_error() {
        let error = named("/nonexistent/etcd".as_ref()).unwrap_err().to_string();
        assert!(error.contains("TXETCD_ETCD") && error.contains("/nonexistent/etcd"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let error = named(fake(folder.path(), "none").as_os_str()).unwrap_err().to_string();
        assert!(error.contains("does not name a version"), "{error}");
    }
}
