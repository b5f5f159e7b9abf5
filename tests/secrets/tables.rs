//! Rows and their indexes, and every way in which a transaction ends.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use txetcd::codec::StringSet;
use txetcd::{Database, DatabaseBuilder, Error, PMap, Persist};
use txetcd_core::client::{Fault, Faults};

use crate::secret::secret;
use crate::told;

#[derive(Persist)]
#[pmap(slot = 10)]
struct Bank {
    #[pmap(key)]
    name: String,
    address: String,
}

#[derive(Persist, Clone)]
#[pmap(slot = 11)]
pub(crate) struct Safe {
    #[pmap(key)]
    id: u32,
    content: String,
    #[pmap(index(slot = 12, unique))]
    code: String,
    #[pmap(index(slot = 13))]
    owner: String,
    #[pmap(references = Bank, on_delete = restrict, index(slot = 14))]
    bank: String,
}

/// The user's own, who answers for what it shows.
impl fmt::Debug for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Safe({})", self.id)
    }
}

pub(crate) fn safe(id: u32) -> Safe {
    let (content, code) = (secret("a field"), secret("a unique value"));
    Safe { id, content, code, owner: secret("an indexed value"), bank: "main".to_owned() }
}

/// Two rows.
pub(crate) async fn fill(db: &Database) {
    db.attach::<Bank>().await.unwrap();
    db.attach::<Safe>().await.unwrap();
    db.write(async |txn| {
        Bank::table().put(txn, &Bank { name: "main".to_owned(), address: secret("a field") })?;
        Safe::table().put(txn, &safe(1))?;
        Safe::table().put(txn, &safe(2))
    })
    .await
    .unwrap();
}

/// Loses the answers to the first commits.
struct Lost(AtomicUsize);

impl Faults for Lost {
    fn next(&self, path: &str) -> Fault {
        let is_lost = path.ends_with("KV/Txn")
            && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if is_lost { Fault::LoseReply } else { Fault::None }
    }
}

pub(crate) async fn run(builder: &DatabaseBuilder) {
    let db = builder.clone().slow_transaction(Duration::ZERO).connect().await.unwrap();
    fill(&db).await;
    conflicts(builder, &db).await;
    refusals(builder, &db).await;
    losses(builder).await;
    reads(builder, &db).await;
}

async fn conflicts(builder: &DatabaseBuilder, db: &Database) {
    let safes = Safe::table();
    let once = builder.clone().max_attempts(1).connect().await.unwrap();
    let ended = once
        .write(async |txn| {
            safes.get(txn, &1).await?;
            Safe::by_owner().all(txn).collect().await?;
            db.write(async |other| safes.put(other, &safe(1))).await?;
            safes.put(txn, &safe(1))
        })
        .await;
    let error: Error = ended.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    told::error(&error, &["Safe (slot 11), key 0x00000001"]);
}

async fn refusals(builder: &DatabaseBuilder, db: &Database) {
    let (banks, safes) = (Bank::table(), Safe::table());
    let row = safe(3);
    db.write(async |txn| safes.put(txn, &row)).await.unwrap();

    let error = db.write(async |txn| safes.insert(txn, &safe(3))).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    told::error(&error, &["Safe (slot 11), key 0x00000003"]);

    let twin = Safe { code: row.code.clone(), ..safe(4) };
    let error = db.write(async |txn| safes.put(txn, &twin)).await.unwrap_err();
    assert!(error.is_unique_violation(), "{error}");
    told::error(&error, &["Safe.by_code (slot 12)"]);

    let elsewhere = Safe { bank: "nowhere".to_owned(), ..safe(5) };
    let error = db.write(async |txn| safes.put(txn, &elsewhere)).await.unwrap_err();
    assert!(error.is_reference_violation(), "{error}");
    told::error(&error, &["`bank`", "nowhere"]);
    let error = db.write(async |txn| banks.delete(txn, "main")).await.unwrap_err();
    assert!(error.is_reference_violation(), "{error}");
    told::error(&error, &["Bank (slot 10), key \"main\""]);

    let large = Safe { content: secret("a large field").repeat(60_000), ..safe(6) };
    let error = db.write(async |txn| safes.put(txn, &large)).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
    told::error(&error, &[]);
    let unlimited = builder.clone().max_request_bytes(usize::MAX).connect().await.unwrap();
    let error = unlimited.write(async |txn| safes.put(txn, &large)).await.unwrap_err();
    assert!(error.is_too_large(), "{error}");
    told::error(&error, &[]);

    let sets: PMap<u32, BTreeSet<String>, StringSet> = PMap::at(15);
    let set = BTreeSet::from([secret("an element") + "\0"]);
    let error = db.write(async |txn| sets.put(txn, &1, &set)).await.unwrap_err();
    assert!(error.is_invalid_argument(), "{error}");
    told::error(&error, &["slot 15"]);

    let reader = builder.clone().read_only(true).connect().await.unwrap();
    let error = reader.write(async |txn| safes.put(txn, &safe(7))).await.unwrap_err();
    assert!(error.is_read_only(), "{error}");
    told::error(&error, &[]);

    let session = db.client().session(Duration::from_secs(60)).await.unwrap();
    let lock = db.client().lock("safes").acquire(&session).await.unwrap();
    session.lease().revoke().await.unwrap();
    let guarded = db.write(async |txn| {
        txn.guard(&lock)?;
        safes.put(txn, &safe(8))
    });
    let error: Error = guarded.await.unwrap_err();
    assert!(error.is_lock_lost(), "{error}");
    told::error(&error, &["safes"]);

    let future = db.status().await.unwrap().revision() + 1_000_000;
    let error = db.at(future).read(async |txn| safes.get(txn, &1).await).await.unwrap_err();
    assert!(error.is_future_revision(), "{error}");
    told::error(&error, &[]);
}

