//! [`Cluster`]: three members of etcd, with a proxy in front of each for clients, and one for its peers.
//!
//! A client's connection goes through a [`Proxy`], which knows bytes: it cuts, holds and delays. With a [`Mix`] it goes
//! through [`Calls`] behind that, which knows requests: it loses answers of requests that were delivered, and delivers
//! requests after the client was told that they failed. [`Nemesis`] does faults to the members. Nothing here knows
//! what the clients do.

mod calls;
mod compaction;
mod member;
mod mix;
mod nemesis;
mod proxy;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcd_client::Client;
use tempfile::TempDir;

pub use calls::Calls;
pub use member::{Member, free_port};
pub use mix::{Mix, Rates};
pub use nemesis::{FAULTS, Fault, Nemesis};
pub use proxy::{Mode, Proxy};

/// How long a change of the members may take, after which it is asked for again.
const CHANGE: Duration = Duration::from_secs(5);
/// How long a member may take that may be down.
const SHORT: Duration = Duration::from_secs(2);

/// How many members a cluster has.
pub const MEMBERS: usize = 3;

/// A running cluster. Its processes end when it is dropped.
pub struct Cluster {
    binary: PathBuf,
    members: Vec<Member>,
    /// The members' ids.
    ids: Vec<u64>,
    clients: Vec<Proxy>,
    peers: Vec<Proxy>,
    /// The ports behind the clients' proxies, and those behind the peers'.
    ports: Vec<(u16, u16)>,
    /// What loses and delays requests, if anything does.
    _calls: Vec<Calls>,
    directory: TempDir,
}

impl Cluster {
    /// Starts a cluster of this program, with its data in the directory, and waits until all members answer. Requests
    /// of clients are lost and late as `mix` says.
    ///
    /// # Panics
    ///
    /// If it does not come up. So do the other functions if the cluster does not do as it is told.
    pub async fn start(binary: &Path, directory: TempDir, mix: Option<Arc<Mix>>) -> Self {
        let mut cluster = Self {
            binary: binary.to_owned(),
            members: vec![],
            ids: vec![],
            clients: vec![],
            peers: vec![],
            ports: vec![],
            _calls: vec![],
            directory,
        };
        for _ in 0..MEMBERS {
            let (port, peer_port) = (free_port(), free_port());
            let behind = match &mix {
                None => port,
                Some(mix) => {
                    let calls = Calls::to(port, mix.clone()).await;
                    let behind = calls.port();
                    cluster._calls.push(calls);
                    behind
                }
            };
            cluster.clients.push(Proxy::to(behind).await);
            cluster.peers.push(Proxy::to(peer_port).await);
            cluster.ports.push((port, peer_port));
        }
        cluster.members = (0..MEMBERS).map(|member| cluster.described(member, "new")).collect();
        cluster.members.iter_mut().for_each(Member::start);
        cluster.healthy().await;
        let listed = cluster.direct(0).await.member_list().await.expect("the members");
        for member in 0..MEMBERS {
            let found = listed.members().iter().find(|found| found.name() == name(member));
            cluster.ids.push(found.expect("the member").id());
        }
        cluster
    }

    /// A member that is not started yet.
    fn described(&self, member: usize, state: &str) -> Member {
        let all: Vec<_> =
            (0..MEMBERS).map(|peer| format!("{}={}", name(peer), self.peers[peer].url())).collect();
        let (port, peer_port) = self.ports[member];
        let arguments = [
            ("--name", name(member)),
            ("--data-dir", self.data(member).to_str().expect("a plain path").to_owned()),
            ("--listen-client-urls", format!("http://127.0.0.1:{port}")),
            ("--advertise-client-urls", self.clients[member].url()),
            ("--listen-peer-urls", format!("http://127.0.0.1:{peer_port}")),
            ("--initial-advertise-peer-urls", self.peers[member].url()),
            ("--initial-cluster", all.join(",")),
            ("--initial-cluster-state", state.to_owned()),
        ];
        let arguments = arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        Member::new(&self.binary, arguments.collect())
    }

