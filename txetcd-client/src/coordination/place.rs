//! [`Place`]: a key that a session put once, and that vanishes with its owner.
//!
//! A place in a line, a permit, a claim on an item. Its key has a number of the session in it, so it was never
//! used before and never will be again. Dropping the place deletes the key in the background; so does dropping
//! the future that was about to make it.

use std::time::Duration;

use tokio::runtime::Handle;

use super::once::{Done, Once};
use crate::client::Client;
use crate::compare::Compare;
use crate::error::{Error, Kind, Result};
use crate::kv::{GetRequest, GetResponse, PutRequest};
use crate::session::Session;

/// A key of a session, deleted when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    client: Client,
    session: Session,
    key: Vec<u8>,
    revision: i64,
    /// Where the key is deleted; `None` if there is nothing to delete.
    cleaner: Option<Handle>,
}

/// How a place is made.
#[derive(Debug, Clone)]
pub(crate) struct Making {
    /// The key, from [`Place::name`].
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    /// What must hold for it.
    pub(crate) when: Vec<Compare>,
    /// What to read as soon as it is made.
    pub(crate) reads: Vec<GetRequest>,
}

/// A place that was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) place: Place,
    /// What was read, as of this revision.
    pub(crate) answers: Vec<GetResponse>,
    pub(crate) revision: i64,
}

impl Place {
    /// The end of a key that nobody else has: `lease i64 | number u64`.
    pub(crate) fn name(session: &Session) -> [u8; 16] {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&session.lease().id().to_be_bytes());
        name[8..].copy_from_slice(&session.next_number().to_be_bytes());
        name
    }

    /// Makes a place; `None` if the conditions do not hold.
    ///
    /// A task of its own sees it through: if this future is dropped, the place is dropped when it is made.
    pub(crate) async fn make(client: &Client, session: &Session, making: Making) -> Result<Option<Made>> {
        session.check_client(client)?;
        let task = tokio::spawn(make(client.clone(), session.clone(), making));
        task.await.map_err(|_| Error::new(Kind::Unavailable, "the runtime is shutting down"))?
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The revision in which the key was created, which no other key under it ever has.
    pub(crate) fn revision(&self) -> i64 {
        self.revision
    }

    /// Holds as long as the key is there.
    pub(crate) fn is_there(&self) -> Compare {
        Compare::create_revision(self.key.as_slice()).eq(self.revision)
    }

    /// Fails if the key is gone.
    pub(crate) async fn verify(&self) -> Result<()> {
        let found = self.client.get(self.key.as_slice()).keys_only().await?;
        match found.first() {
            Some(kv) if kv.create_revision() == self.revision => Ok(()),
            _ => Err(self.session.lost_error()),
        }
    }

    /// Deletes the key, and returns when it is gone.
    pub(crate) async fn release(mut self) -> Result<()> {
        remove(&self.client, &self.session, &self.key).await?;
        self.cleaner = None;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(cleaner) = self.cleaner.take() else { return };
        let (client, session) = (self.client.clone(), self.session.clone());
        let key = std::mem::take(&mut self.key);
        cleaner.spawn(async move {
            if let Err(error) = remove(&client, &session, &key).await {
                tracing::warn!(%error, "a key of a session stays until its lease ends");
            }
        });
    }
}

/// Deletes a key, however long the store is away; without the lease it is gone anyway.
async fn remove(client: &Client, session: &Session, key: &[u8]) -> Result<()> {
    loop {
        let removed = tokio::select! {
            biased;
            removed = client.remove(key) => removed,
            () = session.lost() => return Ok(()),
        };
        match removed {
            Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(20)).await,
            settled => return settled,
        }
    }
}

async fn make(client: Client, session: Session, making: Making) -> Result<Option<Made>> {
    let Making { key, value, when, reads } = making;
    let put = PutRequest::new(key.as_slice(), value).lease(session.lease()).into();
    let once = Once { key: key.clone(), puts: vec![put], when, reads };
    let mut place =
        Place { client: client.clone(), session: session.clone(), key, revision: 0, cleaner: None };
    let done = once.run(&client, &session, |there| place.cleaner = there.then(Handle::current)).await?;
    let Some(Done { created, answers, revision }) = done else { return Ok(None) };
    place.revision = created;
    Ok(Some(Made { place, answers, revision }))
}
