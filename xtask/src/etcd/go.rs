//! Building a current etcd and its etcdctl from their Go modules.
//!
//! `go install` refuses these modules for their replace directives, so a module of our own requires them
//! and builds their main packages. Go's checksum database vouches for what is downloaded.

use std::{
    env::consts::EXE_SUFFIX,
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

/// What to build of which package. Packages and modules have the same names.
const PROGRAMS: [(&str, &str); 2] =
    [("etcd", "go.etcd.io/etcd/server/v3"), ("etcdctl", "go.etcd.io/etcd/etcdctl/v3")];

/// Builds that release in `scratch` and returns the path of the server.
pub(super) fn get(release: &Version, scratch: &Path) -> Result<PathBuf> {
    let go = path::need("go")?;
    eprintln!("xtask: building etcd {release} from its Go module");
    let module = scratch.join("go.mod");
    fs::write(&module, module_file(release)).map_err(Error::io("cannot write", &module))?;
    let folder = scratch.join("programs");
    fs::create_dir(&folder).map_err(Error::io("cannot make", &folder))?;
    let program = |name: &str| folder.join(format!("{name}{EXE_SUFFIX}"));
    for (name, package) in PROGRAMS {
        build(&go, package, &program(name), scratch)?;
    }
    Ok(program("etcd"))
}

fn build(go: &Path, package: &str, program: &Path, scratch: &Path) -> Result<()> {
    let mut command = super::tool(go, scratch)?;
    command.args(["build", "-mod=mod", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o"]);
    command.arg(program).arg(package).current_dir(scratch);
    // No C compiler is needed, and no workspace file above the cache folder counts. Which toolchain is used
    // is left to the user's GOTOOLCHAIN: where it allows that, an older Go gets the one that is needed.
    command
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .env_remove("GOOS")
        .env_remove("GOARCH")
        .env_remove("GOTMPDIR");
    guard::output(command, "go build", Duration::from_secs(15 * 60))?;
    Ok(())
}

/// The `go.mod` of a module that requires both in that release. Since Go 1.21's line, dependencies are taken in
/// the versions that etcd itself was released with.
fn module_file(release: &Version) -> String {
    let required = PROGRAMS.map(|(_, module)| format!("require {module} v{release}\n"));
    format!("module txetcd.invalid/etcd\n\ngo 1.21\n\n{}", required.concat())
}

#[cfg(test)]
mod tests {
    use super::{RELEASES, module_file};
    use crate::version::Version;

    #[test]
    fn the_module_requires_the_release() {
        let text = module_file(&Version::new(3, 7, 1));
        assert!(text.contains("\nrequire go.etcd.io/etcd/server/v3 v3.7.1\n"), "{text}");
        assert!(text.contains("\nrequire go.etcd.io/etcd/etcdctl/v3 v3.7.1\n"), "{text}");
    }

    #[test]
    fn the_newest_release_comes_first() {
        assert!(RELEASES[0] > RELEASES[1]);
    }
}
