//! The requests: from data to the wire and back, with the namespace on the way.

use std::time::Duration;

use super::{Client, Repeat};
use crate::error::{Error, Kind, Result};
use crate::kv::{DeleteRequest, DeleteResponse, GetRequest, GetResponse, PutRequest, PutResponse};
use crate::txn::{Txn, TxnResponse};

impl Client {
    /// Sends a get that was made as data.
    ///
    /// # Errors
    /// As etcd has them.
    #[doc(hidden)]
    pub async fn send_get(&self, request: GetRequest, timeout: Option<Duration>) -> Result<GetResponse> {
        let timeout = timeout.unwrap_or(self.0.request_timeout);
        let repeat = request.repeat();
        let response = self
            .call(repeat, timeout, || {
                let mut kv = self.0.kv.clone();
                let (key, options) = request.to_wire(&self.0.namespace);
                async move { kv.get(key, Some(options)).await }
            })
            .await?;
        Ok(GetResponse::from_wire(response.0, &self.0.namespace))
    }

    pub(crate) async fn send_put(
        &self,
        request: PutRequest,
        timeout: Option<Duration>,
    ) -> Result<PutResponse> {
        let timeout = timeout.unwrap_or(self.0.request_timeout);
        let repeat = self.writing()?;
        let response = self
            .call(repeat, timeout, || {
                let mut kv = self.0.kv.clone();
                let (key, value, options) = request.to_wire(&self.0.namespace);
                async move { kv.put(key, value, Some(options)).await }
            })
            .await?;
        Ok(PutResponse::from_wire(response.0, &self.0.namespace))
    }

    pub(crate) async fn send_delete(
        &self,
        request: DeleteRequest,
        timeout: Option<Duration>,
    ) -> Result<DeleteResponse> {
        let timeout = timeout.unwrap_or(self.0.request_timeout);
        let repeat = self.writing()?;
        let response = self
            .call(repeat, timeout, || {
                let mut kv = self.0.kv.clone();
                let (key, options) = request.to_wire(&self.0.namespace);
                async move { kv.delete(key, Some(options)).await }
            })
            .await?;
        Ok(DeleteResponse::from_wire(response.0, &self.0.namespace))
    }

    /// Deletes a key that will never be put again, so that doing it twice does what doing it once does.
    pub(crate) async fn remove(&self, key: &[u8]) -> Result<()> {
        self.writing()?;
        self.call(Repeat::Always, self.0.request_timeout, || {
            let (mut kv, key) = (self.0.kv.clone(), self.0.namespace.key(key));
            async move { kv.delete(key, None).await }
        })
        .await?;
        Ok(())
    }

    pub(crate) async fn send_txn(&self, txn: Txn, timeout: Duration) -> Result<TxnResponse> {
        let is_without_ops = txn.is_without_ops();
        let txn = if is_without_ops { txn.with_a_read() } else { txn };
        let repeat = if txn.is_read_only() { txn.read_repeat() } else { self.writing()? };
        let response = self
            .call(repeat, timeout, || {
                let (mut kv, txn) = (self.0.kv.clone(), txn.to_wire(&self.0.namespace));
                async move { kv.txn(txn).await }
            })
            .await?;
        let response = TxnResponse::from_wire(response.0, &self.0.namespace);
        Ok(if is_without_ops { response.without_responses() } else { response })
    }

    /// The store's revision and cluster id, by a read of one key within the namespace.
    ///
    /// # Errors
    /// As for any read.
    #[doc(hidden)]
    pub async fn revision_and_cluster(&self) -> Result<(i64, u64)> {
        let key = self.0.namespace.key(&[0]);
        let response = self
            .call(Repeat::Linearizable, self.0.request_timeout, || {
                let (mut kv, key) = (self.0.kv.clone(), key.clone());
                async move { kv.get(key, None).await }
            })
            .await?;
        Ok(response.header().map_or((0, 0), |header| (header.revision(), header.cluster_id())))
    }

    pub(crate) fn writing(&self) -> Result<Repeat> {
        if self.0.read_only {
            return Err(Error::new(
                Kind::ReadOnly,
                "this client was opened read-only: connect without `read_only(true)` to write",
            ));
        }
        Ok(Repeat::IfNotApplied)
    }
}
