//! [`ServeError`]: why a store could not be served.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why a store could not be served. The message says what happened, where, and what to do about it.
#[derive(Debug)]
pub struct ServeError {
    address: SocketAddr,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Exposed,
    Listen(io::Error),
}

impl ServeError {
    /// Whether others than this machine could have reached the address, and nobody said that they may.
    pub fn is_exposed(&self) -> bool {
        matches!(self.kind, Kind::Exposed)
    }

    /// The address that the error is about.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn exposed(address: SocketAddr) -> Self {
        Self { address, kind: Kind::Exposed }
    }

    pub(crate) fn listen(address: SocketAddr, error: io::Error) -> Self {
        Self { address, kind: Kind::Listen(error) }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match &self.kind {
            Kind::Exposed => write!(
                formatter,
                "will not serve a store at {address}, which other machines may reach: there is neither encryption \
                 nor access control; use a loopback address, or `serve_exposed` where that is meant"
            ),
            Kind::Listen(error) => write!(
                formatter,
                "cannot listen at {address}: {error}; use another port, or port 0 for a free one"
            ),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Exposed => None,
            Kind::Listen(error) => Some(error),
        }
    }
}
