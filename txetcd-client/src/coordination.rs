//! Coordination between programs: locks, elections, barriers, sequences and queues.
//!
//! They are made of keys in slot 65535 of the client's namespace (`docs/format.md`), with key-value, lease and
//! watch requests alone, so that a user needs rights on nothing else.
//!
//! ```text
//!  mutex, rwlock, semaphore, election, queue, double_barrier     barrier, sequence
//!    |                                                             |
//!  line    whose turn it is: the order of create revisions         |
//!    |                                                             |
//!  place   a key of a session, deleted with its owner            cell    a key that is never deleted
//!    |                                                             |
//!  once    put once or surely not                                  |
//!    |                                                             |
//!  fence   shuts out a request whose answer was lost               |
//!    `----------------- wait, keys --------------------------------'
//! ```
//!
//! Three rules make all of it safe to drop at any moment, under lost answers as well. A place has a key that was
//! never used before, and is put in a task of its own, which sees it through; whoever no longer wants it drops
//! the [`Place`](place::Place), which deletes the key. After a lost answer the fence is raised before anything
//! else, so that no late request can put the key again. A cell changes only from the revision that was
//! read, and is never deleted, so that a late request cannot change it again.

mod barrier;
mod cell;
mod double_barrier;
mod election;
mod fence;
mod held;
mod keys;
mod line;
mod mutex;
mod once;
mod place;
mod queue;
mod rwlock;
mod semaphore;
mod sequence;
mod wait;

pub use barrier::Barrier;
pub use double_barrier::{DoubleBarrier, Entered};
pub use election::{Election, Leader, Leadership};
pub use held::{Held, Hold};
pub use mutex::{Lock, Mutex};
pub use queue::{Item, PriorityQueue, Queue};
pub use rwlock::{ReadLock, RwLock, WriteLock};
pub use semaphore::{Permit, Semaphore};
pub use sequence::Sequence;

pub(crate) use fence::Fence;

use std::time::Duration;

use crate::client::deadline_after;
use crate::error::{Error, Kind, Result};
use keys::Name;

/// Waits for so long at most.
async fn within<T>(timeout: Duration, name: &Name, wait: impl Future<Output = Result<T>>) -> Result<T> {
    let timed_out =
        || Error::new(Kind::Timeout, format!("the {} was not to be had within {timeout:?}", name.describe()));
    tokio::time::timeout_at(deadline_after(timeout), wait).await.unwrap_or_else(|_| Err(timed_out()))
}
