//! Building a current etcd from its Go module.
//!
//! `go install` refuses the module for its replace directives, so a module of our own requires it and
//! builds its main package. Go's checksum database vouches for what is downloaded.

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

/// The releases to build, the newest first; a later one of the list is for an older Go.
pub(super) const RELEASES: [Version; 2] = [Version::new(3, 7, 1), Version::new(3, 6, 14)];

/// The package to build.
const SERVER: &str = "go.etcd.io/etcd/server/v3";

/// Builds that release in `scratch` and returns the path of the binary.
pub(super) fn get(release: &Version, scratch: &Path) -> Result<PathBuf> {
    let go = path::need("go")?;
    eprintln!("xtask: building etcd {release} from its Go module");
    let module = scratch.join("go.mod");
    fs::write(&module, module_file(release)).map_err(Error::io("cannot write", &module))?;
    let binary = scratch.join(format!("go-etcd{}", std::env::consts::EXE_SUFFIX));
    let mut command = super::tool(&go, scratch)?;
    command.args(["build", "-mod=mod", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o"]);
    command.arg(&binary).arg(SERVER).current_dir(scratch);
    // No C compiler is needed, and no workspace file above the cache folder counts. Which toolchain is used
    // is left to the user's GOTOOLCHAIN: where it allows that, an older Go gets the one that is needed.
    command
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .env_remove("GOOS")
        .env_remove("GOARCH")
        .env_remove("GOTMPDIR");
    guard::output(command, "go build", Duration::from_secs(15 * 60))?;
    Ok(binary)
}

/// The `go.mod` of a module that requires that release. Since Go 1.21's line, dependencies are taken in
/// the versions that etcd itself was released with.
fn module_file(release: &Version) -> String {
    format!("module txetcd.invalid/etcd\n\ngo 1.21\n\nrequire {SERVER} v{release}\n")
}

#[cfg(test)]
mod tests {
    use super::{RELEASES, module_file};
    use crate::version::Version;

    #[test]
    fn the_module_requires_the_release() {
        let text = module_file(&Version::new(3, 7, 1));
        assert!(text.contains("\nrequire go.etcd.io/etcd/server/v3 v3.7.1\n"), "{text}");
    }

    #[test]
    fn the_newest_release_comes_first() {
        assert!(RELEASES[0] > RELEASES[1]);
    }
}
