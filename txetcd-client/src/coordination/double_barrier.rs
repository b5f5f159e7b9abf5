//! [`DoubleBarrier`]: so many begin together, and end together.
//!
//! A cell holds up to which create revision those who entered were let in. When enough stand before it, and
//! all who were let in earlier have left, anyone who sees it moves it on.

use super::keys::{Kind, Name};
use super::place::{Made, Making, Place};
use super::{cell, wait};
use crate::client::Client;
use crate::compare::Compare;
use crate::error::{self, Error, Result, unexpected_answer};
use crate::key_value::KeyValue;
use crate::kv::{GetRequest, SortBy};
use crate::op::{Op, OpResponse};
use crate::session::Session;
use crate::txn::Txn;

/// A double barrier by its name. Made by [`Client::double_barrier`].
///
/// Whoever enters waits until so many have entered; whoever leaves waits until all of these have left. Then it
/// can be used again. A participant that dies before the barrier is full is not counted, and one that dies inside has
/// left.
#[derive(Debug, Clone)]
pub struct DoubleBarrier {
    client: Client,
    name: Name,
    count: u32,
}

/// The inside of a [`DoubleBarrier`]. Dropping it leaves, without waiting for the others.
#[derive(Debug)]
#[must_use = "dropping this leaves the barrier"]
pub struct Entered {
    place: Place,
    barrier: DoubleBarrier,
    /// The last create revision of those who were let in together.
    last: i64,
}

/// The keys after the name: how far was let in; and the participants, each with a place.
const DOOR: &[u8] = b"d";
const PARTICIPANTS: &[u8] = b"p";

/// What is there, as of one revision.
struct View {
    revision: i64,
    /// Up to which create revision participants were let in; and the `mod_revision` of that.
    door: (i64, i64),
    /// In the order in which they came.
    participants: Vec<KeyValue>,
}

impl Client {
    /// The double barrier of this name, for so many participants.
    pub fn double_barrier(&self, name: impl Into<String>, count: u32) -> DoubleBarrier {
        DoubleBarrier { client: self.clone(), name: Name::new(Kind::DoubleBarrier, name.into()), count }
    }
}

impl DoubleBarrier {
    /// Waits until so many have entered. Dropping the future takes this one back.
    ///
    /// # Errors
    /// [`Error::is_invalid_argument`] if another participant says another number,
    /// [`Error::is_lock_lost`] if the session is lost meanwhile; the store's own.
    pub async fn enter(&self, session: &Session) -> Result<Entered> {
        let count = self.count.to_be_bytes().to_vec();
        let key = [self.name.key(PARTICIPANTS).as_slice(), &Place::name(session)].concat();
        let making = Making { key, value: count.clone(), when: Vec::new(), reads: Vec::new() };
        let made = Place::make(&self.client, session, making).await?;
        let Made { place, .. } = made.ok_or_else(unexpected_answer)?;
        loop {
            let View { revision, door, participants } = self.look().await?;
            let before = |other: &&KeyValue| other.create_revision() < place.revision();
            if let Some(other) = participants.iter().filter(before).find(|other| other.value() != count) {
                return Err(self.differs(other));
            }
            if !participants.iter().any(|one| one.create_revision() == place.revision()) {
                return Err(session.lost_error());
            }
            if place.revision() <= door.0 {
                session.check()?;
                return Ok(Entered { place, barrier: self.clone(), last: door.0 });
            }
            let inside = participants.iter().any(|one| one.create_revision() <= door.0);
            // One that came later and says another number is about to be refused.
            let mut counted = participants.iter().filter(|one| one.value() == count);
            match counted.nth((self.count as usize).saturating_sub(1)) {
                Some(last) if !inside => self.open(door.1, last.create_revision()).await?,
                _ => wait::change(session, &self.client, self.name.keys(b""), revision).await?,
            }
        }
    }

    /// Lets in everyone up to this create revision, unless someone else moved the door.
    async fn open(&self, seen: i64, last: i64) -> Result<()> {
        let key = self.name.key(DOOR);
        let open = Txn::when([Compare::mod_revision(key.as_slice()).eq(seen)])
            .then([Op::put(key, last.to_be_bytes())]);
        match self.client.txn(open).await {
            // Whether it was this request is seen at the next look.
            Err(error) if !error.is_perhaps_applied() => Err(error),
            _ => Ok(()),
        }
    }

    async fn look(&self) -> Result<View> {
        let asked = [
            GetRequest::new(self.name.key(DOOR)),
            GetRequest::new(self.name.keys(PARTICIPANTS)).sort_by(SortBy::CreateRevision),
        ];
        let response = self.client.txn(Txn::default().then(asked.map(Op::from))).await?;
        let revision = response.revision();
        let mut answers = response.into_responses().into_iter().filter_map(OpResponse::into_get);
        let door = answers.next().ok_or_else(unexpected_answer)?;
        let participants = answers.next().ok_or_else(unexpected_answer)?.into_kvs();
        let door = door
            .first()
            .map_or((0, 0), |kv| (cell::number(kv.value()).map_or(0, i64::from_be_bytes), kv.mod_revision()));
        Ok(View { revision, door, participants })
    }

    fn differs(&self, other: &KeyValue) -> Error {
        let says = cell::number(other.value()).map_or(0, u32::from_be_bytes);
        Error::new(
            error::Kind::InvalidArgument,
            format!(
                "another participant of the {} waits for {says}, but this program says {}: give all the same number",
                self.name.describe(),
                self.count
            ),
        )
    }
}

impl Entered {
    /// Leaves, and waits until all who entered together have left.
    ///
    /// # Errors
    /// [`Error::is_lock_lost`] if the session is lost meanwhile; the store's own. It has left in any case.
    pub async fn leave(self) -> Result<()> {
        let Self { place, barrier, last } = self;
        let session = place.session().clone();
        place.release().await?;
        loop {
            let View { revision, participants, .. } = barrier.look().await?;
            if !participants.iter().any(|one| one.create_revision() <= last) {
                return Ok(());
            }
            wait::change(&session, &barrier.client, barrier.name.keys(PARTICIPANTS), revision).await?;
        }
    }

    /// Resolves when its session is lost, and with it the place inside.
    pub async fn lost(&self) {
        self.place.session().lost().await;
    }
}
