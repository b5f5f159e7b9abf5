//! Finding programs on PATH, and the user's cache folder.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

/// The first executable called `name` in the folders of PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    program_in(&env::var_os("PATH")?, name)
}

/// Like [`program`], for a given value of PATH.
pub(crate) fn program_in(path: &OsStr, name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&file))
        .find(|path| is_executable(path))
}

/// Like [`program`], with an error that says what is missing.
pub(crate) fn need(name: &str) -> Result<PathBuf> {
    program(name).ok_or_else(|| Error::failed(format!("{name} is not on PATH")))
}

/// Whether `path` is a file that may be run.
pub(crate) fn is_executable(path: &Path) -> bool {
    let Ok(meta) = path.metadata() else { return false };
    #[cfg(unix)]
    let may_run = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may_run = true;
    meta.is_file() && may_run
}

/// The folder in which etcd servers are kept: `$TXETCD_CACHE`, else `txetcd` in the user's cache folder.
/// It need not exist.
pub(crate) fn cache() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("TXETCD_CACHE") {
        return std::path::absolute(&folder).map_err(Error::io("cannot use TXETCD_CACHE", &folder));
    }
    let user = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library/Caches"))
    } else {
        // A relative XDG_CACHE_HOME is to be ignored, says its specification.
        set("XDG_CACHE_HOME")
            .filter(|folder| folder.is_absolute())
            .or_else(|| set("HOME").map(|home| home.join(".cache")))
    };
    user.map(|folder| folder.join("txetcd")).ok_or_else(|| {
        Error::failed(
            "no cache folder is known: set TXETCD_CACHE to the folder in which etcd servers may be kept",
        )
    })
}

/// The root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// The `cargo` that runs this program.
pub(crate) fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{env, fs, os::unix::fs::PermissionsExt};

    use super::program_in;

    #[test]
    fn only_executable_files_are_programs() {
        let one = tempfile::tempdir().unwrap();
        let two = tempfile::tempdir().unwrap();
        let path = env::join_paths([one.path(), two.path()]).unwrap();
        fs::write(one.path().join("tool"), "").unwrap();
        fs::create_dir(one.path().join("folder")).unwrap();
        assert_eq!(program_in(&path, "tool"), None);
        assert_eq!(program_in(&path, "folder"), None);
        fs::write(two.path().join("tool"), "").unwrap();
        fs::set_permissions(two.path().join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(program_in(&path, "tool"), Some(two.path().join("tool")));
    }
}
