//! [`Barrier`]: holds everyone back until it is released.

use super::keys::{Kind, Name};
use super::{cell, wait};
use crate::client::Client;
use crate::error::Result;
use crate::key_set::KeySet;

/// A barrier by its name. Made by [`Client::barrier`].
///
/// It hangs on no session: once it is held it stays so until somebody releases it, whoever that is. What it
/// leaves in the store is one small key.
#[derive(Debug, Clone)]
pub struct Barrier {
    client: Client,
    key: Vec<u8>,
}

const OPEN: &[u8] = &[0];
const HELD: &[u8] = &[1];

impl Client {
    /// The barrier of this name. It is open until it is held first.
    pub fn barrier(&self, name: impl Into<String>) -> Barrier {
        Barrier { client: self.clone(), key: Name::new(Kind::Barrier, name.into()).key(b"") }
    }
}

impl Barrier {
    /// Holds back whoever waits from now on.
    ///
    /// # Errors
    /// The store's own; whether it is held is open after
    /// [`Error::is_perhaps_applied`](crate::Error::is_perhaps_applied).
    pub async fn hold(&self) -> Result<()> {
        self.set(HELD).await
    }

    /// Lets everyone go on.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub async fn release(&self) -> Result<()> {
        self.set(OPEN).await
    }

    /// Whether it is held.
    ///
    /// # Errors
    /// As for any read.
    pub async fn is_held(&self) -> Result<bool> {
        Ok(self.look().await?.0)
    }

    /// Waits until it is not held. It may be held again by the time this returns.
    ///
    /// # Errors
    /// As for any read.
    pub async fn wait(&self) -> Result<()> {
        loop {
            let (held, revision) = self.look().await?;
            if !held {
                return Ok(());
            }
            wait::any(&self.client, KeySet::key(self.key.as_slice()), revision).await?;
        }
    }

    async fn look(&self) -> Result<(bool, i64)> {
        let found = self.client.get(self.key.as_slice()).await?;
        Ok((found.first().is_some_and(|kv| kv.value() == HELD), found.revision()))
    }

    async fn set(&self, state: &[u8]) -> Result<()> {
        cell::change(&self.client, &self.key, |found| {
            let is = found.map_or(OPEN, |found| found.value());
            Ok((is != state).then(|| state.to_vec()))
        })
        .await?;
        Ok(())
    }
}
