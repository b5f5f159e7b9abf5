//! Finding endpoints by DNS: the SRV records that etcd's own clients use.
//!
//! `etcd+srv://example.com` stands for the targets of `_etcd-client-ssl._tcp.example.com`, over TLS; or, if there are
//! none, of `_etcd-client._tcp.example.com`, without. Records are looked up once, when connecting.

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;

use crate::error::{Error, Kind, Result};

/// The endpoints of a domain, by the system's resolver: at least one, in the order in which they are to be tried.
pub(super) async fn discover(domain: &str) -> Result<Vec<String>> {
    let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build()).map_err(|error| {
        Error::new(Kind::Unavailable, format!("DNS cannot be used as this system is set up: {error}"))
            .with_source(error)
    })?;
    discover_by(&resolver, domain).await
}

async fn discover_by(resolver: &TokioResolver, domain: &str) -> Result<Vec<String>> {
    for (service, scheme) in [("etcd-client-ssl", "https"), ("etcd-client", "http")] {
        let found = endpoints(resolver, &format!("_{service}._tcp.{domain}."), scheme).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(Error::new(
        Kind::Unavailable,
        format!("DNS has no records `_etcd-client-ssl._tcp.{domain}` or `_etcd-client._tcp.{domain}`"),
    ))
}

async fn endpoints(resolver: &TokioResolver, name: &str, scheme: &str) -> Result<Vec<String>> {
    let lookup = match resolver.srv_lookup(name).await {
        Ok(lookup) => lookup,
        Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
        Err(error) => {
            let message = format!("DNS does not answer for `{name}`: {error}");
            return Err(Error::new(Kind::Unavailable, message).with_source(error));
        }
    };
    let records = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(srv) => Some(srv),
        _ => None,
    });
    let mut records: Vec<_> = records.collect();
    records.sort_by_key(|srv| (srv.priority, std::cmp::Reverse(srv.weight)));
    let endpoint = |target: &str, port| format!("{scheme}://{}:{port}", target.trim_end_matches('.'));
    Ok(records.into_iter().map(|srv| endpoint(&srv.target.to_ascii(), srv.port)).collect())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use tokio::net::UdpSocket;

    use super::*;

    /// A record: priority, weight, port, target.
    type Record = (u16, u16, u16, &'static str);

    fn name(name: &str) -> Vec<u8> {
        let labels = name.split('.').filter(|label| !label.is_empty());
        let encoded = labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
        encoded.chain([0]).collect()
    }

    /// The response codes of RFC 1035.
    const SERVER_FAILURE: u8 = 2;
    const NO_SUCH_NAME: u8 = 3;
    const REFUSED: u8 = 5;

    /// Answers questions for SRV records (RFC 1035, RFC 2782), and those for all other names with a code.
    async fn serve(socket: UdpSocket, records: Vec<(&'static str, Vec<Record>)>, others: u8) {
        let mut buffer = [0; 1500];
        loop {
            let (count, client) = socket.recv_from(&mut buffer).await.unwrap();
            let query = &buffer[..count];
            let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
            let question = &query[12..end];
            let found = records.iter().find(|(of, _)| question.starts_with(&name(of)));
            let answers = found.map_or(&[][..], |(_, records)| records);
            let code: u8 = if found.is_some() { 0 } else { others };
            let mut message =
                [&query[..2], &[0x84, code, 0, 1, 0, answers.len() as u8, 0, 0, 0, 0], question].concat();
            for (priority, weight, port, target) in answers {
                let data: Vec<u8> = [priority, weight, port]
                    .iter()
                    .flat_map(|number| number.to_be_bytes())
                    .chain(name(target))
                    .collect();
                // A pointer to the question's name, SRV, IN, a time to live, and the record.
                message.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
                message.extend(data);
            }
            socket.send_to(&message, client).await.unwrap();
        }
    }

    async fn resolver(records: Vec<(&'static str, Vec<Record>)>) -> TokioResolver {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = socket.local_addr().unwrap();
        tokio::spawn(serve(socket, records, NO_SUCH_NAME));
        resolver_at(address)
    }

    /// A resolver that asks at this address, once.
    fn resolver_at(address: SocketAddr) -> TokioResolver {
        let mut connection = ConnectionConfig::udp();
        connection.port = address.port();
        let mut server = NameServerConfig::udp(address.ip());
        server.connections = vec![connection];
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        builder.options_mut().attempts = 0;
        builder.options_mut().timeout = std::time::Duration::from_millis(500);
        builder.build().unwrap()
    }

    #[tokio::test]
    async fn endpoints_are_tried_by_priority_and_weight() {
        let records = vec![
            (2, 0, 2379, "c.example.com."),
            (1, 5, 2380, "b.example.com."),
            (1, 9, 2379, "a.example.com."),
        ];
        let resolver = resolver(vec![("_etcd-client._tcp.example.com.", records)]).await;
        let found = discover_by(&resolver, "example.com").await.unwrap();
        let expected =
            ["http://a.example.com:2379", "http://b.example.com:2380", "http://c.example.com:2379"];
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn tls_is_not_left_for_plain_text() {
        let resolver = resolver(vec![
            ("_etcd-client._tcp.example.com.", vec![(0, 0, 2379, "plain.example.com.")]),
            ("_etcd-client-ssl._tcp.example.com.", vec![(0, 0, 2379, "secure.example.com.")]),
        ])
        .await;
        let found = discover_by(&resolver, "example.com").await.unwrap();
        assert_eq!(found, ["https://secure.example.com:2379"]);
    }

    #[tokio::test]
    async fn a_domain_without_records_is_explained() {
        let resolver = resolver(vec![]).await;
        let error = discover_by(&resolver, "example.com").await.unwrap_err();
        assert!(error.is_unavailable(), "{error:?}");
        assert!(error.to_string().contains("_etcd-client-ssl._tcp.example.com"), "{error}");
    }
    #[tokio::test]
    async fn a_resolver_that_is_broken_is_not_taken_for_a_domain_without_records() {
        let socket = || async { UdpSocket::bind("127.0.0.1:0").await.unwrap() };
        let (failing, refusing, silent) = (socket().await, socket().await, socket().await);
        let addresses = [&failing, &refusing, &silent].map(|socket| socket.local_addr().unwrap());
        tokio::spawn(serve(failing, vec![], SERVER_FAILURE));
        tokio::spawn(serve(refusing, vec![], REFUSED));
        for address in addresses {
            let error = discover_by(&resolver_at(address), "example.com").await.unwrap_err();
            assert!(error.is_unavailable(), "{error:?}");
            let message = error.to_string();
            assert!(
                message.contains("DNS does not answer for `_etcd-client-ssl._tcp.example.com.`"),
                "{message}"
            );
        }
    }
}
