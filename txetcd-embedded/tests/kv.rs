//! Put, range and delete, as a client sees them.

mod support;

use etcd_client::{DeleteOptions, GetOptions, PutOptions, SortOrder, SortTarget};
use support::{memory, refusal};
use tonic::Code;

#[tokio::test]
async fn a_fresh_store_is_at_revision_one() {
    let (_store, mut client) = memory().await;
    let response = client.get("absent", None).await.unwrap();
    let header = response.header().unwrap();
    assert_eq!(header.revision(), 1);
    assert_ne!(header.cluster_id(), 0);
    assert_ne!(header.member_id(), 0);
    assert_eq!(header.raft_term(), 1);
    assert_eq!((response.count(), response.kvs().len()), (0, 0));
}

#[tokio::test]
async fn put_get_delete() {
    let (_store, mut client) = memory().await;
    let put = client.put("a", "1", None).await.unwrap();
    assert_eq!(put.header().unwrap().revision(), 2);
    assert!(put.prev_key().is_none());
    let put = client.put("a", "2", Some(PutOptions::new().with_prev_key())).await.unwrap();
    assert_eq!(put.prev_key().unwrap().value(), b"1");
    let got = client.get("a", None).await.unwrap();
    let kv = &got.kvs()[0];
    assert_eq!((kv.create_revision(), kv.mod_revision(), kv.version()), (2, 3, 2));
    let deleted = client.delete("a", Some(DeleteOptions::new().with_prev_key())).await.unwrap();
    assert_eq!((deleted.deleted(), deleted.prev_kvs()[0].value()), (1, &b"2"[..]));
    assert_eq!(deleted.header().unwrap().revision(), 4);
    let again = client.delete("a", None).await.unwrap();
    assert_eq!((again.deleted(), again.header().unwrap().revision()), (0, 4));
    let put = client.put("a", "3", None).await.unwrap();
    assert_eq!(put.header().unwrap().revision(), 5);
    let got = client.get("a", None).await.unwrap();
    assert_eq!((got.kvs()[0].create_revision(), got.kvs()[0].version()), (5, 1));
}
