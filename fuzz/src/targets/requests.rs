//! The services of the embedded store: any messages get an answer or a typed error, and afterwards it works as ever.
//!
//! An input is the number of a method and a message; for methods that take several, pieces of which each is one. With the
//! highest bit of the number, the rest is the body as it is, frames included.

mod message;

use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::codegen::http::Request;
use tonic::{Code, Status};
use txetcd::embedded::Store;

use super::input::{Input, push_piece};
use super::world::{alone, store};
use crate::Target;

pub(super) const REQUESTS: Target = Target {
    name: "requests",
    // A message that says how long it is has room made ready for it, before it comes; a snapshot is a copy of the store.
    memory: 80 << 20,
    valid,
    run,
};

/// Every method, those first for which there are messages.
const METHODS: [&str; 31] = [
    "KV/Range",
    "KV/Put",
    "KV/DeleteRange",
    "KV/Txn",
    "KV/Compact",
    "Lease/LeaseGrant",
    "Lease/LeaseRevoke",
    "Lease/LeaseTimeToLive",
    "KV/RangeStream",
    "Maintenance/HashKV",
    KEEP_ALIVE,
    WATCH,
    "Lease/LeaseLeases",
    "Maintenance/Status",
    "Maintenance/Alarm",
    "Maintenance/Hash",
    "Maintenance/MoveLeader",
    "Maintenance/Downgrade",
    "Maintenance/Snapshot",
    "Maintenance/Defragment",
    "Cluster/MemberList",
    "Cluster/MemberAdd",
    "Cluster/MemberRemove",
    "Cluster/MemberUpdate",
    "Cluster/MemberPromote",
    "Auth/AuthEnable",
    "Auth/Authenticate",
    "Auth/UserAdd",
    "KV/Unknown",
    "Unknown/Method",
    "",
];
const WITH_MESSAGES: usize = 12;

/// The methods that take more than one message.
const KEEP_ALIVE: &str = "Lease/LeaseKeepAlive";
const WATCH: &str = "Watch/Watch";

/// Several requests, one after the other to the same store.
fn valid(rng: &mut Rng) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..rng.usize(1..5) {
        // Mostly methods that do much.
        let number = if rng.u8(..4) == 0 { rng.usize(..METHODS.len()) } else { rng.usize(..WITH_MESSAGES) };
        let mut request = vec![number as u8];
        if [KEEP_ALIVE, WATCH].contains(&METHODS[number]) {
            for _ in 0..rng.usize(1..5) {
                push_piece(&mut request, &message::message(number, rng));
            }
        } else {
            request.extend(message::message(number, rng));
        }
        let len = u16::try_from(request.len()).unwrap_or(u16::MAX);
        input.extend(len.to_be_bytes());
        input.extend(&request[..len.into()]);
    }
    input
}

fn run(bytes: &[u8]) -> bool {
    alone(async {
        let store = store();
        let mut rest = bytes;
        let mut answered = false;
        while let Some((len, requests)) = rest.split_first_chunk::<2>() {
            let (request, others) = requests.split_at(requests.len().min(u16::from_be_bytes(*len).into()));
            rest = others;
            answered |= answer(&store, request).await;
        }
        // Its writer is alive.
        let put = answer(&store, &[1, 0x0a, 1, b'k']).await;
        assert!(put, "a put is not answered after these");
        answered
    })
}

/// Whether it was carried out.
async fn answer(store: &Store, request: &[u8]) -> bool {
    let mut input = Input(request);
    let number = input.byte();
    let method = METHODS[usize::from(number & 0x7f) % METHODS.len()];
    let body = match number & 0x80 {
        0 => framed(method, input),
        _ => input.0.to_vec(),
    };
    let request = Request::post(format!("/etcdserverpb.{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(http_body_util::Full::new(Bytes::from(body))))
        .expect("a request");
    let mut service = store.service();
    let service = tower::ServiceExt::<Request<Body>>::ready(&mut service).await.expect("infallible");
    let response = service.call(request).await.expect("infallible");
    if let Some(status) = Status::from_header_map(response.headers()) {
        return judged(method, &status);
    }
    let collected = http_body_util::BodyExt::collect(response.into_body());
    // Of a stream that goes on, only the first moment is looked at.
    match tokio::time::timeout(Duration::from_millis(2), collected).await {
        Ok(Ok(collected)) => {
            let status = collected.trailers().and_then(Status::from_header_map);
            status.is_some_and(|status| judged(method, &status))
        }
        Ok(Err(status)) => judged(method, &status),
        Err(_) => true,
    }
}

fn framed(method: &str, mut input: Input<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    let mut frame = |message: &[u8]| {
        body.push(0);
        body.extend((message.len() as u32).to_be_bytes());
        body.extend(message);
    };
    if ![KEEP_ALIVE, WATCH].contains(&method) {
        frame(input.0);
        return body;
    }
    while !input.is_empty() {
        frame(input.piece());
    }
    body
}

/// Whether it says that all went well.
fn judged(method: &str, status: &Status) -> bool {
    let says = |words: &str| status.message().contains(words);
    // A message that is none is "internal" to every gRPC server; nothing else may be.
    let malformed = ["decod", "protocol error", "Missing request message"].into_iter().any(says);
    let own_fault = matches!(status.code(), Code::Internal | Code::Unavailable | Code::DataLoss);
    assert!(!own_fault || status.code() == Code::Internal && malformed, "{method}: {status:?}");
    status.code() == Code::Ok
}
