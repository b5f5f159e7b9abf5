//! Reading a URL into a [`Target`].

use std::fmt::Display;
use std::path::PathBuf;

use http::Uri;

use crate::error::{Error, Kind, Result};

/// What a URL points at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Endpoints of one cluster, `http://` or `https://`, at least one.
    Cluster(Vec<String>),
    /// Endpoints that DNS has for this domain.
    Domain(String),
    /// A store in this process, in this directory.
    Embedded(PathBuf),
    /// A store in this process, in memory.
    Memory,
}

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("embedded:") {
            if path.is_empty() {
                return Err(invalid("`embedded:` needs a directory, `embedded:./data` for instance"));
            }
            return Ok(Self::Embedded(path.into()));
        }
        match text.strip_prefix("memory:") {
            Some("") => return Ok(Self::Memory),
            Some(_) => {
                return Err(invalid(
                    "`memory:` takes no name: every connection has a store of its own; clone the `Database` to share it",
                ));
            }
            None => {}
        }
        if let Some(domain) = text.strip_prefix("etcd+srv://") {
            let is_label = |label: &str| {
                !label.is_empty()
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            };
            let domain = domain.trim_end_matches(['/', '.']);
            if !domain.split('.').all(is_label) {
                return Err(invalid(format!(
                    "`{}`: after `etcd+srv://` comes a domain and nothing else, `etcd+srv://example.com` for instance",
                    without_credentials(text)
                )));
            }
            return Ok(Self::Domain(domain.to_owned()));
        }
        // Before anything is taken apart: a password may hold a comma, or what looks like a scheme.
        if text.contains('@') {
            return Err(invalid(format!(
                "`{}`: a URL is no place for a password, since URLs are logged: \
                 use `builder().url(...).user(name, password)`",
                without_credentials(text)
            )));
        }
        let endpoints = text.split(',').map(endpoint).collect::<Result<Vec<_>>>()?;
        Ok(Self::Cluster(endpoints))
    }
}

fn endpoint(text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(invalid("an endpoint is empty: write `http://host:2379`, several separated by commas"));
    }
    let Some((scheme, _)) = text.split_once("://") else {
        return Err(invalid(format!(
            "`{text}` has no scheme: write `http://{text}`, or `https://{text}` for TLS \
             (`embedded:PATH` and `memory:` need no server)"
        )));
    };
    if scheme != "http" && scheme != "https" {
        return Err(invalid(format!(
            "`{text}`: the scheme `{scheme}` is not known; these are: http, https, etcd+srv, embedded:PATH, memory:"
        )));
    }
    if text.contains('#') {
        return Err(malformed(text, "an endpoint has no fragment: leave out what begins with `#`"));
    }
    let uri: Uri = text.parse().map_err(|error| malformed(text, error))?;
    if uri.host().is_none_or(str::is_empty) {
        return Err(invalid(format!("`{text}` has no host")));
    }
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    if authority.len() > uri.host().map_or(0, str::len) && uri.port_u16().is_none() {
        return Err(invalid(format!("`{text}`: what follows the host is not a port: write `host:2379`")));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(invalid(format!(
            "`{text}`: an endpoint has no path: for a prefix of keys use `builder().namespace(...)`"
        )));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

pub(super) fn malformed(text: &str, reason: impl Display) -> Error {
    invalid(format!("`{}` is not a URL: {reason}", without_credentials(text)))
}

/// A URL as it may be shown: what stands before an `@` is left out.
pub(super) fn without_credentials(url: &str) -> String {
    let Some((before, host)) = url.rsplit_once('@') else { return url.to_owned() };
    let is_scheme = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    match before.split_once("://") {
        Some((scheme, _)) if is_scheme(scheme) => format!("{scheme}://***@{host}"),
        _ => format!("***@{host}"),
    }
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let cluster = |urls: &[&str]| Target::Cluster(urls.iter().map(ToString::to_string).collect());
        assert_eq!(Target::parse("http://a:2379").unwrap(), cluster(&["http://a:2379"]));
        assert_eq!(
            Target::parse("http://a:1, https://b:2/").unwrap(),
            cluster(&["http://a:1", "https://b:2"])
        );
        assert_eq!(Target::parse("http://[::1]:2379").unwrap(), cluster(&["http://[::1]:2379"]));
        assert_eq!(Target::parse("embedded:./data").unwrap(), Target::Embedded("./data".into()));
        assert_eq!(Target::parse("memory:").unwrap(), Target::Memory);
        let domain = |name: &str| Target::Domain(name.to_owned());
        assert_eq!(Target::parse("etcd+srv://example.com").unwrap(), domain("example.com"));
        assert_eq!(Target::parse("etcd+srv://etcd.example.com./").unwrap(), domain("etcd.example.com"));
    }

    #[test]
    fn mistakes_are_explained_and_secrets_are_not_shown() {
        for (url, says) in [
            ("localhost:2379", "write `http://localhost:2379`"),
            ("etcd://h:1", "scheme `etcd` is not known"),
            ("http://", "not a URL"),
            ("http://:2379", "has no host"),
            ("http://h:1?user=x", "has no path"),
            ("http://h:notaport", "not a port"),
            ("http://h:70000", "not a port"),
            ("http://h:1,", "is empty"),
            ("", "is empty"),
            ("http://h:1/app", "namespace"),
            ("http://root:hunter2@h:1", "builder().url(...).user"),
            ("http://a:1#b", "no fragment"),
            ("root:hunter2@h:1", "builder().url(...).user"),
            // Once the password was shown as a scheme, and the half of it before the comma as a port.
            ("root:hunter2@h:1;http://i:1", "builder().url(...).user"),
            ("http://root:hunter2,x@h:1", "builder().url(...).user"),
            ("embedded:", "needs a directory"),
            ("memory:name", "takes no name"),
            ("etcd+srv://", "comes a domain"),
            ("etcd+srv://example.com:2379", "comes a domain"),
            ("etcd+srv://root:hunter2@example.com", "comes a domain"),
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(error.is_invalid_argument(), "{url}: {error:?}");
            assert!(error.to_string().contains(says), "{url}: {error}");
            assert!(!format!("{error:?} {error}").contains("hunter2"), "{error}");
        }
    }
}
