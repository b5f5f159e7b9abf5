//! [`Submit`]: a transaction on its way, and the locks that must be held for it to be applied.

use std::future::IntoFuture;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::client::Client;
use crate::coordination::{Held, Hold};
use crate::error::{Result, unexpected_answer};
use crate::kv::GetResponse;
use crate::op::{Op, OpResponse};
use crate::txn::{Txn, TxnResponse};

/// A [`Txn`] with its client: await it.
///
/// # Errors
/// As etcd has them; after [`Error::is_perhaps_applied`](crate::Error::is_perhaps_applied) the outcome of a
/// writing transaction is open.
#[derive(Debug)]
#[must_use = "a transaction does nothing until it is awaited"]
pub struct Submit<'c> {
    client: &'c Client,
    txn: Txn,
    guards: Vec<Hold>,
    timeout: Option<Duration>,
}

impl<'c> Submit<'c> {
    pub(crate) fn new(client: &'c Client, txn: Txn) -> Self {
        Self { client, txn, guards: Vec::new(), timeout: None }
    }

    /// Applies neither branch unless the lock is still held: the transaction then fails with
    /// [`Error::is_lock_lost`](crate::Error::is_lock_lost). It stands one level deeper for it, within one more
    /// transaction.
    pub fn guard(mut self, lock: &impl Held) -> Self {
        self.guards.push(lock.hold());
        self
    }

    /// How long this transaction may take, repeats included, instead of the client's request timeout.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn send(self) -> Result<TxnResponse> {
        let timeout = self.timeout.unwrap_or(self.client.inner().request_timeout);
        if self.guards.is_empty() {
            return self.client.send_txn(self.txn, timeout).await;
        }
        for guard in &self.guards {
            guard.check(self.client)?;
        }
        let conditions = self.guards.iter().map(Hold::compare);
        let questions = self.guards.iter().map(|guard| Op::get(guard.key()));
        let guarded = Txn::when(conditions).then([Op::Txn(self.txn)]).or_else(questions);
        let response = self.client.send_txn(guarded, timeout).await?;
        let (revision, applied) = (response.revision(), response.succeeded());
        let mut answers = response.into_responses().into_iter();
        if applied {
            let nested = answers.next().and_then(OpResponse::into_txn);
            return nested.map(|nested| nested.at(revision)).ok_or_else(unexpected_answer);
        }
        let found = answers.map(OpResponse::into_get);
        let mut guards = self.guards.iter().zip(found);
        let lost = guards.find(|(guard, found)| !guard.is_in(found.as_ref().and_then(GetResponse::first)));
        Err(lost.map_or_else(unexpected_answer, |(guard, _)| guard.lost()))
    }
}

impl<'c> IntoFuture for Submit<'c> {
    type Output = Result<TxnResponse>;
    type IntoFuture = BoxFuture<'c, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
