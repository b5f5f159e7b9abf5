//! Calls: sending a request, again where it may be sent again, and looking at who answers.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::{Client, deadline_after};
use crate::error::{Error, Kind, Result, status};
use crate::identity::Answer;
use crate::teeth::{Bug, planted};
use crate::transport::endpoints::send_to;

/// What may be done with a request whose answer was lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Send it again: doing it twice does what doing it once does. The answer may come from a member that lags.
    Always,
    /// Send it again. The answer is at least as new as what was known when it was asked for.
    Linearizable,
    /// Send it again only if it surely was not applied.
    IfNotApplied,
}

/// What becomes of an answer.
enum Accepted {
    Yes,
    /// It is older than what was known before.
    Stale(Error),
}

impl Client {
    /// Sends a request until it is answered, its outcome is open, or `timeout` has passed.
    pub(crate) async fn call<T, F>(
        &self,
        repeat: Repeat,
        timeout: Duration,
        send: impl Fn() -> F,
    ) -> Result<T>
    where
        T: Answer,
        F: Future<Output = Result<T, etcd_client::Error>>,
    {
        self.0.identity.check()?;
        let deadline = deadline_after(timeout);
        let mut pause = Duration::from_millis(5);
        let mut stale = false;
        let mut authenticated = false;
        loop {
            let index = self.endpoint_index();
            let seen = self.0.identity.revision();
            // A read leaves a member that stands still in time to ask the others.
            let began = Instant::now();
            let attempt = match repeat {
                Repeat::Always | Repeat::Linearizable => {
                    deadline_after(timeout / self.endpoint_count()).min(deadline)
                }
                Repeat::IfNotApplied => deadline,
            };
            let mut error = match tokio::time::timeout_at(attempt, send_to(index, send())).await {
                Ok(Ok(answer)) => match self.accept(&answer, repeat, seen, stale, index)? {
                    Accepted::Yes => return Ok(answer),
                    Accepted::Stale(error) => {
                        stale = true;
                        error
                    }
                },
                Ok(Err(error)) if !authenticated && status::is_stale_token(&error) => {
                    // etcd refused it before doing anything.
                    authenticated = true;
                    let refresh = send_to(index, self.0.etcd.refresh_token());
                    let refreshed = tokio::time::timeout_at(deadline, refresh).await;
                    match refreshed {
                        Ok(Ok(())) => continue,
                        Ok(Err(error)) => status::typed(error, self.endpoint_at(index)).settled(),
                        Err(_) => self.no_answer(index, began.elapsed()),
                    }
                }
                Ok(Err(error)) => status::typed(error, self.endpoint_at(index)),
                Err(_) => self.no_answer(index, began.elapsed()).perhaps_applied(),
            };
            if repeat != Repeat::IfNotApplied || planted(Bug::UnavailableIsRepeated) {
                error = error.settled();
            }
            if !error.is_transient() {
                return Err(error);
            }
            self.leave_endpoint(index);
            if error.is_perhaps_applied() || Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, ?pause, "repeating a request");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(500));
        }
    }

    /// Looks at an answer's header. Before 3.5.28, a member of etcd that stood still may once answer with what was
    /// current before; so one read that goes back is repeated.
    fn accept(
        &self,
        answer: &impl Answer,
        repeat: Repeat,
        seen: i64,
        again: bool,
        index: usize,
    ) -> Result<Accepted> {
        let (identity, endpoint) = (&self.0.identity, self.endpoint_at(index));
        let Some(header) = answer.header() else { return Ok(Accepted::Yes) };
        identity.see(&header.0, endpoint)?;
        if repeat == Repeat::Always || header.revision() >= seen {
            return Ok(Accepted::Yes);
        }
        if repeat == Repeat::Linearizable && !again {
            let message = format!("{endpoint} answered with an earlier revision than {seen}");
            return Ok(Accepted::Stale(Error::new(Kind::Unavailable, message)));
        }
        Err(identity.went_back(seen, &header.0, endpoint))
    }

    pub(crate) fn no_answer(&self, index: usize, within: Duration) -> Error {
        Error::new(Kind::Timeout, format!("{} did not answer within {within:?}", self.endpoint_at(index)))
    }
}
