//! Connecting: from a URL and options to a [`Client`].
//!
//! [`Builder`] collects; `url` reads the URL into a target; `tls` reads certificate files. The first request
//! is a read of one key, which needs no right beyond the namespace, so that a wrong address or password is
//! found out here.

#[cfg(feature = "discovery")]
mod discovery;
#[cfg(feature = "tls")]
mod tls;
mod url;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Channel, ConnectOptions};
use tokio::time::Instant;
use tonic::transport::Endpoint;
use tower::util::BoxCloneSyncService;

use crate::client::{Client, Inner, Place, deadline_after};
use crate::error::{Error, Kind, Result, status};
use crate::identity::Identity;
use crate::namespace::Namespace;
use crate::stats::Counters;
use crate::transport::Transport;
use crate::transport::endpoints::Endpoints;
use crate::transport::meter::Meter;
use url::Target;

/// How to connect. `Debug` shows no password.
#[derive(Clone)]
pub struct Builder {
    url: Option<String>,
    user: Option<(String, String)>,
    plaintext_password: bool,
    namespace: Vec<u8>,
    read_only: bool,
    connect_timeout: Duration,
    request_timeout: Duration,
    tls: TlsFiles,
    #[cfg(feature = "embedded")]
    store: Option<txetcd_embedded::Store>,
    #[cfg(feature = "fault-injection")]
    faults: Option<Arc<dyn crate::transport::faults::Faults>>,
}

#[derive(Debug, Clone, Default)]
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
struct TlsFiles {
    ca: Option<PathBuf>,
    identity: Option<(PathBuf, PathBuf)>,
    domain: Option<String>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            url: None,
            user: None,
            plaintext_password: false,
            namespace: Vec::new(),
            read_only: false,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            tls: TlsFiles::default(),
            #[cfg(feature = "embedded")]
            store: None,
            #[cfg(feature = "fault-injection")]
            faults: None,
        }
    }
}

impl Builder {
    /// Where the store is: `http://host:2379` or `https://host:2379`, several endpoints of one cluster
    /// separated by commas, `etcd+srv://domain` for endpoints that DNS knows, `embedded:PATH`, or `memory:`.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Uses this embedded store, shared with whoever else has it, instead of a URL.
    #[cfg(feature = "embedded")]
    #[must_use]
    pub fn store(mut self, store: &txetcd_embedded::Store) -> Self {
        self.store = Some(store.clone());
        self
    }

