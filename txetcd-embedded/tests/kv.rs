//! Put, range, delete and compact, as a client sees them.

mod support;

use etcd_client::proto::{PbPutRequest, PbRangeRequest};
use etcd_client::{
    AlarmAction, AlarmType, Client, CompactionOptions, DeleteOptions, GetOptions, PutOptions, SortOrder,
    SortTarget,
};
use support::rpc::Rpc;
use support::{memory, refusal};
use tonic::Code;
use txetcd_embedded::Store;

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
async fn each_write_has_a_revision_and_no_change_has_none() {
    let (_store, mut client) = memory().await;
    let put = client.put("a", "1", None).await.unwrap();
    assert_eq!(put.header().unwrap().revision(), 2);
    assert!(put.prev_key().is_none());
    // Putting an equal value is a change like any other.
    let put = client.put("a", "1", Some(PutOptions::new().with_prev_key())).await.unwrap();
    assert_eq!((put.header().unwrap().revision(), put.prev_key().unwrap().value()), (3, &b"1"[..]));
    let got = client.get("a", None).await.unwrap();
    let kv = &got.kvs()[0];
    assert_eq!((kv.create_revision(), kv.mod_revision(), kv.version()), (2, 3, 2));
    let deleted = client.delete("a", Some(DeleteOptions::new().with_prev_key())).await.unwrap();
    assert_eq!((deleted.deleted(), deleted.prev_kvs()[0].value()), (1, &b"1"[..]));
    assert_eq!(deleted.header().unwrap().revision(), 4);
    let again = client.delete("a", None).await.unwrap();
    assert_eq!((again.deleted(), again.header().unwrap().revision()), (0, 4));
    client.put("a", "3", None).await.unwrap();
    let got = client.get("a", None).await.unwrap();
    assert_eq!((got.kvs()[0].create_revision(), got.kvs()[0].version()), (5, 1));
}

/// Keys a to e, of which b is the newest and c has the most versions.
async fn five_keys(client: &mut Client) {
    for key in ["a", "c", "d", "e", "c", "c", "b"] {
        client.put(key, format!("value of {key}"), None).await.unwrap();
    }
}

async fn keys(client: &mut Client, options: GetOptions) -> (Vec<String>, bool, i64) {
    let got = client.get("a", Some(options.with_range("z"))).await.unwrap();
    let keys = got.kvs().iter().map(|kv| kv.key_str().unwrap().to_owned()).collect();
    (keys, got.more(), got.count())
}

#[tokio::test]
async fn a_limit_cuts_the_answer_but_not_the_count() {
    let (_store, mut client) = memory().await;
    five_keys(&mut client).await;
    let (all, more, count) = keys(&mut client, GetOptions::new()).await;
    assert_eq!((all.join(""), more, count), ("abcde".to_owned(), false, 5));
    let (two, more, count) = keys(&mut client, GetOptions::new().with_limit(2)).await;
    assert_eq!((two.join(""), more, count), ("ab".to_owned(), true, 5));
    let (five, more, _) = keys(&mut client, GetOptions::new().with_limit(5)).await;
    assert_eq!((five.len(), more), (5, false));
    let counted = client.get("a", Some(GetOptions::new().with_from_key().with_count_only())).await.unwrap();
    assert_eq!((counted.count(), counted.kvs().len(), counted.more()), (5, 0, false));
}

