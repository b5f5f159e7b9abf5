//! A cycle: everything is begun and ended once, or dropped on the way, on a connection that stays and on one that goes with
//! the cycle; and connections break.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt as _;
use txetcd::{Database, DatabaseBuilder, Error, KeySet, Persist};
use txetcd_core::client::{Fault, Faults};

#[derive(Persist, Clone)]
#[pmap(slot = 1)]
pub(crate) struct Note {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 2))]
    text: String,
}

/// Loses an answer now and then, and breaks watches off. Leases are left alone: one whose answer is lost lives on at the
/// store for its time, as it must.
struct Breaking(AtomicU64);

impl Faults for Breaking {
    fn next(&self, path: &str) -> Fault {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        match path {
            // Connecting is not tried again.
            _ if number < 8 => Fault::None,
            path if path.ends_with("Watch/Watch") && number.is_multiple_of(2) => Fault::CutAfter(2),
            path if path.ends_with("KV/Txn") && number.is_multiple_of(7) => Fault::LoseReply,
            path if path.ends_with("KV/Range") && number.is_multiple_of(5) => Fault::LoseRequest,
            _ => Fault::None,
        }
    }
}

pub(crate) async fn run(kept: &Database, builder: impl Fn() -> DatabaseBuilder, cycle: u32) {
    work(kept, cycle).await.unwrap();
    dropped(kept).await;
    let fresh = builder().connect().await.unwrap();
    work(&fresh, cycle).await.unwrap();
    dropped(&fresh).await;
    let breaking = builder().faults(Arc::new(Breaking(AtomicU64::new(0))));
    let broken = breaking.transaction_timeout(Duration::from_secs(60)).connect().await.unwrap();
    transact(&broken, cycle).await.unwrap();
    watch(&broken, cycle).await.unwrap();
}

async fn work(db: &Database, cycle: u32) -> Result<(), Error> {
    transact(db, cycle).await?;
    watch(db, cycle).await?;
    coordinate(db).await
}

/// The same rows in each cycle, so that the store does not grow.
async fn transact(db: &Database, cycle: u32) -> Result<(), Error> {
    let notes = Note::table();
    for id in 0..20 {
        let text = format!("{cycle:08}");
        db.write(async |txn| {
            notes.get(txn, &id).await?;
            notes.put(txn, &Note { id, text: text.clone() })
        })
        .await?;
    }
    db.read(async |txn| notes.all(txn).collect().await).await?;
    db.read_stale(async |txn| notes.count(txn).await).await?;
    let adding = (0..8).map(|_| {
        db.write(async |txn| {
            let Some(note) = notes.get(txn, &0).await? else { return Ok(()) };
            notes.put(txn, &note)
        })
    });
    futures_util::future::try_join_all(adding).await?;
    let own = db.write(async |txn| {
        notes.delete(txn, &1)?;
        notes.all(txn).limit(3).collect().await?;
        Err::<(), Box<dyn std::error::Error + Send + Sync>>("thought better of it".into())
    });
    assert!(own.await.is_err());
    drop(db.begin().await?);
    Ok(())
}

async fn watch(db: &Database, cycle: u32) -> Result<(), Error> {
    let notes = Note::table();
    let live = notes.live(db).await?;
    let mut changes = notes.watch(db).stream().await?;
    let mut raw = db.client().watch(KeySet::prefix([0, 1])).stream().await?;
    for id in 0..5 {
        db.write(async |txn| notes.put(txn, &Note { id, text: format!("{cycle:08}+") })).await?;
        changes.next().await.expect("goes on")?;
        raw.next().await.expect("goes on")?;
    }
    live.wait_for(db.status().await?.revision()).await
}

async fn coordinate(db: &Database) -> Result<(), Error> {
    let client = db.client();
    let session = client.session(Duration::from_secs(60)).await?;
    let lock = client.lock("l").acquire(&session).await?;
    db.write(async |txn| txn.guard(&lock)).await?;
    lock.release().await?;
    drop(client.rwlock("r").read(&session).await?);
    drop(client.semaphore("s", 2).acquire(&session).await?);
    client.election("e").campaign(&session, "me").await?.resign().await?;
    client.queue("q").push("item").await?;
    drop(client.queue("q").pop(&session).await?);
    client.queue("q").pop(&session).await?.ack().await?;
    client.sequence("n").next().await?;
    let lease = client.lease(Duration::from_secs(60)).await?;
    client.put("leased", "").lease(&lease).await?;
    lease.revoke().await
}

/// Futures of every kind, dropped after they were polled 1 to 8 times.
async fn dropped(db: &Database) {
    let notes = Note::table();
    let client = db.client();
    let session = client.session(Duration::from_secs(60)).await.unwrap();
    for polls in 1..=8 {
        let write = db.write(async |txn| {
            notes.get(txn, &7).await?;
            notes.put(txn, &Note { id: 7, text: "dropped".to_owned() })
        });
        drop_after(polls, write).await;
        drop_after(polls, db.read(async |txn| notes.all(txn).collect().await)).await;
        drop_after(polls, client.lock("d").acquire(&session)).await;
        drop_after(polls, client.queue("empty").pop(&session)).await;
        drop_after(polls, notes.live(db)).await;
        drop_after(polls, notes.watch(db).stream()).await;
        drop_after(polls, client.watch(KeySet::all()).stream()).await;
    }
}

/// Polls a future so many times, and drops it; earlier if it waits for what does not come.
async fn drop_after(mut polls: u32, future: impl Future) {
    let mut future = pin!(future);
    let polled = poll_fn(|context| {
        polls -= 1;
        let ended = future.as_mut().poll(context).is_ready();
        if ended || polls == 0 { Poll::Ready(()) } else { Poll::Pending }
    });
    let _ = tokio::time::timeout(Duration::from_millis(50), polled).await;
}
