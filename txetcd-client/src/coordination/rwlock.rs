//! [`RwLock`]: a lock for many readers or one writer, in the order in which they asked.

use std::time::Duration;

use super::held::held;
use super::keys::{Kind, Name};
use super::line::Turn;
use super::place::Place;
use crate::client::Client;
use crate::error::Result;
use crate::session::Session;

/// A read-write lock by its name. Made by [`Client::rwlock`].
///
/// Readers hold it together, a writer holds it alone. Nobody passes anybody: a reader that asks while a writer
/// waits gets it after that writer.
#[derive(Debug, Clone)]
pub struct RwLock {
    client: Client,
    name: Name,
}

/// A [`RwLock`] that is held for reading. Dropping it frees it in the background.
#[derive(Debug)]
#[must_use = "a lock is freed when this is dropped"]
pub struct ReadLock {
    place: Place,
    what: String,
}

/// A [`RwLock`] that is held for writing. Dropping it frees it in the background.
#[derive(Debug)]
#[must_use = "a lock is freed when this is dropped"]
pub struct WriteLock {
    place: Place,
    what: String,
}

held!(ReadLock);
held!(WriteLock);

/// The key after the name: `'r'` or `'w'`, then the place.
const READERS: &[u8] = b"r";
const WRITERS: &[u8] = b"w";

impl Client {
    /// The read-write lock of this name.
    pub fn rwlock(&self, name: impl Into<String>) -> RwLock {
        RwLock { client: self.clone(), name: Name::new(Kind::RwLock, name.into()) }
    }
}

impl RwLock {
    /// Waits until it can be held for reading. Dropping the future gives up the place in the line.
    ///
    /// # Errors
    /// [`Error::is_lock_lost`](crate::Error::is_lock_lost) if the session is lost meanwhile; the store's own.
    pub async fn read(&self, session: &Session) -> Result<ReadLock> {
        Ok(self.read_lock(self.reader().wait(&self.client, session).await?))
    }

    /// Holds it for reading if no writer has it or waits for it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn try_read(&self, session: &Session) -> Result<Option<ReadLock>> {
        let place = self.reader().now(&self.client, session).await?;
        Ok(place.map(|place| self.read_lock(place)))
    }

    /// Waits for so long at most until it can be held for reading.
    ///
    /// # Errors
    /// [`Error::is_timeout`](crate::Error::is_timeout) if the time has passed; as [`read`](Self::read).
    pub async fn read_within(&self, session: &Session, timeout: Duration) -> Result<ReadLock> {
        super::within(timeout, &self.name, self.read(session)).await
    }

    /// Waits until it can be held for writing. Dropping the future gives up the place in the line.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn write(&self, session: &Session) -> Result<WriteLock> {
        Ok(self.write_lock(self.writer().wait(&self.client, session).await?))
    }

    /// Holds it for writing if nobody has it or waits for it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn try_write(&self, session: &Session) -> Result<Option<WriteLock>> {
        let place = self.writer().now(&self.client, session).await?;
        Ok(place.map(|place| self.write_lock(place)))
    }

    /// Waits for so long at most until it can be held for writing.
    ///
    /// # Errors
    /// [`Error::is_timeout`](crate::Error::is_timeout) if the time has passed; as [`read`](Self::read).
    pub async fn write_within(&self, session: &Session, timeout: Duration) -> Result<WriteLock> {
        super::within(timeout, &self.name, self.write(session)).await
    }

    fn reader(&self) -> Turn {
        Turn { prefix: self.name.key(READERS), value: Vec::new(), blockers: self.name.keys(WRITERS) }
    }

    fn writer(&self) -> Turn {
        Turn { prefix: self.name.key(WRITERS), value: Vec::new(), blockers: self.name.keys(b"") }
    }

    fn read_lock(&self, place: Place) -> ReadLock {
        ReadLock { place, what: self.name.describe() }
    }

    fn write_lock(&self, place: Place) -> WriteLock {
        WriteLock { place, what: self.name.describe() }
    }
}

impl ReadLock {
    /// Frees it, and returns when it is free.
    ///
    /// # Errors
    /// The store's own. It is then freed in the background, or when the session ends.
    pub async fn release(self) -> Result<()> {
        self.place.release().await
    }
}

impl WriteLock {
    /// Frees it, and returns when it is free.
    ///
    /// # Errors
    /// The store's own. It is then freed in the background, or when the session ends.
    pub async fn release(self) -> Result<()> {
        self.place.release().await
    }
}
