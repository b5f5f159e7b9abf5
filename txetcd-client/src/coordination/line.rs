//! [`Turn`]: whose turn it is, by the order in which the places were made.
//!
//! Each place waits for one key: the last one before it that is in its way. So the end of one wakes one.

use super::place::{Made, Making, Place};
use super::wait;
use crate::client::Client;
use crate::error::{Result, unexpected_answer};
use crate::key_set::KeySet;
use crate::key_value::KeyValue;
use crate::kv::{GetRequest, GetResponse, SortBy};
use crate::op::{Op, OpResponse};
use crate::session::Session;
use crate::txn::Txn;

/// How to get a turn.
pub(super) struct Turn {
    /// The beginning of the place's key.
    pub(super) prefix: Vec<u8>,
    pub(super) value: Vec<u8>,
    /// The keys that are in the way if they were created before.
    pub(super) blockers: KeySet,
}

impl Turn {
    /// Waits for the turn.
    pub(super) async fn wait(self, client: &Client, session: &Session) -> Result<Place> {
        let blockers = self.blockers.clone();
        let Some(made) = self.make(client, session, false).await? else { return Err(unexpected_answer()) };
        let Made { place, answers, revision } = made;
        let (mut ahead, mut revision) = match answers.first() {
            // Read together with the put, so all others were there before.
            Some(found) if revision == place.revision() => (ahead(&place, found), revision),
            _ => look(&place, &blockers).await?,
        };
        while let Some(key) = ahead {
            wait::change(session, client, KeySet::key(key), revision).await?;
            (ahead, revision) = look(&place, &blockers).await?;
        }
        // What was waited for says nothing of how long it took to learn of it.
        session.check()?;
        Ok(place)
    }

    /// Gets the turn if nothing is in the way.
    pub(super) async fn now(self, client: &Client, session: &Session) -> Result<Option<Place>> {
        let made = self.make(client, session, true).await?;
        session.check()?;
        Ok(made.map(|made| made.place))
    }

    async fn make(self, client: &Client, session: &Session, only_if_free: bool) -> Result<Option<Made>> {
        let key = [self.prefix.as_slice(), &Place::name(session)].concat();
        let free = crate::compare::Compare::create_revision(self.blockers.clone()).eq(0);
        let when = if only_if_free { vec![free] } else { Vec::new() };
        let reads = vec![last(&self.blockers, None)];
        Place::make(client, session, Making { key, value: self.value, when, reads }).await
    }
}

/// Looks who is in the way of a place now, and as of which revision. Fails if the place is gone.
async fn look(place: &Place, blockers: &KeySet) -> Result<(Option<Vec<u8>>, i64)> {
    let asked = [GetRequest::new(place.key()).keys_only(), last(blockers, Some(place.revision()))];
    let response = place.client().txn(Txn::default().then(asked.map(Op::from))).await?;
    let revision = response.revision();
    let mut answers = response.into_responses().into_iter().filter_map(OpResponse::into_get);
    let own = answers.next().ok_or_else(unexpected_answer)?;
    if own.first().map(KeyValue::create_revision) != Some(place.revision()) {
        return Err(place.session().lost_error());
    }
    let found = answers.next().ok_or_else(unexpected_answer)?;
    Ok((ahead(place, &found), revision))
}

/// The last two that were created, one of which may be the place itself.
fn last(blockers: &KeySet, until: Option<i64>) -> GetRequest {
    let request =
        GetRequest::new(blockers.clone()).keys_only().sort_by(SortBy::CreateRevision).reverse().limit(2);
    match until {
        Some(revision) => request.max_create_revision(revision),
        None => request,
    }
}

/// The key that is in the way of a place.
fn ahead(place: &Place, found: &GetResponse) -> Option<Vec<u8>> {
    let found = found.kvs().iter().find(|kv| kv.key() != place.key());
    found.map(|kv| kv.key().to_vec())
}
