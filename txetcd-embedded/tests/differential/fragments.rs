//! How a change too large for one message is cut.

use etcd_client::WatchOptions;
use etcd_client::proto::{PbDeleteRequest, PbPutRequest, PbTxnOpRequest, PbTxnRequest, PbTxnRequestOp};

use crate::side::{PREFIX, PREFIX_END};
use crate::support::rpc::Rpc;

/// What is said of each piece: the events in it, and whether there are more.
pub(crate) type Pieces = Vec<(usize, bool)>;

/// The pieces in which a watcher is told of one transaction on values of those sizes, with what was there
/// before and without it.
pub(crate) async fn pieces(rpc: &Rpc, sizes: &[usize]) -> [Pieces; 2] {
    let operations = sizes.iter().zip(b'a'..).map(|(&size, key)| {
        let put = PbPutRequest { key: [PREFIX, &[key]].concat(), value: vec![0; size], ..Default::default() };
        PbTxnRequestOp { request: Some(PbTxnOpRequest::RequestPut(put)) }
    });
    let txn = PbTxnRequest { success: operations.collect(), ..Default::default() };
    rpc.call(txn.clone()).await.unwrap();
    let revision = rpc.call(txn).await.unwrap().header.unwrap().revision;
    let options = WatchOptions::new().with_range(PREFIX_END).with_start_revision(revision).with_fragment();
    let pieces = [
        told(rpc, options.clone().with_prev_key(), sizes.len()).await,
        told(rpc, options, sizes.len()).await,
    ];
    let everything = PbDeleteRequest { key: PREFIX.to_vec(), range_end: PREFIX_END.to_vec(), prev_kv: false };
    rpc.call(everything).await.unwrap();
    pieces
}

async fn told(rpc: &Rpc, options: WatchOptions, events: usize) -> Pieces {
    let mut client = rpc.client().await.watch_client().max_decoding_message_size(usize::MAX);
    let mut stream = client.watch(PREFIX, Some(options)).await.unwrap();
    let mut pieces = Pieces::new();
    while pieces.iter().map(|(events, _)| events).sum::<usize>() < events {
        let message = stream.message().await.unwrap().unwrap();
        if !message.created() {
            pieces.push((message.events().len(), message.0.fragment));
        }
    }
    pieces
}
