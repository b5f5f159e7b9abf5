//! Locks: one holder, in turn, and nothing left behind by whoever gives up.

use std::time::Duration;

use txetcd::{Client, KeySet, Session};

const LONG: Duration = Duration::from_secs(30);

async fn session(client: &Client) -> Session {
    client.session(LONG).await.unwrap()
}

stores! {
    async fn a_lock_is_held_by_one_at_a_time(store) {
        let db = store.connect().await;
        let client = db.client();
        let one = session(client).await;
        let lock = client.lock("jobs").acquire(&one).await.unwrap();
        assert!(client.lock("jobs").try_acquire(&one).await.unwrap().is_none());
        let waiting = { let (client, one) = (client.clone(), one.clone()); tokio::spawn(async move { client.lock("jobs").acquire(&one).await }) };
        lock.release().await.unwrap();
        let second = waiting.await.unwrap().unwrap();
        drop(second);
        let third = client.lock("jobs").acquire(&one).await.unwrap();
        third.release().await.unwrap();
        println!("{:?}", client.get(KeySet::all()).await.unwrap());
    }

    async fn a_queue_delivers(store) {
        let db = store.connect().await;
        let client = db.client();
        let one = session(client).await;
        let queue = client.queue("q");
        for n in 0..5u8 { queue.push([n]).await.unwrap(); }
        for n in 0..5u8 {
            let item = queue.pop(&one).await.unwrap();
            assert_eq!(item.value(), [n]);
            item.ack().await.unwrap();
        }
        assert!(queue.try_pop(&one).await.unwrap().is_none());
        println!("{:?}", client.get(KeySet::all()).await.unwrap());
    }
}
