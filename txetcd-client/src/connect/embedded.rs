//! Opening a store in this process.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::Builder;
use crate::client::{Client, Place, deadline_after};
use crate::error::{Error, Kind, Result};

/// How long to wait for a file that is still open elsewhere: an earlier owner may be just closing it.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) async fn open_store(path: PathBuf, patience: Duration) -> Result<txetcd_embedded::Store> {
    let deadline = deadline_after(patience.min(RELEASE_TIMEOUT));
    loop {
        let path = path.clone();
        let opened = tokio::task::spawn_blocking(move || txetcd_embedded::Store::open(path)).await;
        match opened {
            Ok(Ok(store)) => return Ok(store),
            Ok(Err(error)) if error.is_locked() && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(Err(error)) => return Err(store_error(error)),
            Err(_) => return Err(Error::new(Kind::Unavailable, "the runtime is shutting down")),
        }
    }
}

pub(super) fn store_error(error: txetcd_embedded::OpenError) -> Error {
    Error::new(Kind::Unavailable, error.to_string()).with_source(error)
}

impl Builder {
    pub(super) async fn embedded(self, store: &txetcd_embedded::Store, name: String) -> Result<Client> {
        if self.user.is_some() {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!("{name} has no users: leave the user and password out"),
            ));
        }
        let never = |never: std::convert::Infallible| -> tower::BoxError { match never {} };
        let service = tower::ServiceExt::<crate::transport::Request>::map_err(store.service(), never);
        self.open(service, Place::Embedded(name)).await
    }
}
