//! Rows, the entries of indexes and the catalogue: whatever stands where they do, reading and writing come to an end, and
//! what cannot be read is told as such.
//!
//! An input is a [`STEPS`] `u8`, followed by a list of `place u8 | key piece | value piece`. The last key is also the one that
//! is asked for.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use fastrand::Rng;
use txetcd::codec::Json;
use txetcd::{Database, Persist, Timestamp, Token, Uuid};

use super::input::{Input, push_piece};
use super::world::{alone, connect, done, put_all, store};
use crate::Target;
use crate::row::{text, uuid};

pub(super) const ROWS: Target = Target { name: "rows", memory: 32 << 20, valid, run };

/// What [`User`] was.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 1, key = String)]
struct UserV1 {
    id: String,
    email: Vec<u8>,
}

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 1, key = String, version = 2, from = UserV1, keep_unknown)]
#[pmap(index(name = by_name_and_age, slot = 5, fields(name, age)))]
struct User {
    #[pmap(key)]
    id: String,
    #[pmap(index(slot = 2, unique))]
    email: String,
    #[pmap(index(slot = 3))]
    name: Option<String>,
    #[pmap(index(slot = 4, each))]
    tags: Vec<String>,
    #[pmap(default)]
    age: u32,
}

impl From<UserV1> for User {
    fn from(old: UserV1) -> Self {
        let email = String::from_utf8_lossy(&old.email).into_owned();
        Self { id: old.id, email, name: None, tags: Vec::new(), age: 0 }
    }
}

/// In the slot that the catalogue says.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(oid = "a0000000-0000-4000-8000-000000000001", key = (Uuid, String), codec = Json, compress = zlib)]
struct Order {
    #[pmap(index(slot = 8))]
    at: Timestamp,
    items: Vec<String>,
}

/// The catalogue, tables and indexes.
const SLOTS: [u16; 8] = [0, 1, 2, 3, 4, 5, 6, 8];

fn push(input: &mut Vec<u8>, at: u8, key: &[u8], value: &[u8]) {
    input.push(at);
    push_piece(input, key);
    push_piece(input, value);
}

/// What is tried: the numbers that [`step`] knows.
const STEPS: u8 = 10;

fn valid(rng: &mut Rng) -> Vec<u8> {
    // It takes some time to make one.
    static STORED: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let stored = STORED.get_or_init(|| (0..200).map(|seed| stored(&mut Rng::with_seed(seed))).collect());
    [&[rng.u8(..)], &*stored[rng.usize(0..stored.len())]].concat()
}

/// What a database has stored.
fn stored(rng: &mut Rng) -> Vec<u8> {
    let user = User {
        id: text(rng),
        email: text(rng),
        name: rng.bool().then(|| text(rng)),
        tags: vec![text(rng); rng.usize(0..3)],
        age: rng.u32(..),
    };
    let order = Order { at: Timestamp::from_nanos(rng.i64(0..)), items: vec![text(rng)] };
    let key = (uuid(rng), text(rng));
    let oid = uuid(rng).to_string();
    alone(async {
        let store = store();
        let db = connect(&store).await;
        db.write(async |txn| User::table().put(txn, &user)).await.expect("writes");
        db.attach::<Order>().await.expect("attaches");
        db.write(async |txn| Order::table().put_at(txn, &key, &order)).await.expect("writes");
        // The catalogue has drawn an id for the table whose slot is declared, and not from the seed.
        let drawn = db.tables().await.expect("reads")[0].oid.to_string();
        let mut input = Vec::new();
        for (at, slot) in SLOTS.into_iter().enumerate() {
            let found = db.client().get(txetcd::KeySet::prefix(slot.to_be_bytes())).await.expect("reads");
            for kv in found.kvs() {
                let mut value = kv.value().to_vec();
                if let Some(first) = value.windows(oid.len()).position(|part| part == drawn.as_bytes()) {
                    value[first..first + oid.len()].copy_from_slice(oid.as_bytes());
                }
                push(&mut input, at as u8, &kv.key()[2..], &value);
            }
        }
        input
    })
}

fn run(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let number = input.byte();
    let mut content = BTreeMap::new();
    let mut last = &[][..];
    while !input.is_empty() {
        let slot = SLOTS[usize::from(input.byte()) % SLOTS.len()];
        last = input.piece();
        content.insert([&slot.to_be_bytes(), last].concat(), input.piece().to_vec());
    }
    alone(async {
        let store = store();
        let db = connect(&store).await;
        put_all(db.client(), &content).await;
        step(number, &db, &String::from_utf8_lossy(last)).await
    })
}

/// Whether all went well.
async fn step(number: u8, db: &Database, key: &str) -> bool {
    let users = User::table();
    let user = User { id: key.to_owned(), email: key.to_owned(), name: None, tags: Vec::new(), age: 1 };
    match number % STEPS {
        0 => read(db, key).await,
        1 => read_by_indexes(db, key).await,
        2 => done(db.write(async |txn| users.put(txn, &user)).await),
        3 => done(db.write(async |txn| users.delete(txn, key)).await),
        4 => done(db.write(async |txn| users.truncate(txn).await).await),
        5 => done(users.verify_indexes(db).repair().await),
        6 => done(users.rebuild_indexes(db).await),
        7 => done(db.migrate::<User>().await),
        8 => done(db.tables().await),
        _ => attach(db).await,
    }
}

async fn read(db: &Database, key: &str) -> bool {
    let users = User::table();
    let token: Option<Token> = key.parse().ok();
    db.read(async |txn| {
        let mut all = done(users.get(txn, key).await);
        all &= done(users.all(txn).entries().await);
        all &= done(users.prefix(txn, key).rev().keys().await);
        all &= done(users.count(txn).await);
        if let Some(token) = &token {
            all &= done(users.all(txn).after(token).page(2).await);
        }
        Ok::<_, txetcd::Error>(all)
    })
    .await
    .is_ok_and(|all| all)
}

async fn read_by_indexes(db: &Database, key: &str) -> bool {
    db.read(async |txn| {
        let mut all = done(User::by_email().get(txn, key).await);
        all &= done(User::by_email().all(txn).entries().await);
        all &= done(User::by_name().get_all(txn, key).collect().await);
        all &= done(User::by_name().all(txn).keys().await);
        all &= done(User::by_tags().prefix(txn, key).entries().await);
        all &= done(User::by_name_and_age().all(txn).rev().collect().await);
        Ok::<_, txetcd::Error>(all)
    })
    .await
    .is_ok_and(|all| all)
}

/// Whether the table whose slot the catalogue has could be read.
async fn attach(db: &Database) -> bool {
    done(db.attach::<Order>().await)
        && done(db.read(async |txn| Order::by_at().all(txn).entries().await).await)
        && done(db.read(async |txn| Order::table().all(txn).collect().await).await)
}
