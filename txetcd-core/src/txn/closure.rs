//! [`TxnFn`]: an async closure whose future can be sent between threads.

use std::future::Future;

/// An async closure that takes a transaction: `async |txn| { ... }`.
///
/// Plain `AsyncFn` bounds cannot say that the future is `Send`, so that a closure which borrows a local would
/// not compile inside `tokio::spawn` or a web handler. This trait can, and every fitting async closure has it.
pub trait TxnFn<A, R>: AsyncFn(A) -> R {
    /// Calls the closure.
    fn call_it(&self, argument: A) -> impl Future<Output = R> + Send;
}

impl<F, A, Fut, R> TxnFn<A, R> for F
where
    F: AsyncFn(A) -> R + Fn(A) -> Fut,
    Fut: Future<Output = R> + Send,
{
    fn call_it(&self, argument: A) -> impl Future<Output = R> + Send {
        self(argument)
    }
}
