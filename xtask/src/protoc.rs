//! Finding `protoc`, which the build of `etcd-client` runs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    error::{Error, Result},
    guard, path,
};

/// The compiler to hand on as `PROTOC`: the one that variable names already, else the one on PATH, else
/// the binary that the crate `protoc-bin-vendored` carries.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(set) = env::var_os("PROTOC").filter(|value| !value.is_empty()) {
        let set = PathBuf::from(set);
        // cargo runs build programs in other folders, so a relative path would not do.
        let bare = set.components().count() == 1;
        let found = if bare { path::program(&set.to_string_lossy()) } else { std::path::absolute(&set).ok() };
        let found = found.ok_or_else(|| {
            Error::failed(format!(
                "PROTOC is set to `{}`, which is not on PATH; correct it or unset it",
                set.display()
            ))
        })?;
        return works(&found).map(|()| found).map_err(|error| {
            Error::failed(format!("PROTOC cannot be used; correct it or unset it: {error}"))
        });
    }
    if let Some(found) = path::program("protoc") {
        match works(&found) {
            Ok(()) => return Ok(found),
            Err(Error::Stopped) => return Err(Error::Stopped),
            // As in Debian, where the compiler's own files are in another package.
            Err(error) => eprintln!("xtask: the protoc on PATH is passed over: {error}"),
        }
    }
    protoc_bin_vendored::protoc_bin_path().map_err(|error| {
        Error::failed(format!(
            "no protoc: PROTOC is not set, there is none on PATH, and none is carried for this kind of machine \
             ({error}); install the protobuf compiler, for instance Debian's packages protobuf-compiler and \
             libprotobuf-dev"
        ))
    })
}

/// Fails unless `protoc` compiles a file that needs protobuf's own files, as etcd's do.
fn works(protoc: &Path) -> Result<()> {
    let folder = tempfile::tempdir()
        .map_err(|error| Error::failed(format!("cannot make a temporary folder: {error}")))?;
    let source = folder.path().join("try.proto");
    fs::write(&source, "syntax = \"proto3\";\nimport \"google/protobuf/descriptor.proto\";\n")
        .map_err(Error::io("cannot write", &source))?;
    let mut command = guard::command(protoc);
    command.arg("-I").arg(folder.path());
    if let Some(include) = env::var_os("PROTOC_INCLUDE") {
        command.arg("-I").arg(include);
    }
    command.arg("-o").arg(folder.path().join("try.bin")).arg(&source);
    guard::output(command, &protoc.display().to_string(), Duration::from_secs(30)).map(drop)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_carried_protoc_works() {
        if let Ok(protoc) = protoc_bin_vendored::protoc_bin_path() {
            super::works(&protoc).unwrap();
        }
    }
}
