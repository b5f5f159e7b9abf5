//! [`Cluster`]: three members, with a proxy in front of each for clients, and one for its peers.

use std::path::Path;
use std::time::Duration;

use etcd_client::Client;
use tempfile::TempDir;

use crate::member::{Member, free_port};
use crate::own_server::temporary_directory;
use crate::proxy::{Mode, Proxy};

pub(crate) const MEMBERS: usize = 3;

/// A running cluster. Its processes end when it is dropped.
pub(crate) struct Cluster {
    members: Vec<Member>,
    /// The members' ids, as their requests to each other have them.
    ids: Vec<String>,
    clients: Vec<Proxy>,
    peers: Vec<Proxy>,
    /// The ports behind the clients' proxies.
    ports: Vec<u16>,
    _directory: TempDir,
}

impl Cluster {
    /// Starts a cluster and waits until all members answer.
    pub(crate) async fn start(binary: &Path) -> Self {
        let directory = temporary_directory();
        let (mut clients, mut peers, mut ports, mut peer_ports) = (vec![], vec![], vec![], vec![]);
        for _ in 0..MEMBERS {
            let (port, peer_port) = (free_port(), free_port());
            clients.push(Proxy::to(port).await);
            peers.push(Proxy::to(peer_port).await);
            ports.push(port);
            peer_ports.push(peer_port);
        }
        let all: Vec<_> = (0..MEMBERS).map(|member| format!("m{member}={}", peers[member].url())).collect();
        let members = (0..MEMBERS).map(|member| {
            let data = directory.path().join(format!("m{member}"));
            let arguments = [
                ("--name", format!("m{member}")),
                ("--data-dir", data.to_str().expect("a plain path").to_owned()),
                ("--listen-client-urls", format!("http://127.0.0.1:{}", ports[member])),
                ("--advertise-client-urls", clients[member].url()),
                ("--listen-peer-urls", format!("http://127.0.0.1:{}", peer_ports[member])),
                ("--initial-advertise-peer-urls", peers[member].url()),
                ("--initial-cluster", all.join(",")),
            ];
            Member::new(
                binary,
                arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect(),
            )
        });
        let mut cluster =
            Self { members: members.collect(), ids: vec![], clients, peers, ports, _directory: directory };
        cluster.members.iter_mut().for_each(Member::start);
        cluster.healthy().await;
        let listed = cluster.direct(0).await.member_list().await.expect("the members");
        for member in 0..MEMBERS {
            let name = format!("m{member}");
            let found = listed.members().iter().find(|member| member.name() == name).expect("the member");
            cluster.ids.push(format!("{:x}", found.id()));
        }
        cluster
    }

    /// The URL of all members, for clients: this one first, which is used until it fails.
    pub(crate) fn url(&self, first: usize) -> String {
        let members = (first..first + MEMBERS).map(|member| self.url_of(member % MEMBERS));
        members.collect::<Vec<_>>().join(",")
    }

    /// The URL of one member, for clients.
    pub(crate) fn url_of(&self, member: usize) -> String {
        self.clients[member].url()
    }

    /// A bare client of one member, past the proxies.
    pub(crate) async fn direct(&self, member: usize) -> Client {
        let url = format!("http://127.0.0.1:{}", self.ports[member]);
        Client::connect([url], None).await.expect("a connection")
    }

    /// Waits until each member answers with what is current.
    pub(crate) async fn healthy(&self) {
        for member in 0..MEMBERS {
            let answered = async {
                let mut client = self.direct(member).await;
                while client.get("healthy?", None).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), answered).await.unwrap_or_else(|_| {
                panic!("member {member} does not answer: run `cargo xtask test`, which gets etcd, or put an etcd on the PATH")
            });
        }
    }

    pub(crate) fn member(&mut self, member: usize) -> &mut Member {
        &mut self.members[member]
    }

    /// What happens between clients and a member.
    pub(crate) fn set_clients(&self, member: usize, mode: Mode) {
        self.clients[member].set(mode);
    }

    /// Cuts a member off from the others, while clients can still reach it.
    pub(crate) fn isolate(&self, member: usize) {
        let others = (0..MEMBERS).filter(|other| *other != member);
        for other in others {
            self.peers[other].set(Mode::CutFrom(vec![self.ids[member].clone()]));
        }
        self.peers[member].set(Mode::Cut);
    }

    /// Ends an isolation.
    pub(crate) fn rejoin(&self) {
        self.peers.iter().for_each(|proxy| proxy.set(Mode::Pass));
    }
}
