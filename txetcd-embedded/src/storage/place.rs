//! [`Place`]: an open database and where it is, and how another one like it is made.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

use redb::{Database, StorageBackend};

use super::copy;
use super::error::StorageError;
use super::memory::Memory;
use super::meta::Meta;
use super::snapshot::Snapshot;
use crate::file::{self, Unfinished};

/// An open database and where it is.
pub(crate) struct Place {
    pub(crate) database: Database,
    pub(crate) location: Location,
}

/// Where a database is.
#[derive(Debug)]
pub(crate) enum Location {
    File(PathBuf),
    Memory(Memory),
    /// Somewhere that the caller knows.
    Backend,
}

/// The bytes of a database that nobody has open.
pub(crate) struct Bytes {
    pub(crate) length: u64,
    pub(crate) content: Box<dyn Read + Send>,
    /// What they are read from, which goes when they do.
    pub(crate) _file: Option<Unfinished>,
}

impl Place {
    /// Whether nobody can open it again.
    pub(crate) fn is_memory(&self) -> bool {
        matches!(self.location, Location::Memory(_))
    }

    /// The bytes that it takes, or 0 where that cannot be told.
    pub(crate) fn size(&self) -> u64 {
        match &self.location {
            Location::File(path) => std::fs::metadata(path).map_or(0, |file| file.len()),
            Location::Memory(memory) => memory.len().unwrap_or(0),
            Location::Backend => 0,
        }
    }

    /// Copies a state as the bytes of a database of its own, in memory or in a file beside this one.
    pub(crate) fn copy(&self, snapshot: &Snapshot, meta: Meta) -> Result<Bytes, StorageError> {
        let Location::File(path) = &self.location else {
            let memory = Memory::default();
            let mut database = file::settings().create_with_backend(memory.clone())?;
            copy::fill(&mut database, snapshot, meta)?;
            database.close()?;
            let mut bytes = vec![0; usize::try_from(memory.len()?).map_err(io::Error::other)?];
            memory.read(0, &mut bytes)?;
            let length = bytes.len() as u64;
            return Ok(Bytes { length, content: Box::new(Cursor::new(bytes)), _file: None });
        };
        let unfinished = Unfinished::beside(path);
        let mut database = file::settings().create(unfinished.path())?;
        copy::fill(&mut database, snapshot, meta)?;
        database.close()?;
        let file = File::open(unfinished.path())?;
        let length = file.metadata()?.len();
        Ok(Bytes { length, content: Box::new(file), _file: Some(unfinished) })
    }

    /// Copies a state into another place like this one. Where that is a file, it has yet to take this one's
    /// name.
    pub(crate) fn rebuild(
        &self,
        snapshot: &Snapshot,
        meta: Meta,
    ) -> Result<(Self, Option<Unfinished>), StorageError> {
        match &self.location {
            Location::File(path) => {
                let unfinished = Unfinished::beside(path);
                let mut database = file::settings().create(unfinished.path())?;
                copy::fill(&mut database, snapshot, meta)?;
                Ok((Self { database, location: Location::File(path.clone()) }, Some(unfinished)))
            }
            Location::Memory(_) => {
                let memory = Memory::default();
                let mut database = file::settings().create_with_backend(memory.clone())?;
                copy::fill(&mut database, snapshot, meta)?;
                Ok((Self { database, location: Location::Memory(memory) }, None))
            }
            Location::Backend => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        }
    }
}
