//! A cell: a key that is changed by what it holds, and never deleted.
//!
//! Every change compares the `mod_revision` that was read. It only grows, so a request whose answer was lost can
//! be applied late only as long as nothing else was, and never twice.

use tokio::time::Instant;

use crate::client::{Client, deadline_after};
use crate::compare::Compare;
use crate::error::Result;
use crate::key_value::KeyValue;
use crate::kv::GetRequest;
use crate::op::{Op, OpResponse};
use crate::txn::Txn;

/// Changes a cell, and returns the revision that surely is this change's own; `None` if it holds already what it
/// should. `decide` is asked for the new value, with what the cell holds; it may be asked several times, and what it
/// said earlier may have been applied, too, if an answer was lost.
pub(super) async fn change(
    client: &Client,
    key: &[u8],
    mut decide: impl FnMut(Option<&KeyValue>) -> Result<Option<Vec<u8>>>,
) -> Result<Option<i64>> {
    let deadline = deadline_after(client.inner().request_timeout);
    let mut found = client.get(key).await?.into_kvs().into_iter().next();
    loop {
        let Some(value) = decide(found.as_ref())? else { return Ok(None) };
        let seen = found.as_ref().map_or(0, KeyValue::mod_revision);
        let request = Txn::when([Compare::mod_revision(key).eq(seen)])
            .then([Op::put(key, value)])
            .or_else([GetRequest::new(key).into()]);
        found = match client.txn(request).await {
            Ok(response) if response.succeeded() => return Ok(Some(response.revision())),
            Ok(response) => {
                let answer = response.into_responses().into_iter().next().and_then(OpResponse::into_get);
                answer.and_then(|answer| answer.into_kvs().into_iter().next())
            }
            Err(error) if error.is_perhaps_applied() && Instant::now() < deadline => {
                client.get(key).await?.into_kvs().into_iter().next()
            }
            Err(error) => return Err(error),
        };
    }
}

/// A number as cells and keys have it, if it is one.
pub(super) fn number<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.try_into().ok()
}
