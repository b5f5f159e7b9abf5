//! [`OpenError`]: why a store could not be opened.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::storage::error::StorageError;
use crate::storage::meta::FORMAT;

/// Why a store could not be opened. The message says what happened, where, and what to do about it.
#[derive(Debug)]
pub struct OpenError {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Directory(io::Error),
    Locked,
    Exists,
    Corrupt(StorageError),
    Format(i64),
    Storage(StorageError),
    Thread(io::Error),
}

impl OpenError {
    /// Whether the store is open already, in this process or another.
    pub fn is_locked(&self) -> bool {
        matches!(self.kind, Kind::Locked)
    }

    /// Whether the file is damaged, or is no store at all.
    pub fn is_corrupt(&self) -> bool {
        matches!(self.kind, Kind::Corrupt(_))
    }

    /// The directory or file that the error is about.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn exists(path: &Path) -> Self {
        Self::new(path, Kind::Exists)
    }

    pub(crate) fn directory(path: &Path, error: io::Error) -> Self {
        Self::new(path, Kind::Directory(error))
    }

    pub(crate) fn thread(path: &Path, error: io::Error) -> Self {
        Self::new(path, Kind::Thread(error))
    }

    pub(crate) fn format(path: &Path, format: i64) -> Self {
        Self::new(path, Kind::Format(format))
    }

    pub(crate) fn storage(path: &Path, error: StorageError) -> Self {
        let kind = match error {
            StorageError::DatabaseAlreadyOpen => Kind::Locked,
            // What `redb` answers for a file that it did not write, or that was cut short.
            StorageError::Io(error)
                if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
            {
                Kind::Corrupt(StorageError::Io(error))
            }
            error @ (StorageError::Corrupted(_)
            | StorageError::UpgradeRequired(_)
            | StorageError::RepairAborted
            | StorageError::TableTypeMismatch { .. }
            | StorageError::TypeDefinitionChanged { .. }
            | StorageError::TableIsMultimap(_)
            | StorageError::TableDoesNotExist(_)) => Kind::Corrupt(error),
            error => Kind::Storage(error),
        };
        Self::new(path, kind)
    }

    fn new(path: &Path, kind: Kind) -> Self {
        Self { path: path.to_owned(), kind }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Directory(error) => {
                write!(
                    formatter,
                    "cannot use the directory {path} for a store: {error}; check that it may be written"
                )
            }
            Kind::Locked => write!(
                formatter,
                "the store {path} is open already, in this process or another; share the open one, or close it first"
            ),
            Kind::Exists => {
                write!(formatter, "will not overwrite the store {path}; restore into another directory")
            }
            Kind::Corrupt(error) => write!(
                formatter,
                "the store {path} is damaged, or is not a store: {error}; restore it from a backup, or move it \
                 away to start with an empty one"
            ),
            Kind::Format(format) => write!(
                formatter,
                "the store {path} has format {format}, and this version reads format {FORMAT} only; open it with \
                 the version that wrote it"
            ),
            Kind::Storage(error) => write!(
                formatter,
                "cannot open the store {path}: {error}; check that the file may be written and the disk has room"
            ),
            Kind::Thread(error) => {
                write!(formatter, "cannot start the writer thread of the store {path}: {error}")
            }
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Directory(error) | Kind::Thread(error) => Some(error),
            Kind::Corrupt(error) | Kind::Storage(error) => Some(error),
            Kind::Locked | Kind::Exists | Kind::Format(_) => None,
        }
    }
}
