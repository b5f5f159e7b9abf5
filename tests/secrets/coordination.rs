//! Locks, queues and elections, of which the items and proclamations are values.

use std::time::Duration;

use futures_util::StreamExt as _;
use txetcd::{DatabaseBuilder, KeySet};

use crate::secret::secret;
use crate::told;

pub(crate) async fn run(builder: &DatabaseBuilder) {
    let db = builder.clone().connect().await.unwrap();
    let client = db.client();
    let session = client.session(Duration::from_secs(60)).await.unwrap();
    told::debug(&session);

    let queue = client.queue("q");
    let value = secret("an item");
    queue.push(value.as_str()).await.unwrap();
    queue.push(secret("an item")).await.unwrap();
    let item = queue.pop(&session).await.unwrap();
    assert_eq!(item.value(), value.as_bytes());
    assert!(told::debug(&item).contains(&format!("{} bytes", value.len())));
    item.ack().await.unwrap();
    let priority = client.priority_queue("p");
    priority.push(1, secret("an item")).await.unwrap();
    told::debug(&(&queue, &priority, priority.pop(&session).await.unwrap()));

    let election = client.election("e");
    let leadership = election.campaign(&session, secret("a proclamation")).await.unwrap();
    let value = secret("a proclamation");
    leadership.proclaim(value.as_str()).await.unwrap();
    let leader = election.observe().next().await.unwrap().unwrap();
    assert_eq!(leader.value(), value.as_bytes());
    told::debug(&(&election, &leadership, &leader));

    let (lock, rwlock, semaphore) = (client.lock("l"), client.rwlock("rw"), client.semaphore("s", 1));
    let (barrier, both, sequence) =
        (client.barrier("b"), client.double_barrier("d", 1), client.sequence("n"));
    told::debug(&(&lock, &rwlock, &semaphore, &barrier, &both, &sequence));
    told::debug(&(lock.acquire(&session).await.unwrap(), semaphore.acquire(&session).await.unwrap()));
    told::debug(&rwlock.read(&session).await.unwrap());
    told::debug(&both.enter(&session).await.unwrap());
    barrier.hold().await.unwrap();
    barrier.release().await.unwrap();
    sequence.next().await.unwrap();

    let item = queue.pop(&session).await.unwrap();
    session.lease().revoke().await.unwrap();
    let error = item.ack().await.unwrap_err();
    assert!(error.is_lock_lost(), "{error}");
    told::error(&error, &["queue \"q\""]);
    let error = leadership.proclaim(secret("a proclamation")).await.unwrap_err();
    assert!(error.is_lock_lost(), "{error}");
    told::error(&error, &["session"]);

    // Another program's bytes where the library keeps its own.
    let own = client.get(KeySet::prefix([0xff, 0xff, b'c'])).keys_only().await.unwrap();
    for kv in own.kvs() {
        client.put(kv.key(), secret("the library's own")).await.unwrap();
    }
    let error = client.sequence("n").next().await.unwrap_err();
    assert!(error.is_decode(), "{error}");
    told::error(&error, &["sequence \"n\""]);
    let session = client.session(Duration::from_secs(60)).await.unwrap();
    let error = semaphore.acquire(&session).await.unwrap_err();
    told::error(&error, &["semaphore \"s\""]);
}