/// Answers that are lost.
async fn losses(builder: &DatabaseBuilder) {
    let put = async |db: &Database| db.write(async |txn| Safe::table().put(txn, &safe(1))).await;
    let lost = Arc::new(Lost(AtomicUsize::new(0)));
    let db = builder.clone().faults(lost.clone()).connect().await.unwrap();
    put(&db).await.unwrap();
    lost.0.store(1, Ordering::SeqCst);
    put(&db).await.unwrap();
    told::until_logged("settling a commit whose answer was lost").await;

    let hasty = builder.clone().transaction_timeout(Duration::from_secs(1)).faults(lost.clone());
    let db = hasty.connect().await.unwrap();
    put(&db).await.unwrap();
    lost.0.store(usize::MAX, Ordering::SeqCst);
    let error = put(&db).await.unwrap_err();
    assert!(error.is_commit_unknown(), "{error}");
    told::error(&error, &[]);
    lost.0.store(0, Ordering::SeqCst);
}

/// All that is read with, and what comes of it.
async fn reads(builder: &DatabaseBuilder, db: &Database) {
    let safes = Safe::table();
    let live = safes.live(db).await.unwrap();
    let from = db.status().await.unwrap().revision() + 1;
    let watch = safes.watch(db).from(from);
    told::debug(&watch);
    let mut changes = watch.stream().await.unwrap();
    let mut of_index = Safe::by_owner().watch(db).from(from).stream().await.unwrap();

    let txn = db.begin().await.unwrap();
    safes.put(&txn, &safe(1)).unwrap();
    safes.with_ttl(Duration::from_secs(60)).put(&txn, &safe(9)).unwrap();
    assert!(safes.get(&txn, &2).await.unwrap().is_some());
    assert!(told::debug(&txn).contains("WriteTxn"));
    let revision = txn.commit().await.unwrap();
    live.wait_for(revision).await.unwrap();
    assert!(live.get(&1).unwrap().is_some());
    for changes in [&mut changes, &mut of_index] {
        let change = changes.next().await.unwrap().unwrap();
        assert!(told::debug(&change).contains("value: Safe(1)"));
        told::debug(changes);
    }
    told::debug(&(&live, live.iter()));

    db.read(async |txn| {
        assert_eq!(safes.all(txn).collect().await?.len(), 4);
        let page = safes.all(txn).page(1).await?;
        told::debug(&(&page, safes.all(txn), Safe::by_code().all(txn), txn, &txn));
        Ok::<_, Error>(())
    })
    .await
    .unwrap();

    // Gives its table up at once.
    let cached = builder.clone().cached::<Safe>().cache_bytes(1).connect().await.unwrap();
    cached.read_stale(async |txn| safes.get(txn, &1).await).await.unwrap();
    told::until_logged("a table is too large to be cached").await;
    told::debug(&cached);

    let sets: PMap<u32, BTreeSet<String>, StringSet> = PMap::at(15);
    told::debug(&(db, builder, db.at(1), db.stats(), db.status().await.unwrap(), db.tables().await.unwrap()));
    told::debug(&(safes, safes.with_ttl(Duration::from_secs(1)), Safe::by_code(), Safe::by_owner(), sets));
    told::debug(&(safes.verify_indexes(db), safes.rebuild_indexes(db)));
    told::debug(&(Safe::INDEXES, Safe::REFERENCES));
}
