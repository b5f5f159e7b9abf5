//! [`Items`]: pushing, claiming and waiting for items. `queue.rs` is the face of it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;

use super::item::Item;
use super::order::{self, First, ItemKey};
use crate::client::Client;
use crate::compare::Compare;
use crate::coordination::keys::Name;
use crate::coordination::line::Turn;
use crate::coordination::once::Once;
use crate::coordination::place::{Made, Making, Place};
use crate::coordination::wait;
use crate::error::{self, Error, Result, unexpected_answer};
use crate::key_set::KeySet;
use crate::kv::{GetRequest, PutRequest};
use crate::op::Op;
use crate::session::Session;
use crate::teeth::{Bug, planted};

/// The keys after the name: claims and items, each followed by what [`ItemKey`] says, claims by a place as well; the
/// line of the consumers.
pub(super) const CLAIMS: &[u8] = b"c";
pub(super) const ITEMS: &[u8] = b"i";
const LINE: &[u8] = b"l";
/// The first key after claims and items.
pub(super) const AFTER_ITEMS: &[u8] = b"j";

/// How many witnesses a push deletes at most.
const DELETED_TOGETHER: usize = 16;

/// How long a producer's lost requests may still be on their way, at most.
const PRODUCER_TTL: Duration = Duration::from_secs(30);

/// What both queues are.
#[derive(Clone)]
pub(super) struct Items {
    client: Client,
    pub(super) name: Name,
    producer: Arc<Mutex<Option<Producer>>>,
}

/// The session under which items are pushed.
#[derive(Clone)]
struct Producer {
    session: Session,
    /// A revision that all items pushed from now on come after.
    revision: i64,
    ended: Ended,
}

/// The witnesses of pushes that have come to their end. The next pushes delete them.
#[derive(Clone, Default)]
struct Ended(Arc<std::sync::Mutex<Vec<Vec<u8>>>>);

impl Ended {
    fn add(&self, witnesses: impl IntoIterator<Item = Vec<u8>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(witnesses);
    }

    /// As many as fit into a request beside a push.
    fn take(&self) -> Vec<Vec<u8>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.len().saturating_sub(DELETED_TOGETHER);
        all.split_off(kept)
    }
}

impl Items {
    pub(super) fn new(client: &Client, name: Name) -> Self {
        Self { client: client.clone(), name, producer: Arc::default() }
    }

    pub(super) async fn push(&self, priority: u32, value: Vec<u8>) -> Result<()> {
        let task = tokio::spawn(self.clone().push_once(priority, value));
        task.await.map_err(|_| {
            Error::new(error::Kind::CommitUnknown, "the runtime stopped in the middle of a push")
        })?
    }

    async fn push_once(self, priority: u32, value: Vec<u8>) -> Result<()> {
        let Producer { session, revision, ended } = self.producer().await?;
        let name = Place::name(&session);
        // Whether the item was put is asked of a key beside it: the item itself may have been finished by then.
        let witness = [session.fence().presence(), name.to_vec()].concat();
        let key = ItemKey { priority, revision, name };
        let key = self.name.key(&[ITEMS, &key.to_bytes()].concat());
        let mut puts: Vec<Op> = vec![
            PutRequest::new(key.as_slice(), value).into(),
            PutRequest::new(witness.as_slice(), []).lease(session.lease()).into(),
        ];
        let others = ended.take();
        puts.extend(others.iter().map(|witness| Op::delete(witness.as_slice())));
        let asked = if planted(Bug::PushAsksItem) { key } else { witness.clone() };
        let once = Once { key: asked, puts, when: Vec::new(), reads: Vec::new() };
        let mut perhaps = false;
        let outcome = once.run(&self.client, &session, |there| perhaps = there).await;
        if outcome.is_ok() {
            ended.add([witness]);
        } else {
            ended.add(others);
        }
        match outcome {
            Ok(Some(done)) => {
                if let Some(producer) = &mut *self.producer.lock().await {
                    producer.revision = producer.revision.max(done.created);
                }
                Ok(())
            }
            Ok(None) => Err(unexpected_answer()),
            Err(error) if perhaps => Err(Error::new(
                error::Kind::CommitUnknown,
                format!(
                    "the answer to a push was lost, and the store could not be asked again: the item may be in the {}, \
                     or not",
                    self.name.describe()
                ),
            )
            .with_source(error)),
            Err(error) => Err(error),
        }
    }

    async fn producer(&self) -> Result<Producer> {
        let mut producer = self.producer.lock().await;
        if let Some(producer) = &*producer
            && producer.session.is_alive()
        {
            return Ok(producer.clone());
        }
        let session = self.client.session(PRODUCER_TTL).await?;
        let (revision, _) = self.client.revision_and_cluster().await?;
        Ok(producer.insert(Producer { session, revision, ended: Ended::default() }).clone())
    }

    pub(super) async fn pop(&self, session: &Session) -> Result<Item> {
        let turn = self.turn().wait(&self.client, session).await?;
        loop {
            let (first, revision) = order::first(&self.client, &self.name).await?;
            match first {
                Some(first) => {
                    if let Some(item) = self.claim(&turn, first).await? {
                        // Not in the background: whoever tries next must not take this one for somebody who waits.
                        turn.release().await?;
                        return Ok(item);
                    }
                }
                None => {
                    let keys = KeySet::range(self.name.key(CLAIMS), self.name.key(AFTER_ITEMS));
                    wait::change(session, &self.client, keys, revision).await?;
                }
            }
        }
    }

    pub(super) async fn try_pop(&self, session: &Session) -> Result<Option<Item>> {
        let Some(turn) = self.turn().now(&self.client, session).await? else { return Ok(None) };
        let mut item = None;
        while let (Some(first), _) = order::first(&self.client, &self.name).await? {
            item = self.claim(&turn, first).await?;
            if item.is_some() {
                break;
            }
        }
        turn.release().await?;
        Ok(item)
    }

    /// Claims an item by the right of being the first in the line. `None` if it was acknowledged meanwhile.
    async fn claim(&self, turn: &Place, first: First) -> Result<Option<Item>> {
        let session = turn.session();
        let item = self.name.key(&[ITEMS, &first.key].concat());
        let claims = self.name.key(&[CLAIMS, &first.key].concat());
        let key = [claims.as_slice(), &Place::name(session)].concat();
        let still = Compare::create_revision(item.as_slice()).eq(first.created);
        let unclaimed = Compare::create_revision(KeySet::prefix(claims)).eq(0);
        let making = Making {
            key,
            value: Vec::new(),
            when: vec![turn.is_there(), still, unclaimed],
            reads: vec![GetRequest::new(item.as_slice())],
        };
        let Some(Made { place, answers, .. }) = Place::make(&self.client, session, making).await? else {
            turn.verify().await?;
            return Ok(None);
        };
        session.check()?;
        let found = answers.into_iter().next().and_then(|answer| answer.into_kvs().into_iter().next());
        let value = found.ok_or_else(unexpected_answer)?.into_parts().1;
        Ok(Some(Item::new(place, item, value, format!("item of the {}", self.name.describe()))))
    }

    pub(super) async fn count(&self) -> Result<u64> {
        Ok(self.client.get(self.name.keys(ITEMS)).count_only().await?.count())
    }

    fn turn(&self) -> Turn {
        Turn { prefix: self.name.key(LINE), value: Vec::new(), blockers: self.name.keys(LINE) }
    }
}
