//! Messages as clients send them, each for a method by its number in [`METHODS`](super::METHODS).

use etcd_client::proto::{
    PbCompactionRequest, PbCompare, PbDeleteRequest, PbHashKvRequest, PbLeaseGrantRequest,
    PbLeaseKeepAliveRequest, PbLeaseRevokeRequest, PbLeaseTimeToLiveRequest, PbPutRequest, PbRangeRequest,
    PbTargetUnion, PbTxnOpRequest, PbTxnRequest, PbTxnRequestOp, PbWatchRequest, PbWatchRequestUnion,
};
use fastrand::Rng;
use prost::Message;

pub(super) fn message(method: usize, random: &mut Rng) -> Vec<u8> {
    match method {
        0 => range(random).encode_to_vec(),
        1 => put(random).encode_to_vec(),
        2 => delete(random).encode_to_vec(),
        3 => txn(random, 3).encode_to_vec(),
        4 => PbCompactionRequest { revision: number(random), physical: random.bool() }.encode_to_vec(),
        5 => PbLeaseGrantRequest { ttl: number(random), id: number(random) }.encode_to_vec(),
        6 => PbLeaseRevokeRequest { id: number(random) }.encode_to_vec(),
        7 => PbLeaseTimeToLiveRequest { id: number(random), keys: random.bool() }.encode_to_vec(),
        9 => PbHashKvRequest { revision: number(random) }.encode_to_vec(),
        10 => PbLeaseKeepAliveRequest { id: number(random) }.encode_to_vec(),
        11 => watch(random).encode_to_vec(),
        _ => range(random).encode_to_vec(),
    }
}

fn watch(random: &mut Rng) -> PbWatchRequest {
    let mut request = match random.u8(..6) {
        0 => PbWatchRequestUnion::ProgressRequest(Default::default()),
        1 => PbWatchRequestUnion::CancelRequest(Default::default()),
        _ => PbWatchRequestUnion::CreateRequest(Default::default()),
    };
    match &mut request {
        PbWatchRequestUnion::CreateRequest(create) => {
            create.key = if random.bool() { key(random) } else { Vec::new() };
            create.range_end = if random.bool() { vec![0] } else { end(random) };
            create.start_revision = option(random);
            create.progress_notify = random.bool();
            create.prev_kv = random.bool();
            create.fragment = random.bool();
            create.watch_id = option(random);
            let filters = random.usize(..3);
            create.filters = std::iter::repeat_with(|| random.i32(-1..3)).take(filters).collect();
        }
        PbWatchRequestUnion::CancelRequest(cancel) => cancel.watch_id = number(random),
        PbWatchRequestUnion::ProgressRequest(_) => {}
    }
    PbWatchRequest { request_union: (random.u8(..16) > 0).then_some(request) }
}

/// Small, or at an end of what there is.
fn number(random: &mut Rng) -> i64 {
    match random.u8(..8) {
        0 => i64::MIN,
        1 => i64::MAX,
        2 => -1,
        3 => random.i64(..),
        _ => random.i64(0..50),
    }
}

fn bytes(random: &mut Rng, most: usize) -> Vec<u8> {
    let length = random.usize(..most);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

fn key(random: &mut Rng) -> Vec<u8> {
    if random.u8(..8) == 0 { bytes(random, 8) } else { vec![random.u8(b'a'..b'i')] }
}

fn end(random: &mut Rng) -> Vec<u8> {
    if random.bool() { Vec::new() } else { key(random) }
}

fn option(random: &mut Rng) -> i64 {
    if random.u8(..4) == 0 { number(random) } else { 0 }
}

fn range(random: &mut Rng) -> PbRangeRequest {
    PbRangeRequest {
        key: key(random),
        range_end: end(random),
        limit: option(random),
        revision: option(random),
        sort_order: random.i32(-1..4),
        sort_target: random.i32(-1..6),
        serializable: random.bool(),
        keys_only: random.bool(),
        count_only: random.u8(..4) == 0,
        min_mod_revision: option(random),
        max_mod_revision: option(random),
        min_create_revision: option(random),
        max_create_revision: option(random),
    }
}

fn put(random: &mut Rng) -> PbPutRequest {
    PbPutRequest {
        key: key(random),
        value: bytes(random, 100),
        lease: option(random),
        prev_kv: random.bool(),
        ignore_value: random.u8(..8) == 0,
        ignore_lease: random.u8(..8) == 0,
    }
}

fn delete(random: &mut Rng) -> PbDeleteRequest {
    PbDeleteRequest { key: key(random), range_end: end(random), prev_kv: random.bool() }
}

fn compare(random: &mut Rng) -> PbCompare {
    let target_union = match random.u8(..6) {
        0 => None,
        1 => Some(PbTargetUnion::Version(number(random))),
        2 => Some(PbTargetUnion::CreateRevision(number(random))),
        3 => Some(PbTargetUnion::ModRevision(number(random))),
        4 => Some(PbTargetUnion::Lease(number(random))),
        _ => Some(PbTargetUnion::Value(bytes(random, 4))),
    };
    PbCompare {
        result: random.i32(-1..5),
        target: random.i32(-1..6),
        key: key(random),
        range_end: end(random),
        target_union,
    }
}

fn txn(random: &mut Rng, depth: u32) -> PbTxnRequest {
    let most = if random.u8(..50) == 0 { 140 } else { 4 };
    let mut operations = || -> Vec<PbTxnRequestOp> {
        let count = random.usize(..most);
        std::iter::repeat_with(|| PbTxnRequestOp { request: operation(random, depth) }).take(count).collect()
    };
    let (success, failure) = (operations(), operations());
    let count = random.usize(..3);
    let compare = std::iter::repeat_with(|| compare(random)).take(count).collect();
    PbTxnRequest { compare, success, failure }
}

fn operation(random: &mut Rng, depth: u32) -> Option<PbTxnOpRequest> {
    match random.u8(..8) {
        0 => None,
        1 | 2 => Some(PbTxnOpRequest::RequestRange(range(random))),
        3 => Some(PbTxnOpRequest::RequestDeleteRange(delete(random))),
        4 if depth > 0 => Some(PbTxnOpRequest::RequestTxn(txn(random, depth - 1))),
        _ => Some(PbTxnOpRequest::RequestPut(put(random))),
    }
}
