//! [`Sequence`]: numbers that are given out once.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::cell;
use super::keys::{Kind, Name};
use crate::client::Client;
use crate::error::{self, Error, Result};

/// A sequence of numbers by its name, from 1 on. Made by [`Client::sequence`]; clones share the numbers that were
/// fetched together.
///
/// No number is ever given out twice, to whatever program. Later calls get greater numbers as long as programs
/// fetch them one by one; with blocks, each program counts in its own. *There are gaps:* the rest of a block when the last
/// clone is dropped or the program ends, and whole blocks when the answer to a request was lost or a call was
/// cancelled.
#[derive(Debug, Clone)]
pub struct Sequence {
    client: Client,
    name: Name,
    block: u32,
    fetched: Arc<Mutex<Range<u64>>>,
}

impl Client {
    /// The sequence of this name.
    ///
    /// ```no_run
    /// # async fn example(client: &txetcd_client::Client) -> txetcd_client::Result<()> {
    /// let orders = client.sequence("orders").with_block(100); // two requests for a hundred numbers
    /// let number = orders.next().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn sequence(&self, name: impl Into<String>) -> Sequence {
        let name = Name::new(Kind::Sequence, name.into());
        Sequence { client: self.clone(), name, block: 1, fetched: Arc::default() }
    }
}

impl Sequence {
    /// Fetches so many numbers together (at least one); one by one unless said otherwise.
    #[must_use]
    pub fn with_block(mut self, numbers: u32) -> Self {
        self.block = numbers.max(1);
        self
    }

    /// The next number.
    ///
    /// # Errors
    /// The store's own; [`Error::is_invalid_argument`] if the sequence has come to its end, which is 2^64 - 1.
    pub async fn next(&self) -> Result<u64> {
        let mut fetched = self.fetched.lock().await;
        if let Some(number) = fetched.next() {
            return Ok(number);
        }
        *fetched = self.take(self.block).await?;
        fetched.next().ok_or_else(|| self.ended())
    }

    /// So many numbers in a row, none of which [`next`](Self::next) gives out.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn take(&self, numbers: u32) -> Result<Range<u64>> {
        let mut taken = 0..0;
        cell::change(&self.client, &self.name.key(b""), |found| {
            let next = match found {
                None => 1,
                Some(found) => {
                    cell::number(found.value()).map(u64::from_be_bytes).ok_or_else(|| self.broken())?
                }
            };
            taken = next..next.checked_add(u64::from(numbers)).ok_or_else(|| self.ended())?;
            Ok(Some(taken.end.to_be_bytes().to_vec()))
        })
        .await?;
        Ok(taken)
    }

    fn ended(&self) -> Error {
        let what = self.name.describe();
        Error::new(error::Kind::InvalidArgument, format!("the {what} has no more numbers: use another name"))
    }

    fn broken(&self) -> Error {
        let what = self.name.describe();
        Error::new(
            error::Kind::Decode,
            format!("what is stored for the {what} is no number: another program wrote it"),
        )
    }
}
