//! [`serve`]: a store on a socket, for `etcdctl`, for other processes and other languages.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder as Http;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::serve_error::ServeError;
use crate::store::Store;

/// What requests in flight get to be finished when the server is shut down. Watches never finish.
const GRACE: Duration = Duration::from_secs(1);

/// After a failure to accept a connection, which is mostly too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// A store that is being served. It stops when this is dropped.
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Serves `store` at a loopback address, in plain text, to whoever can reach it; port 0 takes a free one.
///
/// ```
/// use txetcd_embedded::{Store, serve};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::memory()?;
/// let server = serve(&store, "127.0.0.1:0".parse()?).await?;
/// let mut client = etcd_client::Client::connect([server.url()], None).await?;
/// client.put("greeting", "hello", None).await?;
/// server.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the address is not a loopback address, or cannot be listened at.
///
/// # Panics
/// Outside of a tokio runtime with its I/O and time enabled.
pub async fn serve(store: &Store, address: SocketAddr) -> Result<Server, ServeError> {
    if !address.ip().to_canonical().is_loopback() {
        return Err(ServeError::exposed(address));
    }
    serve_exposed(store, address).await
}

/// Serves `store` as [`serve`] does, at any address. There is neither encryption nor access control:
/// everyone who reaches the address may read and change everything.
///
/// # Errors
/// If the address cannot be listened at.
///
/// # Panics
/// As [`serve`].
pub async fn serve_exposed(store: &Store, address: SocketAddr) -> Result<Server, ServeError> {
    let failed = |error| ServeError::listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(accept(listener, store.clone(), stopped));
    Ok(Server { address, stop, task })
}

impl Server {
    /// Where the store is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as clients want it: `http://127.0.0.1:2379`.
    pub fn url(&self) -> String {
        url(self.address)
    }

    /// Accepts nothing more, gives requests in flight a second to finish, and ends what is left, watches
    /// among it.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the server of an embedded store panicked");
        }
    }
}

impl Drop for Server {
    /// Ends the server with all of its connections.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves each connection in a task of its own. They end with this future, which holds them.
async fn accept(listener: TcpListener, store: Store, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let (requests, mut ended) = mpsc::channel(1);
    loop {
        tokio::select! {
            () = asked_to_stop(&mut stopped) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let requests = Requests(requests.clone());
                    connections.spawn(connection(stream, store.clone(), requests, stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the server of an embedded store cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, store));
    let finished = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, finished).await;
    connections.shutdown().await;
    // A request notices that its connection is gone, and lets go of the store.
    drop(requests);
    let _ = tokio::time::timeout(GRACE, ended.recv()).await;
}

/// Serves one connection until it ends, or until it has finished what it began before the server stopped.
async fn connection(stream: TcpStream, store: Store, requests: Requests, mut stopped: watch::Receiver<bool>) {
    let address = match prepare(&stream) {
        Ok(address) => address,
        Err(error) => {
            tracing::debug!(%error, "a connection to an embedded store ended");
            return;
        }
    };
    let routes = store.service_at(url(address));
    drop(store);
    let mut http = Http::new(requests).http2_only();
    // Every watch of a client may be a stream of its own.
    http.http2().max_concurrent_streams(None);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes)));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = asked_to_stop(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to an embedded store ended");
    }
}

/// Runs requests in tasks of their own. The receiver hears that the channel is closed once all have ended.
#[derive(Clone)]
struct Requests(mpsc::Sender<()>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Requests {
    fn execute(&self, request: F) {
        let Self(running) = self.clone();
        tokio::spawn(async move {
            request.await;
            drop(running);
        });
    }
}

/// Answers are small and awaited, so they are not held back to be sent together. The address is the one that
/// the client has reached, which may be one of many that are listened at.
fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    stream.local_addr()
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

async fn asked_to_stop(stopped: &mut watch::Receiver<bool>) {
    // A sender that is gone has stopped the server as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
