//! TLS from PEM files.

use std::path::Path;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::TlsFiles;
use crate::error::{Error, Kind, Result};

pub(super) fn configure(endpoint: Endpoint, url: &str, files: &TlsFiles) -> Result<Endpoint> {
    let mut config = match &files.ca {
        Some(path) => {
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read_pem(path, "CERTIFICATE")?))
        }
        None => ClientTlsConfig::new().with_native_roots(),
    };
    if let Some((certificate, key)) = &files.identity {
        let identity =
            Identity::from_pem(read_pem(certificate, "CERTIFICATE")?, read_pem(key, "PRIVATE KEY")?);
        config = config.identity(identity);
    }
    if let Some(name) = &files.domain {
        config = config.domain_name(name);
    }
    endpoint.tls_config(config).map_err(|error| {
        Error::new(Kind::InvalidArgument, format!("TLS for {url} cannot be set up: {error}"))
            .with_source(error)
    })
}

/// Reads a PEM file that must hold a section of this kind. The error never shows its content.
fn read_pem(path: &Path, section: &str) -> Result<Vec<u8>> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|error| {
        Error::new(Kind::InvalidArgument, format!("the TLS file {shown} cannot be read: {error}"))
            .with_source(error)
    })?;
    let text = String::from_utf8_lossy(&pem);
    let found = text.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(section));
    if !found {
        return Err(Error::new(
            Kind::InvalidArgument,
            format!(
                "the TLS file {shown} holds no {section}: it must be PEM, `-----BEGIN ... {section}-----`"
            ),
        ));
    }
    Ok(pem)
}
