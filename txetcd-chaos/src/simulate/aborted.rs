//! [`Aborted`]: a task that ends with its owner.

use tokio::task::JoinHandle;

/// A task that is aborted when this is dropped.
pub(super) struct Aborted(JoinHandle<()>);

impl Aborted {
    pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(mut self) -> Result<(), tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}
