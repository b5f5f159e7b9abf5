//! Random and mutated input, to the services and to the opening of files: answers or typed errors, no
//! panic, and no more memory than the input warrants.
//!
//! `TXETCD_TEST_FUZZ_INPUTS` and `TXETCD_TEST_FUZZ_FILES` ask for more than the usual run, and
//! `TXETCD_TEST_SEED` for others.

#[path = "../support/mod.rs"]
mod support;

mod input;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use etcd_client::GetOptions;
use input::Input;
use peak_alloc::PeakAlloc;
use support::client;
use tokio::sync::Mutex;
use tonic::body::Body;
use tonic::codegen::http::Request;
use tonic::codegen::{Bytes, Service};
use tonic::{Code, Status};
use tower::ServiceExt;
use txetcd_embedded::Store;

/// What a usual run tries.
const INPUTS: u64 = 20_000;
const FILES: u64 = 300;

/// What counts how much memory is taken.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Only one test at a time, since the memory is everybody's.
static ALONE: Mutex<()> = Mutex::const_new(());

/// What an input may take beyond its share: a copy of the store, for a snapshot, and pages of it.
const MEMORY_BASE: usize = 16 << 20;
/// What a byte of input may take.
const MEMORY_A_BYTE: usize = 1024;
/// What is made ready for a message that says how long it is, before it comes.
const MEMORY_FOR_A_MESSAGE: usize = 64 << 20;

/// After so many inputs there is a new store, so that it stays small.
const INPUTS_TO_A_STORE: u64 = 5_000;

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

#[tokio::test]
async fn the_services_answer_whatever_they_are_sent() {
    let _alone = ALONE.lock().await;
    let inputs = setting("TXETCD_TEST_FUZZ_INPUTS", INPUTS);
    let mut random = fastrand::Rng::with_seed(setting("TXETCD_TEST_SEED", 1));
    let mut codes = BTreeMap::new();
    let mut most = 0;
    let mut store = Store::memory().unwrap();
    for number in 0..inputs {
        if number % INPUTS_TO_A_STORE == 0 {
            store = Store::memory().unwrap();
        }
        let input = Input::new(&mut random);
        let what = format!("{input:?}");
        let length: usize = input.messages.iter().map(Vec::len).sum();
        let declared = input.lie.map_or(0, |lie| MEMORY_FOR_A_MESSAGE.min(lie as usize));
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let code = send(&store, input).await;
        let taken = MEMORY.peak_usage().saturating_sub(before);
        let allowed = MEMORY_BASE + MEMORY_A_BYTE * length + declared;
        assert!(taken <= allowed, "{taken} bytes of memory for {length} of input, {what}");
        most = most.max(taken);
        // A message that is none is "internal" to every gRPC server; nothing else may be.
        assert!(!code.starts_with("13") && code != "14", "{code} to {what}");
        *codes.entry(code).or_insert(0_u64) += 1;
        if number % INPUTS_TO_A_STORE == INPUTS_TO_A_STORE - 1 {
            // It works as ever, its writer thread included.
            let mut client = client(&store).await;
            client.put("after", "", None).await.unwrap();
            assert_eq!(client.get("after", None).await.unwrap().count(), 1);
        }
    }
    println!("{inputs} inputs, {} KiB of memory at most, by the code of their answer: {codes:?}", most >> 10);
    // Not all of them failed at the door.
    assert!(codes.get("0").is_some_and(|answered| *answered > inputs / 10), "{codes:?}");
}

/// Sends messages as they are and returns the code of the answer. Of a stream that goes on, only the first
/// moment is read.
async fn send(store: &Store, input: Input) -> String {
    let request = Request::post(input.method)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(http_body_util::Full::new(Bytes::from(input.body()))))
        .unwrap();
    let mut service = store.service();
    let response =
        ServiceExt::<Request<Body>>::ready(&mut service).await.unwrap().call(request).await.unwrap();
    if let Some(status) = Status::from_header_map(response.headers()) {
        return describe(&status);
    }
    let collected = http_body_util::BodyExt::collect(response.into_body());
    match tokio::time::timeout(Duration::from_millis(2), collected).await {
        Ok(Ok(collected)) => {
            let status = collected.trailers().and_then(Status::from_header_map);
            status.map_or_else(|| "none".to_owned(), |status| describe(&status))
        }
        Ok(Err(status)) => describe(&status),
        Err(_) => "goes on".to_owned(),
    }
}

fn describe(status: &Status) -> String {
    let is_malformed = ["decod", "protocol error", "Missing request message"]
        .iter()
        .any(|words| status.message().contains(words));
    match status.code() {
        Code::Internal if is_malformed => "malformed".to_owned(),
        Code::Internal => format!("13 {}", status.message()),
        code => (code as i32).to_string(),
    }
}

#[tokio::test]
async fn a_damaged_file_opens_whole_or_is_refused() {
    let _alone = ALONE.lock().await;
    let files = setting("TXETCD_TEST_FUZZ_FILES", FILES);
    let mut random = fastrand::Rng::with_seed(setting("TXETCD_TEST_SEED", 1));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.redb");
    {
        let store = Store::open(directory.path()).unwrap();
        let mut client = client(&store).await;
        client.lease_grant(600, None).await.unwrap();
        for number in 0..60 {
            client.put(format!("key {number:02}"), vec![b'v'; 300], None).await.unwrap();
        }
        client.delete("key 00", None).await.unwrap();
        client.defragment().await.unwrap();
    }
    let whole = fs::read(&file).unwrap();
    let mut refused = 0;
    for number in 0..files {
        let mut damaged = whole.clone();
        input::damage(&mut damaged, &mut random);
        fs::write(&file, &damaged).unwrap();
        match Store::open(directory.path()) {
            Ok(store) => {
                let mut client = client(&store).await;
                let got = client.get("key", Some(GetOptions::new().with_prefix())).await.unwrap();
                assert_eq!(got.count(), 59, "file {number}");
                client.put("key 01", "", None).await.unwrap();
            }
            Err(error) => {
                assert!(error.is_corrupt(), "file {number}: {error}");
                refused += 1;
            }
        }
    }
    println!("{refused} of {files} damaged files were refused, the others had everything");
    assert!(refused * 10 > files);
}
