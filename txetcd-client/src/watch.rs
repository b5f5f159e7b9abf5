//! Watching keys: [`Watch`] says what to watch, and gives a [`WatchStream`] of whole revisions.
//!
//! ```text
//! WatchStream -> feed          resumes: on another endpoint, at the revision after the last complete one
//!                -> connection one stream of etcd, with a watchdog
//!                -> assembler  etcd's messages, cut anywhere, put together to whole revisions
//! ```
//!
//! Nothing runs in the background: etcd is read as far as the stream is read, and a stream that is dropped is
//! gone at once, on the server too.

mod assembler;
mod connection;
mod event;
mod feed;
mod stream;

pub use event::{WatchEvent, WatchResponse};
pub use stream::WatchStream;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::key_set::KeySet;
use feed::Feed;

/// What to watch. Finish it with [`stream`](Watch::stream).
///
/// ```no_run
/// # async fn program(client: txetcd_client::Client) -> txetcd_client::Result<()> {
/// use futures_util::StreamExt as _;
/// use txetcd_client::{KeySet, WatchEvent};
///
/// let mut changes = client.watch(KeySet::prefix("jobs/")).previous().stream().await?;
/// while let Some(response) = changes.next().await {
///     let response = response?;
///     for event in response.events() {
///         match event {
///             WatchEvent::Put { kv, .. } => println!("{}: put {:?}", response.revision(), kv.key()),
///             WatchEvent::Delete { kv, .. } => println!("{}: deleted {:?}", response.revision(), kv.key()),
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a watch does nothing until its stream is opened"]
pub struct Watch<'c> {
    client: &'c Client,
    request: Request,
}

/// What to watch, as data.
#[derive(Debug, Clone)]
struct Request {
    /// At least one.
    keys: Vec<KeySet>,
    from: Option<i64>,
    previous: bool,
    no_puts: bool,
    no_deletes: bool,
    /// Whether the stream is connected.
    connected: Arc<AtomicBool>,
}

impl<'c> Watch<'c> {
    pub(crate) fn new(client: &'c Client, keys: KeySet) -> Self {
        let request = Request {
            keys: vec![keys],
            from: None,
            previous: false,
            no_puts: false,
            no_deletes: false,
            connected: Arc::default(),
        };
        Self { client, request }
    }

    /// These keys, too. One stream brings the changes of all key sets, in the order in which they happened.
    ///
    /// The store sends all that lies between the key sets as well, and the user needs the right to read it: for
    /// key sets far apart with busy keys between them, take a stream for each.
    pub fn and(mut self, keys: impl Into<KeySet>) -> Self {
        self.request.keys.push(keys.into());
        self
    }

    /// Begins with the changes of this revision. Without it, with those after the stream was opened.
    pub fn from(mut self, revision: i64) -> Self {
        self.request.from = Some(revision);
        self
    }

    /// Tells, with each change, what the key held before; nothing where that revision has been compacted.
    pub fn previous(mut self) -> Self {
        self.request.previous = true;
        self
    }

    /// Leaves puts out.
    pub fn no_puts(mut self) -> Self {
        self.request.no_puts = true;
        self
    }

    /// Leaves deletions out.
    pub fn no_deletes(mut self) -> Self {
        self.request.no_deletes = true;
        self
    }

    /// Keeps this true while the stream is connected.
    #[doc(hidden)]
    pub fn report_to(mut self, connected: Arc<AtomicBool>) -> Self {
        self.request.connected = connected;
        self
    }

    /// Opens the stream.
    ///
    /// # Errors
    /// [`Error::is_invalid_argument`] for a revision that is none, or keys that cannot be there;
    /// [`Error::is_permission_denied`]; [`Error::is_unavailable`] or [`Error::is_timeout`] if the store cannot be
    /// reached within the request timeout. A revision that was compacted is the stream's first item.
    pub async fn stream(self) -> Result<WatchStream> {
        if let Some(revision) = self.request.from.filter(|revision| *revision <= 0) {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!("{revision} is not a revision to watch from: the first one is 1"),
            ));
        }
        Ok(WatchStream::new(Feed::open(self.client.clone(), self.request).await?))
    }
}
