//! From a transport to a client: the layers above it, the user, and the first request.

use std::sync::Arc;

use etcd_client::{Channel, ConnectOptions};
use tower::util::BoxCloneSyncService;

use super::Builder;
use crate::client::{Client, Inner, Place};
use crate::error::{Result, status};
use crate::identity::Identity;
use crate::namespace::Namespace;
use crate::stats::Counters;
#[cfg(feature = "fault-injection")]
use crate::transport::faults::Faulty;
use crate::transport::meter::Meter;
use crate::transport::{Carrier, Transport};

impl Builder {
    /// Puts the layers on what carries requests, authenticates, and reads one key.
    pub(super) async fn open(&self, carrier: impl Carrier, place: Place) -> Result<Client> {
        let counters = Arc::new(Counters::default());
        let transport = self.layered(carrier, &counters);
        let mut options = ConnectOptions::new().with_require_leader(true);
        if let Some((name, password)) = &self.user {
            options = options.with_user(name, password).with_auto_token_refresh(true);
        }
        let where_ = match &place {
            Place::Cluster(endpoints) => endpoints.url(endpoints.index()).to_owned(),
            #[cfg(feature = "embedded")]
            Place::Embedded(name) => name.clone(),
        };
        let etcd = etcd_client::Client::from_channel(Channel::Custom(transport), Some(options))
            .await
            .map_err(|error| status::typed(error, &where_).settled())?;
        let kv = etcd.kv_client().max_decoding_message_size(usize::MAX);
        let mut probe = kv.clone();
        let identity = Identity::default();
        let namespace = Namespace::new(self.namespace.clone());
        match probe
            .get(namespace.key(&[0]), None)
            .await
            .map_err(|error| status::typed(error, &where_).settled())
        {
            Ok(answer) => answer.header().map_or(Ok(()), |header| identity.see(&header.0, &where_))?,
            // The server is there and knows the user; what the user may do is found out when it is done.
            Err(error) if error.is_permission_denied() => {}
            Err(error) => return Err(error),
        }
        Ok(Client::from_inner(Inner {
            kv,
            lease: etcd.lease_client(),
            watch: etcd.watch_client().max_decoding_message_size(usize::MAX),
            etcd,
            identity,
            namespace,
            place,
            counters,
            request_timeout: self.request_timeout,
            read_only: self.read_only,
        }))
    }
    fn layered(&self, carrier: impl Carrier, counters: &Arc<Counters>) -> Transport {
        #[cfg(feature = "fault-injection")]
        if let Some(faults) = &self.faults {
            let faulty = Faulty::new(BoxCloneSyncService::new(carrier), faults.clone());
            return BoxCloneSyncService::new(Meter::new(faulty, counters.clone()));
        }
        BoxCloneSyncService::new(Meter::new(carrier, counters.clone()))
    }
}
