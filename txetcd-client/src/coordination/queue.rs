//! [`Queue`] and [`PriorityQueue`]: items for many producers and consumers.
//!
//! An item is a key without a lease, which stays until it is acknowledged. A consumer stands in a line; the first
//! of it claims the first item that nobody has claimed, by a place of its own, and leaves the line. A consumer that
//! dies loses the claim with its session, and then the item is the first again. What is done is in `items`, the order in
//! `order`, and what a consumer has of an item in `item`.

mod item;
mod items;
mod order;

use std::fmt;
use std::time::Duration;

use super::keys::{Kind, Name};
use crate::client::Client;
use crate::error::Result;
use crate::session::Session;
use items::Items;

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
    /// The store's own; only after [`Error::is_commit_unknown`](crate::Error::is_commit_unknown) it may have been pushed all the same.
    pub async fn push(&self, value: impl Into<Vec<u8>>) -> Result<()> {
        self.0.push(0, value.into()).await
    }

    /// Waits for the first item. Consumers are served in the order in which they came. Dropping the future gives
    /// up the place in the line, and the item, if it has one already.
    ///
    /// # Errors
    /// [`Error::is_lock_lost`](crate::Error::is_lock_lost) if the session is lost meanwhile; the store's own.
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
    /// [`Error::is_timeout`](crate::Error::is_timeout) if the time has passed; as [`pop`](Self::pop).
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
