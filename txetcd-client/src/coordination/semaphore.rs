//! [`Semaphore`]: a lock that several hold at a time, in the order in which they asked.
//!
//! Whoever wants a permit stands in a line; only the first of it looks at the permits, and takes one as soon
//! as there are fewer than the limit.

use std::time::Duration;

use super::held::held;
use super::keys::{Kind, Name};
use super::line::Turn;
use super::place::{Making, Place};
use super::{cell, wait};
use crate::client::Client;
use crate::error::{self, Error, Result, unexpected_answer};
use crate::kv::GetRequest;
use crate::op::{Op, OpResponse};
use crate::session::Session;
use crate::txn::Txn;

/// A semaphore by its name. Made by [`Client::semaphore`].
///
/// Its limit is recorded in the store by whoever uses it first, and stays there. A program that has another limit is
/// refused, see [`set_limit`](Self::set_limit).
#[derive(Debug, Clone)]
pub struct Semaphore {
    client: Client,
    name: Name,
    limit: u32,
}

/// One of a semaphore's permits. Dropping it gives it back in the background.
#[derive(Debug)]
#[must_use = "a permit is given back when this is dropped"]
pub struct Permit {
    place: Place,
    what: String,
}

held!(Permit);

/// The keys after the name: the limit; the line, and the permits, each with a place.
const LIMIT: &[u8] = b"n";
const LINE: &[u8] = b"l";
const PERMITS: &[u8] = b"p";

impl Client {
    /// The semaphore of this name, with so many permits.
    pub fn semaphore(&self, name: impl Into<String>, limit: u32) -> Semaphore {
        Semaphore { client: self.clone(), name: Name::new(Kind::Semaphore, name.into()), limit }
    }
}

impl Semaphore {
    /// Waits for a permit. Dropping the future gives up the place in the line.
    ///
    /// # Errors
    /// [`Error::is_invalid_argument`] if the store has another limit recorded, [`Error::is_lock_lost`] if the
    /// session is lost meanwhile; the store's own.
    pub async fn acquire(&self, session: &Session) -> Result<Permit> {
        self.agree().await?;
        let turn = self.turn().wait(&self.client, session).await?;
        loop {
            let (permits, revision) = self.look().await?;
            if permits < u64::from(self.limit) {
                return self.take(turn).await;
            }
            wait::change(session, &self.client, self.name.keys(PERMITS), revision).await?;
        }
    }

    /// Takes a permit if there is one and nobody waits for it.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub async fn try_acquire(&self, session: &Session) -> Result<Option<Permit>> {
        self.agree().await?;
        let Some(turn) = self.turn().now(&self.client, session).await? else { return Ok(None) };
        if self.look().await?.0 < u64::from(self.limit) {
            return self.take(turn).await.map(Some);
        }
        turn.release().await?;
        Ok(None)
    }

    /// Waits for a permit for so long at most.
    ///
    /// # Errors
    /// [`Error::is_timeout`] if the time has passed; as [`acquire`](Self::acquire).
    pub async fn acquire_within(&self, session: &Session, timeout: Duration) -> Result<Permit> {
        super::within(timeout, &self.name, self.acquire(session)).await
    }

    /// Records another limit. Programs with the former one are refused from now on; permits that are held stay
    /// so, though they may be more than the new limit.
    ///
    /// # Errors
    /// The store's own.
    pub async fn set_limit(&mut self, limit: u32) -> Result<()> {
        let value = limit.to_be_bytes();
        cell::change(&self.client, &self.name.key(LIMIT), |found| {
            Ok(found.is_none_or(|found| found.value() != value).then(|| value.to_vec()))
        })
        .await?;
        self.limit = limit;
        Ok(())
    }

    /// Records the limit if there is none, and refuses another one.
    async fn agree(&self) -> Result<()> {
        cell::change(&self.client, &self.name.key(LIMIT), |found| {
            found.map_or(Ok(Some(self.limit.to_be_bytes().to_vec())), |found| {
                self.same(found.value()).map(|()| None)
            })
        })
        .await?;
        Ok(())
    }

    fn same(&self, recorded: &[u8]) -> Result<()> {
        let recorded = cell::number(recorded).map(u32::from_be_bytes);
        if recorded == Some(self.limit) {
            return Ok(());
        }
        let what = self.name.describe();
        let recorded = recorded.map_or("what is no limit".to_owned(), |limit| format!("the limit {limit}"));
        Err(Error::new(
            error::Kind::InvalidArgument,
            format!(
                "the {what} has {recorded} recorded in the store, but this program says {}: give all programs the same \
                 limit, or record a new one with `set_limit`",
                self.limit
            ),
        ))
    }

    /// How many permits are held, as of which revision. Fails if the limit is another one now.
    async fn look(&self) -> Result<(u64, i64)> {
        let asked =
            [GetRequest::new(self.name.key(LIMIT)), GetRequest::new(self.name.keys(PERMITS)).count_only()];
        let response = self.client.txn(Txn::default().then(asked.map(Op::from))).await?;
        let revision = response.revision();
        let mut answers = response.into_responses().into_iter().filter_map(OpResponse::into_get);
        let limit = answers.next().ok_or_else(unexpected_answer)?;
        self.same(limit.first().map_or(&[], |limit| limit.value()))?;
        Ok((answers.next().ok_or_else(unexpected_answer)?.count(), revision))
    }

    /// Takes a permit by the right of being the first in the line, and leaves the line. Not in the background: whoever
    /// tries next must not take this one for somebody who waits.
    async fn take(&self, turn: Place) -> Result<Permit> {
        let session = turn.session();
        let key = [self.name.key(PERMITS).as_slice(), &Place::name(session)].concat();
        let making = Making { key, value: Vec::new(), when: vec![turn.is_there()], reads: Vec::new() };
        let Some(made) = Place::make(&self.client, session, making).await? else {
            return Err(session.lost_error());
        };
        session.check()?;
        turn.release().await?;
        Ok(Permit { place: made.place, what: self.name.describe() })
    }

    fn turn(&self) -> Turn {
        Turn { prefix: self.name.key(LINE), value: Vec::new(), blockers: self.name.keys(LINE) }
    }
}

impl Permit {
    /// Gives the permit back, and returns when others can have it.
    ///
    /// # Errors
    /// The store's own. It is then given back in the background, or when the session ends.
    pub async fn release(self) -> Result<()> {
        self.place.release().await
    }
}