    fn data(&self, member: usize) -> PathBuf {
        self.directory.path().join(name(member))
    }

    /// Takes a member out of the cluster for good, with its data.
    pub async fn remove(&mut self, member: usize) {
        self.members[member].kill();
        let (id, other) = (self.ids[member], (member + 1) % MEMBERS);
        loop {
            let mut client = self.direct(other).await;
            match tokio::time::timeout(CHANGE, client.member_remove(id)).await {
                Ok(Ok(_)) => break,
                Ok(Err(error)) if error.to_string().contains("not found") => break,
                // It may have been the leader.
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        std::fs::remove_dir_all(self.data(member)).expect("the data of a member that is down");
    }

    /// Puts a new member in the place of one that was removed.
    pub async fn replace(&mut self, member: usize) {
        let (url, other) = (self.peers[member].url(), (member + 1) % MEMBERS);
        self.ids[member] = loop {
            let mut client = self.direct(other).await;
            if let Ok(Ok(added)) = tokio::time::timeout(CHANGE, client.member_add([url.clone()], None)).await
            {
                break added.member().expect("the member").id();
            }
            // The others must have been in touch for a while first. Or the answer was lost.
            let listed = tokio::time::timeout(CHANGE, client.member_list()).await.ok().and_then(Result::ok);
            let known = listed.iter().flat_map(|listed| listed.members());
            if let Some(known) = known.into_iter().find(|known| known.peer_urls().contains(&url)) {
                break known.id();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        self.members[member] = self.described(member, "existing");
        self.members[member].start();
    }

    /// Compacts a member's file.
    pub async fn defragment(&self, member: usize) {
        // A member may be busy or down: then there is nothing to defragment.
        let _ = tokio::time::timeout(SHORT, self.direct(member).await.defragment()).await;
    }

    /// Compacts the history every so often, up to the revision of that moment, until the task is aborted.
    pub fn compacting(&self, every: Duration) -> tokio::task::AbortHandle {
        let urls: Vec<_> = (0..MEMBERS).map(|member| self.direct_url(member)).collect();
        tokio::spawn(compaction::run(urls, every)).abort_handle()
    }

    /// The URL of all members, for clients: this one first, which is used until it fails.
    pub fn url(&self, first: usize) -> String {
        let members = (first..first + MEMBERS).map(|member| self.url_of(member % MEMBERS));
        members.collect::<Vec<_>>().join(",")
    }

    /// The URL of one member, for clients.
    pub fn url_of(&self, member: usize) -> String {
        self.clients[member].url()
    }

    /// The URL of one member, past the proxies.
    pub fn direct_url(&self, member: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[member].0)
    }

    /// A bare client of one member, past the proxies.
    pub async fn direct(&self, member: usize) -> Client {
        Client::connect([self.direct_url(member)], None).await.expect("a connection")
    }

    /// Waits until each member answers with what is current.
    pub async fn healthy(&self) {
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

    /// One member.
    pub fn member(&mut self, member: usize) -> &mut Member {
        &mut self.members[member]
    }

    /// What happens between clients and a member.
    pub fn set_clients(&self, member: usize, mode: Mode) {
        self.clients[member].set(mode);
    }

    /// Cuts a member off from the others, while clients can still reach it.
    pub fn isolate(&self, member: usize) {
        let others = (0..MEMBERS).filter(|other| *other != member);
        for other in others {
            self.peers[other].set(Mode::CutFrom(vec![format!("{:x}", self.ids[member])]));
        }
        self.peers[member].set(Mode::Cut);
    }

    /// Ends an isolation.
    pub fn rejoin(&self) {
        self.peers.iter().for_each(|proxy| proxy.set(Mode::Pass));
    }
}

fn name(member: usize) -> String {
    format!("m{member}")
}
