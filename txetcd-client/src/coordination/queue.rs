//! [`Queue`] and [`PriorityQueue`]: items for many producers and consumers.
//!
//! An item is a key without a lease, which stays until it is acknowledged. A consumer stands in a line; the first
//! of it claims the first item that nobody has claimed, by a place of its own, and leaves the line. A consumer that
//! dies loses the claim with its session, and then the item is the first again. How items are ordered is in
//! `order`, what a consumer has of one in `item`.

mod item;
mod order;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::keys::{Kind, Name};
use super::line::Turn;
use super::once::Once;
use super::place::{Made, Making, Place};
use super::wait;
use crate::client::Client;
use crate::compare::Compare;
use crate::error::{self, Error, Result, unexpected_answer};
use crate::key_set::KeySet;
use crate::kv::{GetRequest, PutRequest};
use crate::session::Session;
use order::{First, ItemKey};

pub use item::Item;

/// A queue by its name. Made by [`Client::queue`]; clones share the session under which they push.
///
/// Items are delivered in the order in which they were pushed (that of their create revisions), each to one
/// consumer. One that is not acknowledged comes back, to its old place, when its consumer dies or drops it. So an item
/// is never lost, and is delivered again only to make up for a consumer that did not finish.
#[derive(Clone)]
pub struct Queue(Items);

/// A queue whose items have priorities. Made by [`Client::priority_queue`].
///
/// As [`Queue`], but items of a smaller number come first, whenever they were pushed.
#[derive(Clone)]
pub struct PriorityQueue(Items);

/// The keys after the name: claims and items, each followed by what [`ItemKey`] says, claims by a place as well; the
/// line of the consumers.
const CLAIMS: &[u8] = b"c";
const ITEMS: &[u8] = b"i";
const LINE: &[u8] = b"l";
/// The first key after claims and items.
const AFTER_ITEMS: &[u8] = b"j";

/// How long a producer's lost requests may still be on their way, at most.
const PRODUCER_TTL: Duration = Duration::from_secs(30);

impl Client {
    /// The queue of this name. Whoever pushes much keeps it: a queue starts a session when it first pushes.
    ///
    /// ```no_run
    /// # async fn example(client: &txetcd_client::Client) -> txetcd_client::Result<()> {
    /// let queue = client.queue("mails");
    /// queue.push("to: joe").await?;
    ///
    /// let session = client.session(std::time::Duration::from_secs(10)).await?;
    /// let item = queue.pop(&session).await?; // waits for one
    /// println!("sending {} bytes", item.value().len());
    /// item.ack().await?; // now it is gone for good
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue(&self, name: impl Into<String>) -> Queue {
        Queue(Items::new(self, Name::new(Kind::Queue, name.into())))
    }

    /// The priority queue of this name.
    pub fn priority_queue(&self, name: impl Into<String>) -> PriorityQueue {
        PriorityQueue(Items::new(self, Name::new(Kind::PriorityQueue, name.into())))
    }
}

impl Queue {
    /// Puts an item at the end, once: a lost answer is settled before this returns. Dropping the future does not take
    /// it back.
    ///
    /// # Errors
    /// The store's own; only after [`Error::is_commit_unknown`] it may have been pushed all the same.
    pub async fn push(&self, value: impl Into<Vec<u8>>) -> Result<()> {
        self.0.push(0, value.into()).await
    }

    /// Waits for the first item. Consumers are served in the order in which they came. Dropping the future gives
    /// up the place in the line, and the item, if it has one already.
    ///
    /// # Errors
    /// [`Error::is_lock_lost`] if the session is lost meanwhile; the store's own.
    pub async fn pop(&self, session: &Session) -> Result<Item> {
        self.0.pop(session).await
    }

    /// Takes the first item if there is one and nobody waits for it.
    ///
    /// # Errors
    /// As [`pop`](Self::pop).
    pub async fn try_pop(&self, session: &Session) -> Result<Option<Item>> {
        self.0.try_pop(session).await
    }

