//! Ranges of many keys, streamed.

use etcd_client::proto::{PbPutRequest, PbRangeRequest};

use crate::normal::Normal;
use crate::side::{PREFIX, PREFIX_END};
use crate::support::rpc::Rpc;

const KEYS: i64 = 300;

/// What is answered to streams of all of many keys, with limits around the sizes of pieces.
pub(crate) async fn answers(rpc: &Rpc) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(3);
    let mut base = 0;
    for number in 0..KEYS {
        let key = [PREFIX, format!("{number:04}").as_bytes()].concat();
        let value = vec![b'v'; random.usize(..20_000)];
        let put = PbPutRequest { key, value, ..Default::default() };
        let revision = rpc.call(put).await.unwrap().header.unwrap().revision;
        base = if number == 0 { revision } else { base };
    }
    let mut answers = Vec::new();
    for limit in [-1, 0, 1, 9, 10, 11, 30, 31, KEYS - 1, KEYS, KEYS + 1] {
        for (keys_only, count_only) in [(false, false), (true, false), (false, true)] {
            for revision in [0, base + 100] {
                let request = PbRangeRequest {
                    key: PREFIX.to_vec(),
                    range_end: PREFIX_END.to_vec(),
                    limit,
                    revision,
                    keys_only,
                    count_only,
                    ..Default::default()
                };
                let mut answer = rpc.range_stream(request).await;
                if let Ok(answer) = &mut answer {
                    answer.normalize(base);
                    answer.kvs.iter_mut().for_each(|kv| kv.value.truncate(1));
                }
                answers.push(format!("limit {limit} at {revision}: {answer:?}"));
            }
        }
    }
    answers
}
