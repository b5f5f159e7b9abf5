//! [`Mutex`]: a lock that one holder has at a time, in the order in which they asked.

use std::time::Duration;

use super::held::held;
use super::keys::{Kind, Name};
use super::line::Turn;
use super::place::Place;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::session::Session;

/// A lock by its name. Made by [`Client::lock`]; clones, other processes and other machines that use the same
/// name, in the same namespace, mean the same lock.
///
/// Whoever asks first gets it first. A holder that dies, or cannot reach the store for as long as its session's
/// lease lives, loses it: see [`Lock::lost`], and guard what is written.
#[derive(Debug, Clone)]
pub struct Mutex {
    client: Client,
    name: Name,
}

/// A [`Mutex`] that is held. Dropping it frees it in the background.
#[derive(Debug)]
#[must_use = "a lock is freed when this is dropped"]
pub struct Lock {
    place: Place,
    what: String,
}

held!(Lock);

impl Client {
    /// The lock of this name.
    ///
    /// ```no_run
    /// # use txetcd_client::{Client, Compare, Op, Txn};
    /// # async fn example(client: &Client) -> txetcd_client::Result<()> {
    /// let session = client.session(std::time::Duration::from_secs(10)).await?;
    /// let lock = client.lock("jobs").acquire(&session).await?;
    /// // Applied only if the lock is still held at that moment.
    /// client.txn(Txn::default().then([Op::put("job", "done")])).guard(&lock).await?;
    /// lock.release().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock(&self, name: impl Into<String>) -> Mutex {
        Mutex { client: self.clone(), name: Name::new(Kind::Lock, name.into()) }
    }
}

impl Mutex {
    /// Waits for the lock. Dropping the future gives up the place in the line.
    ///
    /// # Errors
    /// [`Error::is_lock_lost`] if the session is lost meanwhile; the store's own.
    pub async fn acquire(&self, session: &Session) -> Result<Lock> {
        Ok(self.held(self.turn().wait(&self.client, session).await?))
    }

    /// Takes the lock if nobody has it or waits for it.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub async fn try_acquire(&self, session: &Session) -> Result<Option<Lock>> {
        let place = self.turn().now(&self.client, session).await?;
        Ok(place.map(|place| self.held(place)))
    }

    /// Waits for the lock for so long at most.
    ///
    /// # Errors
    /// [`Error::is_timeout`] if the time has passed; as [`acquire`](Self::acquire).
    pub async fn acquire_within(&self, session: &Session, timeout: Duration) -> Result<Lock> {
        super::within(timeout, &self.name, self.acquire(session)).await
    }

    fn turn(&self) -> Turn {
        Turn { prefix: self.name.key(b""), value: Vec::new(), blockers: self.name.keys(b"") }
    }

    fn held(&self, place: Place) -> Lock {
        Lock { place, what: self.name.describe() }
    }
}

impl Lock {
    /// Frees the lock, and returns when it is free.
    ///
    /// # Errors
    /// The store's own. The lock is then freed in the background, or when the session ends.
    pub async fn release(self) -> Result<(), Error> {
        self.place.release().await
    }
}
