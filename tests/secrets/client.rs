//! The client below the tables: its requests, answers and watches.

use std::time::Duration;

use futures_util::StreamExt as _;
use txetcd::{Compare, DatabaseBuilder, GetRequest, KeySet, Op, OpResponse, PutRequest, Txn};

use crate::secret::secret;
use crate::told;

pub(crate) async fn run(builder: &DatabaseBuilder) {
    let db = builder.clone().connect().await.unwrap();
    let client = db.client();
    let value = secret("a value");
    let length = format!("{} bytes", value.len());
    let from = client.put("k", value.as_str()).await.unwrap().revision();
    let put = client.put("k", value.as_str()).previous();
    assert!(told::debug(&put).contains(&length));
    told::debug(&put.await.unwrap());
    told::debug(&(PutRequest::new("k", value.as_str()), client.get("k")));
    let got = client.get(KeySet::prefix("k")).await.unwrap();
    assert_eq!(got.kvs()[0].value(), value.as_bytes());
    assert!(told::debug(&got).contains("\"k\""));

    let equal = || Compare::value("k").eq(value.as_str());
    let nested = Txn::when([equal()]).then([Op::put("n", value.as_str())]);
    let txn = Txn::when([equal(), Compare::value("k").gt("")])
        .then([Op::from(GetRequest::new("k")), Op::put("l", value.as_str()), Op::txn(nested)])
        .or_else([Op::put("m", value.as_str())]);
    assert!(told::debug(&txn).contains(&length));
    told::debug(&client.txn(txn.clone()));
    let answer = client.txn(txn).await.unwrap();
    assert!(answer.succeeded());
    assert!(
        matches!(&answer.responses()[0], OpResponse::Get(got) if got.kvs()[0].value() == value.as_bytes())
    );
    told::debug(&answer);

    let twice = Txn::default().then([Op::put("k", value.as_str()), Op::put("k", secret("a value"))]);
    let error = client.txn(twice).await.unwrap_err();
    assert!(error.is_invalid_argument(), "{error}");
    told::error(&error, &[]);
    let lease = client.lease(Duration::from_secs(60)).await.unwrap();
    lease.revoke().await.unwrap();
    told::debug(&lease);
    let error = client.put("k", secret("a value")).lease(&lease).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    told::error(&error, &[]);
    let error = client.put("k", secret("a large value").repeat(60_000)).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
    told::error(&error, &[]);

    let deleted = client.delete(KeySet::prefix("k")).previous().await.unwrap();
    assert_eq!(deleted.previous()[0].value(), value.as_bytes());
    told::debug(&deleted);
    let mut watched = client.watch(KeySet::prefix("k")).from(from).previous().stream().await.unwrap();
    for _ in 0..3 {
        let response = watched.next().await.unwrap().unwrap();
        assert!(told::debug(&response).contains("\"k\""));
    }
    told::debug(&(client, watched, client.watch("k"), client.stats(), txetcd::Client::builder()));
}
