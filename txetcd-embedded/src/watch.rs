//! Watches: who wants to be told of which changes, and telling them.
//!
//! Nothing is queued for a watcher. It has a position, the next revision it has not been told of, and
//! reads on from there in the log whenever its stream has room. So a slow consumer costs the store
//! nothing, and a watcher that has fallen behind differs from any other only in its position.

pub(crate) mod session;
pub(crate) mod ticks;
pub(crate) mod watcher;
