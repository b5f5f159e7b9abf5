//! Transactions: compares, branches, nesting, limits and duplicates.

mod support;

use etcd_client::{
    Client, Compare, CompareOp, DeleteOptions, GetOptions, PutOptions, Txn, TxnOp, TxnOpResponse,
};
use support::{memory, refusal};
use tonic::Code;

fn put(key: &str, value: &str) -> TxnOp {
    TxnOp::put(key, value, None)
}

fn get(key: &str) -> TxnOp {
    TxnOp::get(key, None)
}

fn delete(key: &str) -> TxnOp {
    TxnOp::delete(key, None)
}

fn delete_range(key: &str, end: &str) -> TxnOp {
    TxnOp::delete(key, Some(DeleteOptions::new().with_range(end)))
}

fn nested(operations: impl Into<Vec<TxnOp>>) -> TxnOp {
    TxnOp::txn(Txn::new().and_then(operations))
}

/// A nested transaction whose operations are in its other branch.
fn otherwise(operations: impl Into<Vec<TxnOp>>) -> TxnOp {
    TxnOp::txn(Txn::new().or_else(operations))
}

fn then(operations: impl Into<Vec<TxnOp>>) -> Txn {
    Txn::new().and_then(operations)
}

async fn holds(client: &mut Client, compare: Compare) -> bool {
    client.txn(Txn::new().when([compare])).await.unwrap().succeeded()
}

#[tokio::test]
async fn all_compares_are_evaluated_before_any_operation() {
    let (_store, mut client) = memory().await;
    let absent = Compare::version("a", CompareOp::Equal, 0);
    let inner =
        Txn::new().when([absent.clone()]).and_then([put("b", "as before")]).or_else([put("b", "as after")]);
    let outer = Txn::new().when([absent]).and_then([put("a", "1"), get("a"), TxnOp::txn(inner), get("b")]);
    let answer = client.txn(outer).await.unwrap();
    assert!(answer.succeeded());
    let responses = answer.op_responses();
    // Operations do see what came before them.
    let TxnOpResponse::Get(seen) = &responses[1] else { panic!() };
    assert_eq!(seen.kvs()[0].value(), b"1");
    let TxnOpResponse::Get(seen) = &responses[3] else { panic!() };
    assert_eq!(seen.kvs()[0].value(), b"as before");
    assert_eq!(seen.kvs()[0].mod_revision(), 2);
}

#[tokio::test]
async fn headers_within_a_transaction() {
    let (_store, mut client) = memory().await;
    client.put("z", "", None).await.unwrap();
    let answer = client
        .txn(then([get("a"), put("a", "1"), get("a"), nested([put("b", "2")]), delete("absent")]))
        .await
        .unwrap();
    assert_eq!(answer.header().unwrap().revision(), 3);
    let revisions: Vec<i64> = answer
        .op_responses()
        .iter()
        .map(|response| match response {
            TxnOpResponse::Put(response) => response.header().unwrap().revision(),
            TxnOpResponse::Get(response) => response.header().unwrap().revision(),
            TxnOpResponse::Delete(response) => response.header().unwrap().revision(),
            TxnOpResponse::Txn(response) => response.header().unwrap().revision(),
        })
        .collect();
    assert_eq!(revisions, [2, 3, 3, 0, 3]);
}

#[tokio::test]
async fn a_failing_nested_compare_does_not_fail_its_parent() {
    let (_store, mut client) = memory().await;
    let never = Compare::version("a", CompareOp::Equal, 7);
    let inner = Txn::new().when([never]).and_then([put("b", "then")]).or_else([put("b", "else")]);
    let answer = client.txn(then([put("a", "1"), TxnOp::txn(inner)])).await.unwrap();
    assert!(answer.succeeded());
    assert_eq!(client.get("b", None).await.unwrap().kvs()[0].value(), b"else");
    assert_eq!(client.get("a", None).await.unwrap().count(), 1);
}

#[tokio::test]
async fn a_transaction_that_changes_nothing_has_no_revision() {
    let (_store, mut client) = memory().await;
    let absent = Compare::version("a", CompareOp::Equal, 0);
    let guards_only = client.txn(Txn::new().when([absent])).await.unwrap();
    assert_eq!((guards_only.succeeded(), guards_only.header().unwrap().revision()), (true, 1));
    let nothing = client.txn(then([delete("a"), nested([get("a")])])).await.unwrap();
    assert_eq!(nothing.header().unwrap().revision(), 1);
    let several = client.txn(then([put("a", "1"), put("b", "1"), put("c", "1")])).await.unwrap();
    assert_eq!(several.header().unwrap().revision(), 2);
    let all = client.get("a", Some(GetOptions::new().with_range("z"))).await.unwrap();
    assert!(all.kvs().iter().all(|kv| kv.mod_revision() == 2));
}

