//! [`Election`]: one leader at a time, which everyone can see.

use std::fmt;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::Mutex;

use super::held::held;
use super::keys::{Kind, Name};
use super::line::Turn;
use super::place::Place;
use super::wait;
use crate::client::Client;
use crate::compare::Compare;
use crate::error::{Result, unexpected_answer};
use crate::key_set::KeySet;
use crate::key_value::KeyValue;
use crate::kv::{GetRequest, PutRequest, SortBy};
use crate::op::OpResponse;
use crate::session::Session;
use crate::txn::Txn;

/// An election by its name. Made by [`Client::election`].
///
/// Whoever campaigns first leads first, until it resigns or its session is lost.
#[derive(Debug, Clone)]
pub struct Election {
    client: Client,
    name: Name,
}

/// The office of the leader. Dropping it resigns in the background.
#[derive(Debug)]
#[must_use = "dropping this resigns"]
pub struct Leadership {
    place: Place,
    what: String,
    /// The revision of the last value that this one proclaimed.
    proclaimed: Mutex<i64>,
}

held!(Leadership);

/// A leader, as others see it. `Debug` does not show the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Leader {
    value: Vec<u8>,
    token: i64,
    revision: i64,
}

impl Client {
    /// The election of this name.
    pub fn election(&self, name: impl Into<String>) -> Election {
        Election { client: self.clone(), name: Name::new(Kind::Election, name.into()) }
    }
}

impl Election {
    /// Waits to be the leader, who then is known by this value. Dropping the future gives up the candidature.
    ///
    /// # Errors
    /// [`Error::is_lock_lost`](crate::Error::is_lock_lost) if the session is lost meanwhile; the store's own.
    pub async fn campaign(&self, session: &Session, value: impl Into<Vec<u8>>) -> Result<Leadership> {
        let turn = Turn { prefix: self.name.key(b""), value: value.into(), blockers: self.name.keys(b"") };
        let place = turn.wait(&self.client, session).await?;
        let proclaimed = Mutex::new(place.revision());
        Ok(Leadership { place, what: self.name.describe(), proclaimed })
    }

    /// The leader, if there is one.
    ///
    /// # Errors
    /// As for any read.
    pub async fn leader(&self) -> Result<Option<Leader>> {
        Ok(self.look().await?.0.map(Leader::of))
    }

    /// The leader, whenever it is another one or has proclaimed another value; the first as of now. What came and
    /// went between two looks is left out. The stream outlives times without the store; it ends after an error that
    /// would come again.
    pub fn observe(&self) -> BoxStream<'static, Result<Leader>> {
        let election = self.clone();
        stream::unfold(Some((election, None)), |state| async move {
            let (election, seen): (Self, Option<Leader>) = state?;
            match election.other_than(seen.as_ref()).await {
                Ok(leader) => Some((Ok(leader.clone()), Some((election, Some(leader))))),
                Err(error) => {
                    let state = error.is_transient().then_some((election, seen));
                    Some((Err(error), state))
                }
            }
        })
        .boxed()
    }

    /// Waits for a leader, or a value of it, that was not the last one seen.
    async fn other_than(&self, seen: Option<&Leader>) -> Result<Leader> {
        loop {
            let (found, revision) = self.look().await?;
            let keys = found.as_ref().map_or_else(|| self.name.keys(b""), |kv| KeySet::key(kv.key()));
            match found.map(Leader::of) {
                Some(leader) if seen != Some(&leader) => return Ok(leader),
                _ => wait::any(&self.client, keys, revision).await?,
            }
        }
    }

    /// The key of the leader, as of which revision.
    async fn look(&self) -> Result<(Option<KeyValue>, i64)> {
        let request = self.client.get(self.name.keys(b"")).sort_by(SortBy::CreateRevision).limit(1).await?;
        let revision = request.revision();
        Ok((request.into_kvs().into_iter().next(), revision))
    }
}

impl Leadership {
    /// Makes another value known.
    ///
    /// # Errors
    /// [`Error::is_lock_lost`](crate::Error::is_lock_lost) if it is not the leader any more; the store's own.
    pub async fn proclaim(&self, value: impl Into<Vec<u8>>) -> Result<()> {
        let (key, value) = (self.place.key(), value.into());
        let session = self.place.session();
        let mut proclaimed = self.proclaimed.lock().await;
        loop {
            session.check()?;
            // Only this one puts the key, so a late request finds another revision than it expects.
            let request = Txn::when([Compare::mod_revision(key).eq(*proclaimed)])
                .then([PutRequest::new(key, value.as_slice()).lease(session.lease()).into()])
                .or_else([GetRequest::new(key).into()]);
            match self.place.client().txn(request).await {
                Ok(response) if response.succeeded() => {
                    *proclaimed = response.revision();
                    return Ok(());
                }
                Ok(response) => {
                    let answer = response.into_responses().into_iter().next().and_then(OpResponse::into_get);
                    let found = answer.ok_or_else(unexpected_answer)?;
                    match found.first() {
                        Some(kv) if kv.create_revision() == self.place.revision() => {
                            // An earlier request, whose answer was lost or not waited for.
                            *proclaimed = kv.mod_revision();
                            if kv.value() == value {
                                return Ok(());
                            }
                        }
                        _ => return Err(session.lost_error()),
                    }
                }
                Err(error) if error.is_perhaps_applied() => {
                    tracing::debug!(%error, "proclaiming again");
                    wait::moment().await;
                }
                Err(error) if error.is_not_found() => return Err(session.lost_error()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Resigns, and returns when others can lead.
    ///
    /// # Errors
    /// The store's own. It then resigns in the background, or when the session ends.
    pub async fn resign(self) -> Result<()> {
        self.place.release().await
    }
}

impl Leader {
    fn of(kv: KeyValue) -> Self {
        let (token, revision) = (kv.create_revision(), kv.mod_revision());
        Self { value: kv.into_parts().1, token, revision }
    }

    /// What it is known by.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The number of its leadership, [`Leadership::fencing_token`]: greater for later leaders.
    pub fn fencing_token(&self) -> i64 {
        self.token
    }

    /// The revision in which it proclaimed the value.
    pub fn revision(&self) -> i64 {
        self.revision
    }
}

impl fmt::Debug for Leader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader")
            .field("token", &self.token)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