#[tokio::test]
async fn every_order_and_target() {
    let (_store, mut client) = memory().await;
    five_keys(&mut client).await;
    for (target, order, expected) in [
        (SortTarget::Key, SortOrder::Ascend, "abcde"),
        (SortTarget::Key, SortOrder::Descend, "edcba"),
        (SortTarget::Version, SortOrder::Ascend, "abdec"),
        (SortTarget::Version, SortOrder::Descend, "cabde"),
        (SortTarget::Create, SortOrder::Ascend, "acdeb"),
        (SortTarget::Create, SortOrder::Descend, "bedca"),
        (SortTarget::Mod, SortOrder::Ascend, "adecb"),
        (SortTarget::Mod, SortOrder::Descend, "bceda"),
        (SortTarget::Value, SortOrder::Descend, "edcba"),
    ] {
        let (sorted, ..) = keys(&mut client, GetOptions::new().with_sort(target, order)).await;
        assert_eq!(sorted.join(""), expected, "{target:?} {order:?}");
        let limited = GetOptions::new().with_sort(target, order).with_limit(2);
        let (sorted, more, count) = keys(&mut client, limited).await;
        assert_eq!(
            (sorted.join("").as_str(), more, count),
            (&expected[..2], true, 5),
            "{target:?} {order:?}"
        );
    }
}

#[tokio::test]
async fn a_limited_descending_read_of_the_past_begins_at_its_end() {
    let (_store, mut client) = memory().await;
    five_keys(&mut client).await;
    let newest = GetOptions::new().with_sort(SortTarget::Key, SortOrder::Descend).with_limit(2);
    client.delete("e", None).await.unwrap();
    let (now, ..) = keys(&mut client, newest.clone()).await;
    assert_eq!(now.join(""), "dc");
    let (then, more, count) = keys(&mut client, newest.with_revision(8)).await;
    assert_eq!((then.join(""), more, count), ("ed".to_owned(), true, 5));
}

#[tokio::test]
async fn filters_apply_before_the_limit_and_not_to_the_count() {
    let (_store, mut client) = memory().await;
    five_keys(&mut client).await;
    let newer = GetOptions::new().with_min_mod_revision(5);
    assert_eq!(keys(&mut client, newer.clone()).await, (vec!["b".into(), "c".into(), "e".into()], false, 5));
    assert_eq!(keys(&mut client, newer.with_limit(1)).await, (vec!["b".into()], true, 5));
    let older = GetOptions::new().with_max_mod_revision(4);
    assert_eq!(keys(&mut client, older).await.0, ["a", "d"]);
    let created = GetOptions::new().with_min_create_revision(3).with_max_create_revision(5);
    assert_eq!(keys(&mut client, created).await.0, ["c", "d", "e"]);
}

#[tokio::test]
async fn keys_only_leaves_out_value_and_lease() {
    let (_store, mut client) = memory().await;
    let lease = client.lease_grant(60, None).await.unwrap().id();
    client.put("a", "value", Some(PutOptions::new().with_lease(lease))).await.unwrap();
    let got = client.get("a", Some(GetOptions::new().with_keys_only())).await.unwrap();
    let kv = &got.kvs()[0];
    assert_eq!((kv.value(), kv.lease(), kv.mod_revision()), (&b""[..], 0, 2));
}

