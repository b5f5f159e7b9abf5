//! [`Backup`]: a consistent copy of a store on its way to a client, in pieces, as etcd sends it.
//!
//! The pieces together are a `store.redb` without holes, whose length is a multiple of 4096, followed by
//! the 32 bytes of its SHA-256. `etcdctl snapshot save` writes them into a file, and
//! [`Store::restore`](crate::Store::restore) makes a store of it.

use std::io::{self, Read};

use sha2::{Digest, Sha256};
use tonic::Status;

use crate::engine::{Engine, VERSION};
use crate::failure::unreadable;
use crate::proto::SnapshotResponse;
use crate::storage::error::StorageError;
use crate::storage::place::Bytes;

/// Bytes in a piece, as in etcd.
const PIECE: u64 = 32 * 1024;

/// A copy of a store, of which a part is sent.
pub(crate) struct Backup {
    bytes: Bytes,
    hash: Sha256,
    left: u64,
    /// Whether the hash, which comes last, is sent.
    ended: bool,
}

impl Backup {
    /// Copies the newest state. That blocks the thread for as long as it takes to read and write it all.
    pub(crate) fn new(engine: &Engine) -> Result<Self, StorageError> {
        let bytes = engine.copy()?;
        Ok(Self { left: bytes.length, bytes, hash: Sha256::new(), ended: false })
    }

    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = vec![0; usize::try_from(self.left.min(PIECE)).map_err(io::Error::other)?];
        self.bytes.content.read_exact(&mut piece)?;
        self.left -= piece.len() as u64;
        self.hash.update(&piece);
        Ok(piece)
    }

    fn response(&mut self) -> Result<SnapshotResponse, Status> {
        let blob = if self.left > 0 {
            self.piece().map_err(|error| unreadable(&error.into()))?
        } else {
            self.ended = true;
            self.hash.finalize_reset().to_vec()
        };
        let version = VERSION.to_owned();
        Ok(SnapshotResponse { header: None, remaining_bytes: self.left, blob, version })
    }
}

impl Iterator for Backup {
    type Item = Result<SnapshotResponse, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let response = self.response();
        self.ended |= response.is_err();
        Some(response)
    }
}
