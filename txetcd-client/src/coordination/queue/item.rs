//! [`Item`]: what a consumer has of an item.

use std::fmt;

use crate::coordination::held::held;
use crate::coordination::place::Place;
use crate::coordination::wait;
use crate::error::{Error, Kind, Result};
use crate::op::Op;
use crate::txn::Txn;

/// An item that was delivered. [`ack`](Self::ack) removes it from the queue; dropping it puts it back to its
/// place, and so does the end of the session. `Debug` does not show the value.
#[must_use = "an item comes back when this is dropped: acknowledge it"]
pub struct Item {
    place: Place,
    key: Vec<u8>,
    value: Vec<u8>,
    what: String,
}

held!(Item);

impl Item {
    pub(super) fn new(place: Place, key: Vec<u8>, value: Vec<u8>, what: String) -> Self {
        Self { place, key, value, what }
    }

    /// What was pushed.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// Removes the item from the queue for good. If it is still this consumer's, nobody else has finished it or
    /// will.
    ///
    /// # Errors
    /// [`Error::is_lock_lost`] if it was not this consumer's any more: it is, or will be, delivered again.
    /// [`Error::is_commit_unknown`] if that, or the answer, was lost and it cannot be known.
    pub async fn ack(self) -> Result<()> {
        // Doing it twice does what doing it once does, as long as the claim is there, and that is not deleted before.
        let remove = Txn::when([self.place.is_there()])
            .then([Op::delete(self.key.as_slice())])
            .or_else([Op::get(self.key.as_slice())]);
        let client = self.place.client();
        let mut sent_before = false;
        loop {
            let error = match client.txn(remove.clone()).await {
                Ok(response) if response.succeeded() => return Ok(()),
                Ok(response) => {
                    let still = response.into_responses().into_iter().find_map(crate::OpResponse::into_get);
                    let still = still.is_some_and(|found| found.first().is_some());
                    return Err(if sent_before && !still { self.unknown() } else { self.no_longer() });
                }
                Err(error) => error,
            };
            if !error.is_perhaps_applied() {
                return Err(if sent_before { self.unknown().with_source(error) } else { error });
            }
            sent_before = true;
            if !self.is_held() {
                return Err(self.unknown().with_source(error));
            }
            tracing::debug!(%error, "acknowledging again");
            wait::moment().await;
        }
    }

    fn no_longer(&self) -> Error {
        Error::new(
            Kind::LockLost,
            format!(
                "the {} is no longer this consumer's: its session's lease has ended. It was not acknowledged, and is \
                 delivered again",
                self.what
            ),
        )
    }

    fn unknown(&self) -> Error {
        Error::new(
            Kind::CommitUnknown,
            format!(
                "the answer to the acknowledgement was lost, and the session with it: the {} is gone, or is \
                 delivered again",
                self.what
            ),
        )
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("value", &format_args!("{} bytes", self.value.len()))
            .finish_non_exhaustive()
    }
}
