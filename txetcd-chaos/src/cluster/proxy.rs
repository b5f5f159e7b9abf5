//! [`Proxy`]: a TCP proxy that can cut, hold and delay what passes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What happens to connections.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// Everything passes.
    Pass,
    /// Connections are closed, and new ones are closed at once.
    Cut,
    /// Connections stay open, and nothing passes, in neither direction. What was sent arrives after this.
    Hold,
    /// As `Hold`, but what the client sends passes.
    HoldAnswers,
    /// As `Hold`, but what the client is sent passes.
    HoldRequests,
    /// Everything passes so much later.
    Delay(Duration),
    /// As `Cut`, for connections that these members of a cluster have opened to their peer, by their ids.
    CutFrom(Vec<String>),
}

/// A proxy. Its tasks end when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    task: AbortHandle,
}

impl Proxy {
    /// A proxy in front of a port of this machine.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (mode, observed) = watch::channel(Mode::Pass);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                connections.spawn(carry(client, port, observed.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, mode, task: task.abort_handle() }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens from now on, to connections that exist, too.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Carries a connection until it ends or is cut.
async fn carry(client: TcpStream, port: u16, mut mode: watch::Receiver<Mode>) {
    if *mode.borrow() == Mode::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((mut client_in, client_out), (server_in, mut server_out)) =
        (client.into_split(), server.into_split());
    let first = tokio::select! {
        first = beginning(&mut client_in) => first,
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => return,
    };
    let text = String::from_utf8_lossy(&first).into_owned();
    let is_cut = |mode: &Mode| match mode {
        Mode::Cut => true,
        Mode::CutFrom(members) => {
            members.iter().any(|member| text.contains(&format!("X-Server-From: {member}")))
        }
        _ => false,
    };
    let both_ways = async {
        held_back(&mut mode.clone(), Mode::HoldRequests).await;
        if server_out.write_all(&first).await.is_ok() {
            tokio::join!(
                forward(client_in, server_out, mode.clone(), Mode::HoldRequests),
                forward(server_in, client_out, mode.clone(), Mode::HoldAnswers)
            );
        }
    };
    let mut cut = mode.clone();
    tokio::select! {
        () = both_ways => {}
        _ = cut.wait_for(is_cut) => {}
    }
}

/// The first bytes of a connection. etcd's members say in the head of a request who they are.
async fn beginning(connection: &mut OwnedReadHalf) -> Vec<u8> {
    let mut bytes = vec![0; 16 * 1024];
    let count = connection.read(&mut bytes).await.unwrap_or(0);
    bytes.truncate(count);
    bytes
}

/// Carries one direction, which `hold` holds back as [`Mode::Hold`] does.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<Mode>,
    hold: Mode,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        held_back(&mut mode, hold.clone()).await;
        if to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

async fn held_back(mode: &mut watch::Receiver<Mode>, hold: Mode) {
    let delay = match mode.wait_for(|mode| *mode != Mode::Hold && *mode != hold).await.as_deref() {
        Ok(Mode::Delay(delay)) => *delay,
        _ => return,
    };
    tokio::time::sleep(delay).await;
}