#[tokio::test]
async fn an_absent_key_compares_as_zero_and_never_by_value() {
    let (_store, mut client) = memory().await;
    for equal in [
        Compare::version("a", CompareOp::Equal, 0),
        Compare::create_revision("a", CompareOp::Equal, 0),
        Compare::mod_revision("a", CompareOp::Equal, 0),
        Compare::lease("a", CompareOp::Equal, 0),
        Compare::mod_revision("a", CompareOp::Less, 1),
        Compare::version("a", CompareOp::NotEqual, 1),
    ] {
        assert!(holds(&mut client, equal).await);
    }
    for operator in [CompareOp::Equal, CompareOp::NotEqual, CompareOp::Less, CompareOp::Greater] {
        assert!(!holds(&mut client, Compare::value("a", operator, "")).await, "{operator:?}");
    }
}

#[tokio::test]
async fn a_range_compare_holds_for_all_keys_or_like_an_absent_one() {
    let (_store, mut client) = memory().await;
    let unchanged_since =
        |revision: i64| Compare::mod_revision("k", CompareOp::Less, revision + 1).with_prefix();
    assert!(holds(&mut client, unchanged_since(1)).await);
    client.put("k1", "", None).await.unwrap();
    client.put("k2", "", None).await.unwrap();
    assert!(holds(&mut client, unchanged_since(3)).await);
    assert!(!holds(&mut client, unchanged_since(2)).await);
    // What such a compare does not notice is a delete.
    client.delete("k2", None).await.unwrap();
    assert!(holds(&mut client, unchanged_since(3)).await);
    let values = |value: &str| Compare::value("k", CompareOp::Equal, value).with_prefix();
    assert!(holds(&mut client, values("")).await);
    client.delete("k1", None).await.unwrap();
    assert!(!holds(&mut client, values("")).await);
}

#[tokio::test]
async fn every_target_and_operator() {
    let (_store, mut client) = memory().await;
    let lease = client.lease_grant(60, None).await.unwrap().id();
    client.put("a", "m", None).await.unwrap();
    client.put("a", "m", Some(PutOptions::new().with_lease(lease))).await.unwrap();
    let operators = [CompareOp::Equal, CompareOp::NotEqual, CompareOp::Less, CompareOp::Greater];
    for (offset, expected) in
        [(0, [true, false, false, false]), (1, [false, true, true, false]), (-1, [false, true, false, true])]
    {
        for (operator, expected) in operators.into_iter().zip(expected) {
            let value = String::from(char::from(b'm'.wrapping_add_signed(offset)));
            let offset = i64::from(offset);
            for compare in [
                Compare::version("a", operator, 2 + offset),
                Compare::create_revision("a", operator, 2 + offset),
                Compare::mod_revision("a", operator, 3 + offset),
                Compare::lease("a", operator, lease + offset),
                Compare::value("a", operator, value.as_str()),
            ] {
                assert_eq!(holds(&mut client, compare.clone()).await, expected, "{compare:?}");
            }
        }
    }
}

#[tokio::test]
async fn operations_are_limited_along_a_path_and_not_in_sum() {
    let (_store, mut client) = memory().await;
    let puts = |from: usize, count: usize| -> Vec<TxnOp> {
        (from..from + count).map(|number| put(&format!("{number}"), "")).collect()
    };
    let compares = |count: usize| -> Vec<Compare> {
        (0..count).map(|number| Compare::version(format!("{number}"), CompareOp::Equal, 0)).collect()
    };
    // Each list may be as long as the limit.
    let full = Txn::new().when(compares(128)).and_then(puts(0, 128)).or_else(puts(0, 128));
    client.txn(full).await.unwrap();
    let too_many = (Code::InvalidArgument, "etcdserver: too many operations in txn request".to_owned());
    assert_eq!(refusal(client.txn(Txn::new().when(compares(129))).await), too_many);
    assert_eq!(refusal(client.txn(then(puts(0, 129))).await), too_many);
    let tree = |groups: usize, each: usize| -> Txn {
        then((0..groups).map(|group| nested(puts(group * each, each))).collect::<Vec<_>>())
    };
    let before = client.get("0", None).await.unwrap().header().unwrap().revision();
    let answer = client.txn(tree(64, 64)).await.unwrap();
    assert_eq!(answer.header().unwrap().revision(), before + 1);
    assert_eq!(client.get("4095", None).await.unwrap().count(), 1);
    assert_eq!(refusal(client.txn(tree(64, 65)).await), too_many);
    assert_eq!(client.get("0", None).await.unwrap().header().unwrap().revision(), before + 1);
}