#[tokio::test]
async fn the_past_can_be_read_and_the_header_stays_in_the_present() {
    let (_store, mut client) = memory().await;
    for value in ["1", "2", "3"] {
        client.put("a", value, None).await.unwrap();
        client.put("b", value, None).await.unwrap();
    }
    client.delete("a", None).await.unwrap();
    client.put("c", "4", None).await.unwrap();
    let at = async |revision: i64| {
        let mut client = client.clone();
        let options = GetOptions::new().with_prefix().with_revision(revision);
        let got = client.get("", Some(options.with_all_keys())).await.unwrap();
        assert_eq!(got.header().unwrap().revision(), 9);
        let pair =
            |kv: &etcd_client::KeyValue| format!("{}{}", kv.key_str().unwrap(), kv.value_str().unwrap());
        got.kvs().iter().map(pair).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(at(1).await, "");
    assert_eq!(at(2).await, "a1");
    assert_eq!(at(3).await, "a1 b1");
    assert_eq!(at(4).await, "a2 b1");
    assert_eq!(at(7).await, "a3 b3");
    assert_eq!(at(8).await, "b3");
    assert_eq!(at(9).await, "b3 c4");
}

#[tokio::test]
async fn keys_with_a_long_past_are_read_at_any_point_of_it() {
    let (_store, mut client) = memory().await;
    for round in 0..40 {
        for key in ["a", "b", "c"] {
            client.put(key, format!("{round}"), None).await.unwrap();
        }
        if round % 10 == 9 {
            client.delete("b", None).await.unwrap();
        }
    }
    let newest = client.get("a", None).await.unwrap().header().unwrap().revision();
    let mut revision = 1;
    for round in 0..40 {
        revision += 3;
        let options = GetOptions::new().with_range("z").with_revision(revision);
        let got = client.get("a", Some(options)).await.unwrap();
        assert!(revision <= newest);
        assert_eq!(got.count(), 3, "at {revision}");
        assert!(got.kvs().iter().all(|kv| kv.value_str().unwrap() == format!("{round}")), "at {revision}");
        if round % 10 == 9 {
            revision += 1;
            let options = GetOptions::new().with_range("z").with_revision(revision);
            assert_eq!(client.get("a", Some(options)).await.unwrap().count(), 2);
        }
    }
}

#[tokio::test]
async fn compaction_closes_the_past_before_its_revision() {
    let (_store, mut client) = memory().await;
    for value in ["1", "2", "3", "4"] {
        client.put("a", value, None).await.unwrap();
    }
    client.delete("a", None).await.unwrap();
    let at = |revision| Some(GetOptions::new().with_revision(revision));
    let physical = Some(CompactionOptions::new().with_physical());
    assert_eq!(client.compact(4, physical).await.unwrap().header().unwrap().revision(), 6);
    let compacted = (Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted".to_owned());
    assert_eq!(refusal(client.get("a", at(3)).await), compacted);
    assert_eq!(client.get("a", at(4)).await.unwrap().kvs()[0].value(), b"3");
    assert_eq!(client.get("a", at(5)).await.unwrap().kvs()[0].value(), b"4");
    assert_eq!(client.get("a", at(6)).await.unwrap().count(), 0);
    let future = (Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision".to_owned());
    assert_eq!(refusal(client.get("a", at(7)).await), future);
    assert_eq!(refusal(client.compact(4, None).await), compacted);
    assert_eq!(refusal(client.compact(7, None).await), future);
}

#[tokio::test]
async fn compaction_gives_space_back() {
    let (_store, mut client) = memory().await;
    let value = vec![7; 100_000];
    let fill = async |client: &mut Client| {
        for _ in 0..200 {
            client.put("a", value.clone(), None).await.unwrap();
        }
        let revision = client.get("a", None).await.unwrap().header().unwrap().revision();
        client.compact(revision, Some(CompactionOptions::new().with_physical())).await.unwrap();
    };
    fill(&mut client).await;
    let once = client.status().await.unwrap().db_size();
    for _ in 0..3 {
        fill(&mut client).await;
    }
    let four_times = client.status().await.unwrap().db_size();
    assert!(four_times < once * 2, "{once} bytes became {four_times}");
}

#[tokio::test]
async fn ignore_value_and_ignore_lease_keep_what_is_there() {
    let (_store, mut client) = memory().await;
    let lease = client.lease_grant(60, None).await.unwrap().id();
    client.put("a", "1", Some(PutOptions::new().with_lease(lease))).await.unwrap();
    client.put("a", "2", Some(PutOptions::new().with_ignore_lease())).await.unwrap();
    let kv = client.get("a", None).await.unwrap().take_kvs().remove(0);
    assert_eq!((kv.value(), kv.lease()), (&b"2"[..], lease));
    // Without the flag, a put without a lease detaches the key from the one it had.
    client.put("a", "", Some(PutOptions::new().with_ignore_value())).await.unwrap();
    let kv = client.get("a", None).await.unwrap().take_kvs().remove(0);
    assert_eq!((kv.value(), kv.lease(), kv.version()), (&b"2"[..], 0, 3));
    for options in [PutOptions::new().with_ignore_value(), PutOptions::new().with_ignore_lease()] {
        let (code, message) = refusal(client.put("absent", "", Some(options)).await);
        assert_eq!((code, message.as_str()), (Code::InvalidArgument, "etcdserver: key not found"));
    }
    let (code, message) = refusal(client.put("a", "3", Some(PutOptions::new().with_ignore_value())).await);
    assert_eq!((code, message.as_str()), (Code::InvalidArgument, "etcdserver: value is provided"));
    let options = PutOptions::new().with_ignore_lease().with_lease(lease);
    let (code, message) = refusal(client.put("a", "3", Some(options)).await);
    assert_eq!((code, message.as_str()), (Code::InvalidArgument, "etcdserver: lease is provided"));
}

#[tokio::test]
async fn malformed_requests_are_refused_as_etcd_refuses_them() {
    let (store, mut client) = memory().await;
    let empty = (Code::InvalidArgument, "etcdserver: key is not provided".to_owned());
    assert_eq!(refusal(client.put("", "1", None).await), empty);
    assert_eq!(refusal(client.get("", None).await), empty);
    assert_eq!(refusal(client.delete("", None).await), empty);
    let odd = PbRangeRequest { key: b"a".to_vec(), sort_order: 3, ..Default::default() };
    let refused = Rpc::embedded(&store).call(odd).await.unwrap_err();
    assert_eq!(refused, (Code::InvalidArgument, "etcdserver: invalid sort option".to_owned()));
    assert_eq!(client.get("a", None).await.unwrap().header().unwrap().revision(), 1);
}

#[tokio::test]
async fn requests_are_limited_in_size_and_answers_are_not() {
    let (store, mut client) = memory().await;
    let megabyte_and_a_half = 1536 * 1024;
    client.put("a", vec![1; megabyte_and_a_half - 1000], None).await.unwrap();
    let (code, message) = refusal(client.put("b", vec![1; megabyte_and_a_half], None).await);
    assert_eq!((code, message.as_str()), (Code::InvalidArgument, "etcdserver: request is too large"));
    let large = PbPutRequest { key: b"b".to_vec(), value: vec![1; 3 << 20], ..Default::default() };
    assert_eq!(Rpc::embedded(&store).call(large).await.unwrap_err().0, Code::ResourceExhausted);
    for key in ["b", "c", "d", "e"] {
        client.put(key, vec![1; 1_400_000], None).await.unwrap();
    }
    let mut client = client.kv_client().max_decoding_message_size(usize::MAX);
    let got = client.get("a", Some(GetOptions::new().with_range("z"))).await.unwrap();
    assert_eq!(got.kvs().len(), 5);
}

#[tokio::test]
async fn keys_may_be_long_and_hold_any_byte() {
    let (_store, mut client) = memory().await;
    let keys = [vec![0], vec![0, 0], vec![0, 255], vec![1; 700_000], vec![255; 700_000], vec![255; 700_001]];
    for key in &keys {
        client.put(key.clone(), "old", None).await.unwrap();
        client.put(key.clone(), "new", None).await.unwrap();
    }
    let mut client = client.kv_client().max_decoding_message_size(usize::MAX);
    for revision in [0, 12] {
        let options = GetOptions::new().with_all_keys().with_revision(revision);
        let got = client.get("", Some(options)).await.unwrap();
        assert!(got.kvs().iter().map(|kv| kv.key()).eq(keys.iter().map(Vec::as_slice)));
    }
    assert_eq!(client.delete("", Some(DeleteOptions::new().with_all_keys())).await.unwrap().deleted(), 6);
}

#[tokio::test]
async fn what_one_member_cannot_do_is_refused() {
    let (_store, mut client) = memory().await;
    let members = client.member_list().await.unwrap();
    assert_eq!(members.members().len(), 1);
    let status = client.status().await.unwrap();
    assert_eq!(status.leader(), members.members()[0].id());
    assert!(status.version().starts_with("3.") && status.db_size() > 0);
    assert_eq!(client.alarm(AlarmAction::Get, AlarmType::None, None).await.unwrap().alarms().len(), 0);
    client.defragment().await.unwrap();
    let bad = (Code::FailedPrecondition, "etcdserver: bad leader transferee".to_owned());
    assert_eq!(refusal(client.move_leader(1).await), bad);
    assert_eq!(refusal(client.member_remove(1).await).0, Code::NotFound);
    assert_eq!(refusal(client.member_add(["http://127.0.0.1:1"], None).await).0, Code::Unimplemented);
    let refused = (Code::FailedPrecondition, "etcdserver: authentication is not enabled".to_owned());
    assert_eq!(refusal(client.auth_enable().await), refused);
    assert_eq!(refusal(client.user_list().await), refused);
    let before = client.hash_kv(0).await.unwrap();
    client.put("a", "1", None).await.unwrap();
    assert_ne!(client.hash_kv(0).await.unwrap().hash(), before.hash());
    assert_eq!(client.hash_kv(1).await.unwrap().hash(), before.hash());
}

#[tokio::test]
async fn a_range_is_streamed_in_pieces_from_one_state() {
    let (_store, mut client) = memory().await;
    for number in 0..100 {
        client.put(format!("k{number:03}"), vec![0; 40_000], None).await.unwrap();
    }
    let mut stream = client.kv_client().get_stream("k", Some(GetOptions::new().with_prefix())).await.unwrap();
    let mut keys = 0;
    let mut pieces = 0;
    let mut last = None;
    while let Some(piece) = stream.message().await.unwrap() {
        client.put(format!("k{:03}", 500 + pieces), "later", None).await.unwrap();
        keys += piece.kvs().len();
        pieces += 1;
        last = Some(piece);
    }
    let last = last.unwrap();
    assert_eq!((keys, last.count(), last.more()), (100, 100, false));
    assert_eq!(last.header().unwrap().revision(), 101);
    assert!(pieces > 2, "{pieces} pieces");
    let limited = GetOptions::new().with_prefix().with_limit(30);
    let mut stream = client.kv_client().get_stream("k", Some(limited)).await.unwrap();
    let mut keys = 0;
    let mut end = (0, false);
    while let Some(piece) = stream.message().await.unwrap() {
        keys += piece.kvs().len();
        end = (piece.count(), piece.more());
    }
    assert_eq!((keys, end), (30, (100 + pieces as i64, true)));
    let counted = GetOptions::new().with_prefix().with_count_only();
    let mut stream = client.kv_client().get_stream("k", Some(counted)).await.unwrap();
    assert_eq!(stream.message().await.unwrap().unwrap().count(), 100 + pieces as i64);
    assert!(stream.message().await.unwrap().is_none());
}

#[tokio::test]
async fn writes_of_many_clients_each_have_a_revision_of_their_own() {
    let (store, client) = memory().await;
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let mut client = client.clone();
            tokio::spawn(async move {
                let put = client.put(format!("{number}"), "", None).await.unwrap();
                let got = client.get(format!("{number}"), None).await.unwrap();
                let revision = put.header().unwrap().revision();
                // What was answered is seen by whoever reads next.
                assert_eq!(got.kvs()[0].mod_revision(), revision);
                revision
            })
        })
        .collect();
    let mut revisions = Vec::new();
    for task in tasks {
        revisions.push(task.await.unwrap());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..66).collect::<Vec<i64>>());
    drop(store);
}

#[tokio::test]
async fn stores_are_told_apart_by_their_ids() {
    let mut first = support::client(&Store::memory().unwrap()).await;
    let mut second = support::client(&Store::memory().unwrap()).await;
    let first = first.get("a", None).await.unwrap().take_header().unwrap();
    let second = second.get("a", None).await.unwrap().take_header().unwrap();
    assert_ne!(first.cluster_id(), second.cluster_id());
    assert_ne!(first.member_id(), second.member_id());
}
