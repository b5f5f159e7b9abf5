//! [`Calls`]: a proxy that knows gRPC calls, so that it can lose the answer of one that was delivered, or deliver one
//! after its caller was told that it failed.
//!
//! Each connection of a client has one to the member, and ends with it. A call that is to be late is delivered even if
//! its client's connection is gone by then. Streams (watches, keep-alives) pass untouched.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::mix::{Fate, Mix, Told};

type Body = BoxBody<Bytes, hyper::Error>;
type Member = SendRequest<Body>;
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Windows of streams and connections: large, so that the proxy holds nothing back by itself.
const WINDOW: u32 = 16 << 20;
/// How many streams may be given up: as many as clients like, which is what these tests are about.
const MANY: usize = usize::MAX >> 1;

/// The proxy. It accepts no more connections when it is dropped.
pub struct Calls {
    address: SocketAddr,
    task: AbortHandle,
}

impl Calls {
    /// A proxy in front of a port of this machine.
    ///
    /// # Panics
    ///
    /// If it cannot listen.
    pub async fn to(port: u16, mix: Arc<Mix>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.expect("a connection");
                connections.spawn(carry(client, port, mix.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, task: task.abort_handle() }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves a client until it or the member ends the connection.
async fn carry(client: TcpStream, port: u16, mix: Arc<Mix>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let opening = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_reset_streams(MANY)
        .handshake(TokioIo::new(server));
    let Ok((member, connection)) = opening.await else { return };
    // It lasts as long as somebody may still send on it.
    let connection = tokio::spawn(connection);
    let service = service_fn(move |request| answer(request, member.clone(), mix.clone()));
    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_pending_accept_reset_streams(MANY)
        .max_local_error_reset_streams(None)
        .serve_connection(TokioIo::new(client), service);
    tokio::select! {
        _ = serving => {}
        _ = connection => {}
    }
}

/// What a client gets for a call. An error resets its stream.
async fn answer(
    request: Request<Incoming>,
    member: Member,
    mix: Arc<Mix>,
) -> Result<Response<Body>, Failure> {
    let fate = if is_stream(request.uri().path()) { Fate::Pass } else { mix.next() };
    if fate == Fate::Pass {
        return deliver(request.map(BodyExt::boxed), member).await;
    }
    let (head, body) = request.into_parts();
    let body = Full::new(body.collect().await?.to_bytes());
    let request = Request::from_parts(head, body.map_err(|never| match never {}).boxed());
    match fate {
        Fate::Pass => deliver(request, member).await,
        Fate::Delayed(delay) => {
            tokio::time::sleep(delay).await;
            let answer = deliver(request, member).await;
            tokio::time::sleep(delay).await;
            answer
        }
        Fate::LostRequest(told) => fail(told).await,
        Fate::LostAnswer(told) => {
            // Delivered however soon the client gives up, and read to its end, so that it surely was carried out.
            let delivered = tokio::spawn(async move {
                deliver(request, member).await?.collect().await.map_err(Failure::from)
            });
            drop(delivered.await);
            fail(told).await
        }
        Fate::Late(told, delay) => {
            // Dropped when the client has its answer, and when it gives up on getting one.
            let _late = OnDrop(Some(async move {
                tokio::time::sleep(delay).await;
                drop(deliver(request, member).await);
            }));
            fail(told).await
        }
    }
}

/// Calls that go on for long.
fn is_stream(path: &str) -> bool {
    ["/Watch", "/LeaseKeepAlive", "/Snapshot"].iter().any(|stream| path.ends_with(stream))
}

async fn deliver(request: Request<Body>, mut member: Member) -> Result<Response<Body>, Failure> {
    member.ready().await?;
    Ok(member.send_request(request).await?.map(BodyExt::boxed))
}

/// Tells a client that its call failed.
async fn fail(told: Told) -> Result<Response<Body>, Failure> {
    match told {
        Told::Reset => Err("reset on purpose".into()),
        Told::Nothing => std::future::pending().await,
        Told::Unavailable => {
            let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed());
            let headers = response.headers_mut();
            headers.insert("content-type", HeaderValue::from_static("application/grpc"));
            headers.insert("grpc-status", HeaderValue::from_static("14"));
            headers.insert("grpc-message", HeaderValue::from_static("failed on purpose"));
            Ok(response)
        }
    }
}

/// Starts a task when it is dropped.
struct OnDrop<F: Future<Output = ()> + Send + 'static>(Option<F>);

impl<F: Future<Output = ()> + Send + 'static> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            tokio::spawn(task);
        }
    }
}