    /// Authenticates with a user and password. Refused over `http://`, where anyone on the way can read the
    /// password, unless [`plaintext_password`](Self::plaintext_password) says that this is meant.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some((name.into(), password.into()));
        self
    }

    /// Allows a password to be sent over `http://`.
    #[must_use]
    pub fn plaintext_password(mut self, allowed: bool) -> Self {
        self.plaintext_password = allowed;
        self
    }

    /// Puts these bytes in front of every key. Clients of different namespaces do not see each other's keys,
    /// and a user of etcd needs rights on the namespace alone.
    #[must_use]
    pub fn namespace(mut self, prefix: impl Into<Vec<u8>>) -> Self {
        self.namespace = prefix.into();
        self
    }

    /// Refuses every write.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// How long connecting may take; 5 seconds unless said otherwise.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a request may take, repeats included; 10 seconds unless said otherwise.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Trusts the certificate authorities in this PEM file, and no others. Without it, those of the system.
    #[must_use]
    pub fn tls_ca(mut self, pem: impl Into<PathBuf>) -> Self {
        self.tls.ca = Some(pem.into());
        self
    }

    /// Shows the server this certificate (PEM files of certificate and private key).
    #[must_use]
    pub fn tls_identity(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Expects the server's certificate to be for this name instead of the URL's host.
    #[must_use]
    pub fn tls_domain(mut self, name: impl Into<String>) -> Self {
        self.tls.domain = Some(name.into());
        self
    }

    /// Loses and delays requests, for tests.
    #[cfg(feature = "fault-injection")]
    #[must_use]
    pub fn faults(mut self, faults: Arc<dyn crate::transport::faults::Faults>) -> Self {
        self.faults = Some(faults);
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// [`Error::is_invalid_argument`] for a URL, option or certificate file that cannot be used;
    /// [`Error::is_unavailable`] or [`Error::is_timeout`] if no endpoint could be reached within the connect
    /// timeout; [`Error::is_unauthenticated`] for a wrong user or password. Messages name the endpoint.
    pub async fn connect(self) -> Result<Client> {
        #[cfg(feature = "embedded")]
        if let Some(store) = self.store.clone() {
            return self.embedded(&store, "the embedded store".to_owned()).await;
        }
        let Some(text) = self.url.clone() else {
            return Err(Error::new(
                Kind::InvalidArgument,
                "no URL was given: say where the store is with `builder().url(...)`",
            ));
        };
        match Target::parse(&text)? {
            Target::Cluster(endpoints) => self.cluster(endpoints).await,
            #[cfg(feature = "discovery")]
            Target::Domain(domain) => {
                let found = tokio::time::timeout(self.connect_timeout, discovery::discover(&domain)).await;
                let silent = |_| {
                    Error::new(
                        Kind::Unavailable,
                        format!("DNS did not answer for `{domain}` within the connect timeout"),
                    )
                };
                self.cluster(found.map_err(silent)??).await
            }
            #[cfg(not(feature = "discovery"))]
            Target::Domain(_) => Err(Error::new(
                Kind::InvalidArgument,
                format!("`{text}` needs the feature `discovery` of txetcd"),
            )),
            #[cfg(feature = "embedded")]
            Target::Memory => {
                let store = txetcd_embedded::Store::memory().map_err(store_error)?;
                self.embedded(&store, "memory:".to_owned()).await
            }
            #[cfg(feature = "embedded")]
            Target::Embedded(path) => {
                let store = open_store(path.clone(), self.connect_timeout.min(RELEASE_TIMEOUT)).await?;
                self.embedded(&store, format!("embedded:{}", path.display())).await
            }
            #[cfg(not(feature = "embedded"))]
            Target::Memory | Target::Embedded(_) => Err(Error::new(
                Kind::InvalidArgument,
                format!("`{text}` needs the feature `embedded` of txetcd"),
            )),
        }
    }

    async fn cluster(self, endpoints: Vec<String>) -> Result<Client> {
        if self.user.is_some()
            && !self.plaintext_password
            && let Some(plain) = endpoints.iter().find(|endpoint| endpoint.starts_with("http://"))
        {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!(
                    "a password would travel to {plain} unencrypted: use https://, or say with \
                     `builder().plaintext_password(true)` that it is meant"
                ),
            ));
        }
        let members = endpoints
            .into_iter()
            .map(|url| Ok((url.clone(), self.endpoint(&url)?.connect_lazy())))
            .collect::<Result<Vec<_>>>()?;
        let endpoints = Endpoints::new(members);
        let transport = BoxCloneSyncService::new(endpoints.clone());
        let deadline = deadline_after(self.connect_timeout);
        let mut failures: Vec<String> = Vec::new();
        // Each endpoint has its share of the time, so that a silent one does not hide the next.
        for _ in 0..endpoints.len() {
            let index = endpoints.index();
            let url = endpoints.url(index).to_owned();
            let remaining = deadline.duration_since(Instant::now());
            let share = remaining / u32::try_from(endpoints.len() - failures.len()).unwrap_or(1).max(1);
            let place = Place::Cluster(endpoints.clone());
            let error = match tokio::time::timeout(share, self.open(transport.clone(), place)).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(error)) if error.is_transient() => error.to_string(),
                Ok(Err(error)) => return Err(error),
                Err(_) => format!("cannot reach {url}: no answer"),
            };
            failures.push(error);
            endpoints.leave(index);
        }
        Err(Error::new(Kind::Unavailable, format!("no connection: {}", failures.join("; "))))
    }

    #[cfg(feature = "embedded")]
    async fn embedded(self, store: &txetcd_embedded::Store, name: String) -> Result<Client> {
        if self.user.is_some() {
            return Err(Error::new(
                Kind::InvalidArgument,
                format!("{name} has no users: leave the user and password out"),
            ));
        }
        let never = |never: std::convert::Infallible| -> tower::BoxError { match never {} };
        let service = tower::ServiceExt::<crate::transport::Request>::map_err(store.service(), never);
        self.open(BoxCloneSyncService::new(service), Place::Embedded(name)).await
    }

    /// Puts the layers on the transport, authenticates, and reads one key.
    async fn open(&self, transport: Transport, place: Place) -> Result<Client> {
        let counters = Arc::new(Counters::default());
        #[cfg(feature = "fault-injection")]
        let transport = match &self.faults {
            Some(faults) => {
                BoxCloneSyncService::new(crate::transport::faults::Faulty::new(transport, faults.clone()))
            }
            None => transport,
        };
        let transport = BoxCloneSyncService::new(Meter::new(transport, counters.clone()));
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
        let namespace = Namespace::new(self.namespace.clone());
        match probe
            .get(namespace.key(&[0]), None)
            .await
            .map_err(|error| status::typed(error, &where_).settled())
        {
            Ok(_) => {}
            // The server is there and knows the user; what the user may do is found out when it is done.
            Err(error) if error.is_permission_denied() => {}
            Err(error) => return Err(error),
        }
        Ok(Client::from_inner(Inner {
            kv,
            lease: etcd.lease_client(),
            watch: etcd.watch_client().max_decoding_message_size(usize::MAX),
            etcd,
            identity: Identity::default(),
            namespace,
            place,
            counters,
            request_timeout: self.request_timeout,
            read_only: self.read_only,
        }))
    }

    fn endpoint(&self, url: &str) -> Result<Endpoint> {
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|error| url::malformed(url, error))?;
        let endpoint = endpoint
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            // Watches that are not read hold at most this much each, and hold up no other request.
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            // etcd closes connections that ping without a request under way.
            .keep_alive_while_idle(false);
        if !url.starts_with("https://") {
            return Ok(endpoint);
        }
        #[cfg(feature = "tls")]
        return tls::configure(endpoint, url, &self.tls);
        #[cfg(not(feature = "tls"))]
        Err(Error::new(Kind::InvalidArgument, format!("{url} needs the feature `tls` of txetcd")))
    }
}

/// How many bytes of a stream may be on their way unread.
const STREAM_WINDOW: u32 = 2 << 20;
/// The same of all streams of a connection: as many as HTTP/2 allows.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// How long to wait for a file that is still open elsewhere: an earlier owner may be just closing it.
#[cfg(feature = "embedded")]
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(feature = "embedded")]
async fn open_store(path: PathBuf, patience: Duration) -> Result<txetcd_embedded::Store> {
    let deadline = deadline_after(patience);
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

#[cfg(feature = "embedded")]
fn store_error(error: txetcd_embedded::OpenError) -> Error {
    Error::new(Kind::Unavailable, error.to_string()).with_source(error)
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("url", &self.url.as_deref().map(url::without_credentials))
            .field("user", &self.user.as_ref().map(|(name, _)| name))
            .field("namespace", &String::from_utf8_lossy(&self.namespace))
            .field("read_only", &self.read_only)
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