    /// Waits for an item for so long at most.
    ///
    /// # Errors
    /// [`Error::is_timeout`] if the time has passed; as [`pop`](Self::pop).
    pub async fn pop_within(&self, session: &Session, timeout: Duration) -> Result<Item> {
        super::within(timeout, &self.0.name, self.pop(session)).await
    }

    /// How many items are not acknowledged, those included that consumers have.
    ///
    /// # Errors
    /// As for any read.
    pub async fn count(&self) -> Result<u64> {
        self.0.count().await
    }
}

impl PriorityQueue {
    /// Puts an item behind those of the same priority or a smaller number; otherwise as [`Queue::push`].
    ///
    /// # Errors
    /// As [`Queue::push`].
    pub async fn push(&self, priority: u32, value: impl Into<Vec<u8>>) -> Result<()> {
        self.0.push(priority, value.into()).await
    }

    /// As [`Queue::pop`].
    ///
    /// # Errors
    /// As [`Queue::pop`].
    pub async fn pop(&self, session: &Session) -> Result<Item> {
        self.0.pop(session).await
    }

    /// As [`Queue::try_pop`].
    ///
    /// # Errors
    /// As [`Queue::pop`].
    pub async fn try_pop(&self, session: &Session) -> Result<Option<Item>> {
        self.0.try_pop(session).await
    }

    /// As [`Queue::pop_within`].
    ///
    /// # Errors
    /// As [`Queue::pop_within`].
    pub async fn pop_within(&self, session: &Session, timeout: Duration) -> Result<Item> {
        super::within(timeout, &self.0.name, self.pop(session)).await
    }

    /// As [`Queue::count`].
    ///
    /// # Errors
    /// As for any read.
    pub async fn count(&self) -> Result<u64> {
        self.0.count().await
    }
}

/// What both queues are.
#[derive(Clone)]
struct Items {
    client: Client,
    name: Name,
    producer: Arc<Mutex<Option<Producer>>>,
}

/// The session under which items are pushed.
#[derive(Clone)]
struct Producer {
    session: Session,
    /// A revision that all items pushed from now on come after.
    revision: i64,
}

impl Items {
    fn new(client: &Client, name: Name) -> Self {
        Self { client: client.clone(), name, producer: Arc::default() }
    }

    async fn push(&self, priority: u32, value: Vec<u8>) -> Result<()> {
        let task = tokio::spawn(self.clone().push_once(priority, value));
        task.await.map_err(|_| {
            Error::new(error::Kind::CommitUnknown, "the runtime stopped in the middle of a push")
        })?
    }

    async fn push_once(self, priority: u32, value: Vec<u8>) -> Result<()> {
        let Producer { session, revision } = self.producer().await?;
        let key = ItemKey { priority, revision, name: Place::name(&session) };
        let key = self.name.key(&[ITEMS, &key.to_bytes()].concat());
        let item = PutRequest::new(key.as_slice(), value);
        // Nothing counts of it but its lease: without that, nothing is put.
        let presence = PutRequest::new(session.fence().presence(), []).lease(session.lease());
        let once =
            Once { key, puts: vec![item.into(), presence.into()], when: Vec::new(), reads: Vec::new() };
        let mut perhaps = false;
        match once.run(&self.client, &session, |there| perhaps = there).await {
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
        Ok(producer.insert(Producer { session, revision }).clone())
    }

    async fn pop(&self, session: &Session) -> Result<Item> {
        let turn = self.turn().wait(&self.client, session).await?;
        loop {
            let (first, revision) = order::first(&self.client, &self.name).await?;
            match first {
                Some(first) => {
                    if let Some(item) = self.claim(&turn, first).await? {
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

    async fn try_pop(&self, session: &Session) -> Result<Option<Item>> {
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

    async fn count(&self) -> Result<u64> {
        Ok(self.client.get(self.name.keys(ITEMS)).count_only().await?.count())
    }

    fn turn(&self) -> Turn {
        Turn { prefix: self.name.key(LINE), value: Vec::new(), blockers: self.name.keys(LINE) }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue({})", self.0.name.describe())
    }
}

impl fmt::Debug for PriorityQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PriorityQueue({})", self.0.name.describe())
    }
}