#[tokio::test]
async fn a_key_is_written_once() {
    let (_store, mut client) = memory().await;
    client.put("k", "", None).await.unwrap();
    let duplicate = (Code::InvalidArgument, "etcdserver: duplicate key given in txn request".to_owned());
    for refused in [
        then([put("k", "1"), put("k", "2")]),
        then([put("k", "1"), delete("k")]),
        then([delete("k"), put("k", "1")]),
        then([put("k", "1"), delete_range("a", "z")]),
        then([nested([put("k", "1")]), nested([put("k", "2")])]),
        then([put("k", "1"), nested([nested([put("k", "2")])])]),
        then([nested([put("k", "1")]), delete_range("a", "z")]),
        // The branch that is not taken counts too.
        Txn::new().or_else([put("k", "1"), put("k", "2")]),
        then([nested([delete("k")]), nested([put("k", "1")])]),
        then([nested([put("k", "1")]), otherwise([put("k", "2")])]),
        then([otherwise([put("k", "1")]), otherwise([put("k", "2")])]),
        then([otherwise([put("k", "1"), put("k", "2")])]),
        then([otherwise([put("k", "1")]), delete("k")]),
    ] {
        assert_eq!(refusal(client.txn(refused.clone()).await), duplicate, "{refused:?}");
    }
    let both_branches = TxnOp::txn(Txn::new().and_then([put("k", "1")]).or_else([put("k", "2")]));
    for accepted in [
        then([delete("k"), delete("k")]),
        then([delete("k"), delete_range("a", "z")]),
        then([put("k", "1"), delete_range("a", "k")]),
        then([put("k", "1"), get("k")]),
        then([both_branches]),
    ] {
        client.txn(accepted).await.unwrap();
    }
}

#[tokio::test]
async fn a_nested_put_may_be_deleted_by_a_later_sibling() {
    let (_store, mut client) = memory().await;
    client.put("k", "0", None).await.unwrap();
    let answer = client.txn(then([nested([put("k", "1")]), nested([delete("k")])])).await.unwrap();
    assert_eq!(answer.header().unwrap().revision(), 3);
    assert_eq!(client.get("k", None).await.unwrap().count(), 0);
    let before = client.get("k", Some(GetOptions::new().with_revision(2))).await.unwrap();
    assert_eq!(before.kvs()[0].value(), b"0");
    client.put("k", "2", None).await.unwrap();
    let at = client.get("k", Some(GetOptions::new().with_revision(3))).await.unwrap();
    assert_eq!(at.count(), 0);
}

#[tokio::test]
async fn a_refused_operation_leaves_nothing_behind() {
    let (_store, mut client) = memory().await;
    let with_lease = TxnOp::put("b", "", Some(PutOptions::new().with_lease(77)));
    let (code, message) = refusal(client.txn(then([put("a", ""), nested([with_lease])])).await);
    assert_eq!((code, message.as_str()), (Code::NotFound, "etcdserver: requested lease not found"));
    let keep_value = TxnOp::put("b", "", Some(PutOptions::new().with_ignore_value()));
    let (code, message) = refusal(client.txn(then([put("a", ""), keep_value])).await);
    assert_eq!((code, message.as_str()), (Code::InvalidArgument, "etcdserver: key not found"));
    let ahead = TxnOp::get("b", Some(GetOptions::new().with_revision(9)));
    assert_eq!(refusal(client.txn(then([put("a", ""), ahead])).await).0, Code::OutOfRange);
    let got = client.get("a", None).await.unwrap();
    assert_eq!((got.count(), got.header().unwrap().revision()), (0, 1));
}

#[tokio::test]
async fn counters_lose_no_update_under_contention() {
    let (_store, client) = memory().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    loop {
                        let got = client.get("n", None).await.unwrap();
                        let (value, revision) = got.kvs().first().map_or((0, 0), |kv| {
                            (kv.value_str().unwrap().parse().unwrap(), kv.mod_revision())
                        });
                        let txn = Txn::new()
                            .when([Compare::mod_revision("n", CompareOp::Equal, revision)])
                            .and_then([TxnOp::put("n", format!("{}", value + 1_u32), None)]);
                        if client.txn(txn).await.unwrap().succeeded() {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut client = client;
    let got = client.get("n", None).await.unwrap();
    assert_eq!((got.kvs()[0].value(), got.kvs()[0].version()), (&b"400"[..], 400));
}
