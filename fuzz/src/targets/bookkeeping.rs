//! The library's own keys, in slot 65535: whatever is put there or over what is there, transactions and what
//! coordinates come to an end.
//!
//! An input is a [`STEPS`] `u8`, followed by a list of `place u8 | piece | value piece`: with the highest bit of the place,
//! the value of one of the keys that use has left; else a new key under one of [`PREFIXES`], to which the piece is appended.
//! With the highest bit of the step, it is also done before, so that the connection believes something else to be there.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use fastrand::Rng;
use txetcd::{Client, Database, KeySet, PMap};

use super::input::{Input, push_piece};
use super::world::{alone, connect, done, put_all, store};
use crate::Target;

pub(super) const BOOKKEEPING: Target = Target { name: "bookkeeping", memory: 32 << 20, valid, run };

/// What a transaction reads and writes.
const NUMBERS: PMap<String, u64, txetcd::codec::Cbor> = PMap::at(1);

/// Where this library's keys begin, those under the name `a` among them. See `docs/format.md`.
const PREFIXES: [&[u8]; 14] = [
    b"\xff\xffl",
    b"\xff\xffg",
    b"\xff\xffb",
    b"\xff\xfff",
    b"\xff\xffcba\0\x01",
    b"\xff\xffcda\0\x01",
    b"\xff\xffcea\0\x01",
    b"\xff\xffcia\0\x01",
    b"\xff\xffcla\0\x01",
    b"\xff\xffcpa\0\x01i",
    b"\xff\xffcqa\0\x01i",
    b"\xff\xffcqa\0\x01c",
    b"\xff\xffcra\0\x01",
    b"\xff\xffcsa\0\x01",
];

/// What is tried: the numbers that [`step`] knows.
const STEPS: u8 = 10;

/// Long enough for whatever need not wait for others.
const MOMENT: Duration = Duration::from_secs(5);

fn valid(rng: &mut Rng) -> Vec<u8> {
    let mut input = vec![rng.u8(..)];
    for _ in 0..rng.usize(0..4) {
        input.push(rng.u8(..));
        let ends: [&[u8]; 4] = [&[], &1_u64.to_be_bytes(), &[0; 28], b"x"];
        push_piece(&mut input, rng.choice(ends).unwrap_or_default());
        let values: [&[u8]; 4] = [&[], &7_u64.to_be_bytes(), &3_u32.to_be_bytes(), &[0xff; 8]];
        push_piece(&mut input, rng.choice(values).unwrap_or_default());
    }
    input
}

fn run(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let number = input.byte();
    let mut content = used().clone();
    alone(async {
        let store = store();
        let db = connect(&store).await;
        let mut all = true;
        if number & 0x80 != 0 {
            put_all(db.client(), &content).await;
            all &= step(number & 0x7f, &db).await;
            content.clear();
        }
        damage(&mut content, input);
        put_all(db.client(), &content).await;
        all & step(number & 0x7f, &db).await
    })
}

fn damage(content: &mut BTreeMap<Vec<u8>, Vec<u8>>, mut input: Input<'_>) {
    while !input.is_empty() {
        let place = usize::from(input.byte());
        let piece = input.piece();
        let key = match used().keys().nth(place % used().len()) {
            Some(key) if place >= 128 => key.clone(),
            _ => [PREFIXES[place % PREFIXES.len()], piece].concat(),
        };
        content.insert(key, input.piece().to_vec());
    }
}

/// What is there after each step was done.
fn used() -> &'static BTreeMap<Vec<u8>, Vec<u8>> {
    static USED: OnceLock<BTreeMap<Vec<u8>, Vec<u8>>> = OnceLock::new();
    USED.get_or_init(|| {
        alone(async {
            let store = store();
            let db = connect(&store).await;
            for number in 0..STEPS {
                assert!(step(number, &db).await, "step {number}");
            }
            let found = db.client().get(KeySet::prefix([0xff, 0xff])).await.expect("reads").into_kvs();
            found.into_iter().map(|kv| (kv.key().to_vec(), kv.value().to_vec())).collect()
        })
    })
}

/// Whether all went well.
async fn step(number: u8, db: &Database) -> bool {
    match number % STEPS {
        0 => transact(db).await,
        number => coordinate(number, db.client()).await,
    }
}

async fn transact(db: &Database) -> bool {
    let write = db.write(async |txn| {
        let number = NUMBERS.get(txn, "a").await?.unwrap_or(0);
        NUMBERS.put(txn, "a", &(number + 1))?;
        NUMBERS.delete(txn, "b")
    });
    done(write.await) & done(db.read(async |txn| NUMBERS.all(txn).entries().await).await)
}

/// What stands there may say that others have the lock, or are before in the queue.
async fn coordinate(number: u8, client: &Client) -> bool {
    if number == 1 {
        return done(client.sequence("a").next().await);
    }
    let session = client.session(Duration::from_secs(60)).await.expect("a session");
    let mut all = true;
    match number {
        2 => {
            let queue = client.queue("a");
            all &= done(queue.push("x").await) & done(queue.count().await);
            if let Ok(Some(item)) = queue.try_pop(&session).await {
                all &= done(item.ack().await);
            }
        }
        3 => {
            let queue = client.priority_queue("a");
            all &= done(queue.push(3, "x").await);
            all &= done(queue.try_pop(&session).await);
        }
        4 => {
            if let Ok(Some(lock)) = client.lock("a").try_acquire(&session).await {
                all &= done(lock.release().await);
            }
        }
        5 => {
            if let Ok(Some(lock)) = client.rwlock("a").try_read(&session).await {
                all &= done(lock.release().await);
            }
        }
        6 => all &= done(client.semaphore("a", 2).try_acquire(&session).await),
        7 => all &= done(client.election("a").leader().await),
        8 => all &= done(client.barrier("a").is_held().await),
        _ => {
            let barrier = client.double_barrier("a", 1);
            if let Ok(entered) = tokio::time::timeout(MOMENT, barrier.enter(&session)).await {
                all &= done(entered);
            }
        }
    }
    all
}
