//! Connecting: from a URL and options to a [`Client`].
//!
//! [`Builder`] collects; `url` reads the URL into a target, and `cluster` or `embedded` makes a transport of it; `tls`
//! reads certificate files; `open` puts a client on the transport. The first request is a read of one key, which needs no
//! right beyond the namespace, so that a wrong address or password is found out here.

mod cluster;
#[cfg(feature = "discovery")]
mod discovery;
#[cfg(feature = "embedded")]
mod embedded;
mod open;
#[cfg(feature = "tls")]
mod tls;
mod url;

use std::fmt;
use std::path::PathBuf;
#[cfg(feature = "fault-injection")]
use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::error::{Error, Kind, Result};
use url::Target;

/// Reads a URL, and gives it as it was understood; connects to nothing. For fuzzing; not part of the interface.
///
/// # Errors
/// As [`Builder::connect`] for a URL that cannot be used.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub fn parse_url(text: &str) -> Result<String> {
    Ok(match Target::parse(text)? {
        Target::Cluster(endpoints) => endpoints.join(","),
        Target::Domain(domain) => format!("etcd+srv://{domain}"),
        Target::Embedded(path) => format!("embedded:{}", path.display()),
        Target::Memory => "memory:".to_owned(),
    })
}

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
                let store = txetcd_embedded::Store::memory().map_err(embedded::store_error)?;
                self.embedded(&store, "memory:".to_owned()).await
            }
            #[cfg(feature = "embedded")]
            Target::Embedded(path) => {
                let store = embedded::open_store(path.clone(), self.connect_timeout).await?;
                self.embedded(&store, format!("embedded:{}", path.display())).await
            }
            #[cfg(not(feature = "embedded"))]
            Target::Memory | Target::Embedded(_) => Err(Error::new(
                Kind::InvalidArgument,
                format!("`{text}` needs the feature `embedded` of txetcd"),
            )),
        }
    }
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
