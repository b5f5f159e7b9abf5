//! [`Once`]: keys that are put once, or surely not, whatever becomes of the answer.

use std::sync::Arc;

use super::fence::Fence;
use crate::client::Client;
use crate::compare::Compare;
use crate::error::{Result, unexpected_answer};
use crate::kv::{GetRequest, GetResponse};
use crate::op::{Op, OpResponse};
use crate::session::Session;
use crate::txn::Txn;

/// What to put once.
#[derive(Debug, Clone)]
pub(super) struct Once {
    /// A key that was never put before, and is put by `puts`. Nobody may delete it before this has come to its end:
    /// whether it is there tells whether a request was applied whose answer was lost.
    pub(super) key: Vec<u8>,
    /// Puts, at least one of them under the session's lease, so that none is applied after its end.
    pub(super) puts: Vec<Op>,
    /// What must hold for it.
    pub(super) when: Vec<Compare>,
    /// What to read right after it.
    pub(super) reads: Vec<GetRequest>,
}

/// It was put.
#[derive(Debug)]
pub(super) struct Done {
    /// The revision in which the key was created.
    pub(super) created: i64,
    /// What was read, as of this revision.
    pub(super) answers: Vec<GetResponse>,
    pub(super) revision: i64,
}

impl Once {
    /// Puts, and answers `None` if the conditions did not hold. To be run in a task of its own, since it must
    /// come to its end. `perhaps` is told whether the key is there, or may be, if this ends in an error.
    pub(super) async fn run(
        self,
        client: &Client,
        session: &Session,
        mut perhaps: impl FnMut(bool),
    ) -> Result<Option<Done>> {
        let fence: Arc<Fence> = session.fence();
        let Self { key, puts, when, reads } = self;
        let reads: Vec<Op> = reads.into_iter().map(Op::from).collect();
        let puts_len = puts.len();
        loop {
            session.check()?;
            let version = fence.version();
            let request =
                Txn::when([Compare::create_revision(key.as_slice()).eq(0), fence.stands_at(version)])
                    .and_when(when.clone())
                    .then(puts.clone())
                    .then(reads.clone())
                    .or_else([fence.read()]);
            match client.txn(request).await {
                Ok(response) if response.succeeded() => {
                    perhaps(true);
                    let revision = response.revision();
                    let answers = response.into_responses().into_iter().skip(puts_len);
                    let answers = gets(answers, reads.len())?;
                    return Ok(Some(Done { created: revision, answers, revision }));
                }
                Ok(response) => {
                    if fence.learn(response.into_responses().into_iter().next()) == version {
                        return Ok(None);
                    }
                }
                Err(error) if error.is_perhaps_applied() => {
                    perhaps(true);
                    if let Some(created) = fence.raise(session, client, &key).await? {
                        let response = client.txn(Txn::default().then(reads.clone())).await?;
                        let revision = response.revision();
                        let answers = gets(response.into_responses().into_iter(), reads.len())?;
                        return Ok(Some(Done { created, answers, revision }));
                    }
                    perhaps(false);
                }
                Err(error) if error.is_not_found() => return Err(session.lost_error()),
                Err(error) => return Err(error),
            }
        }
    }
}

fn gets(answers: impl Iterator<Item = OpResponse>, expected: usize) -> Result<Vec<GetResponse>> {
    let answers: Vec<_> = answers.filter_map(OpResponse::into_get).collect();
    if answers.len() == expected { Ok(answers) } else { Err(unexpected_answer()) }
}
