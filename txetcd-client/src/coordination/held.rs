//! [`Held`]: what a commit can be guarded with.

use super::place::Place;
use crate::client::Client;
use crate::compare::Compare;
use crate::error::{Error, Kind, Result};
use crate::key_value::KeyValue;
use crate::session::Session;

/// What is held by way of a key: a [`Lock`](super::Lock), a [`Permit`](super::Permit), an
/// [`Item`](super::Item), ... A transaction that is guarded by it is applied only if it is still held at that
/// moment, by the store's own account.
pub trait Held: sealed::Sealed {
    /// What a commit has to look at.
    #[doc(hidden)]
    fn hold(&self) -> Hold;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// A key that must be there, as it was created, for something to be held.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Hold {
    client: Client,
    session: Session,
    key: Vec<u8>,
    revision: i64,
    what: String,
}

impl Hold {
    pub(super) fn new(place: &Place, what: String) -> Self {
        Self {
            client: place.client().clone(),
            session: place.session().clone(),
            key: place.key().to_vec(),
            revision: place.revision(),
            what,
        }
    }

    /// The key, without the namespace.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Holds as long as it is held.
    pub fn compare(&self) -> Compare {
        Compare::create_revision(self.key.as_slice()).eq(self.revision)
    }

    /// Whether it is held as far as this process knows, and through this connection.
    ///
    /// # Errors
    /// [`Error::is_lock_lost`], [`Error::is_invalid_argument`].
    pub fn check(&self, client: &Client) -> Result<()> {
        if !client.is_same(&self.client) {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!(
                    "the {} was acquired through another connection: use that one's `client()`",
                    self.what
                ),
            ));
        }
        if self.session.is_alive() { Ok(()) } else { Err(self.lost()) }
    }

    /// Whether the key, as it was found, says that it is held.
    pub fn is_in(&self, found: Option<&KeyValue>) -> bool {
        found.is_some_and(|kv| kv.create_revision() == self.revision)
    }

    /// The error when it is not held.
    pub fn lost(&self) -> Error {
        Error::new(
            Kind::LockLost,
            format!(
                "the {} is no longer held: its session's lease has ended, or its key was deleted. Nothing was \
                 written: acquire it again, and look at what others did meanwhile",
                self.what
            ),
        )
    }
}

/// What all guards have: their place, and what they are called.
macro_rules! held {
    ($(#[$meta:meta])* $guard:ident) => {
        impl $guard {
            /// Whether the session is alive, so that it is still held unless somebody deleted its key. A commit that
            /// relies on it needs a guard all the same, since it may end while the commit is on its way.
            pub fn is_held(&self) -> bool {
                self.place.session().is_alive()
            }

            /// Resolves when it is lost with its session.
            pub async fn lost(&self) {
                self.place.session().lost().await;
            }

            /// The revision in which it was asked for: of two who hold the same thing one after the other, the
            /// later one has the greater number. Systems outside etcd can refuse what comes with a smaller one
            /// than they have seen.
            pub fn fencing_token(&self) -> i64 {
                self.place.revision()
            }
        }

        impl crate::coordination::held::sealed::Sealed for $guard {}

        impl crate::coordination::Held for $guard {
            fn hold(&self) -> crate::coordination::Hold {
                crate::coordination::Hold::new(&self.place, self.what.clone())
            }
        }
    };
}
pub(super) use held;
