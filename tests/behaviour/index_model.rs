//! Random transactions on a table with indexes, compared with a model in memory; and many at once, after which rows and
//! entries must fit.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::indexes::{Person, SLOTS};
use crate::random::Random;
use txetcd::{Database, Error, KeySet, Scan, WriteTxn};

const IDS: u64 = 14;
const EMAILS: u64 = 10;

type Model = BTreeMap<u32, Person>;

/// A random row. Its values are few, so that rows meet in them.
fn random_row(random: &mut Random) -> Person {
    let word = |random: &mut Random| ["a", "b", "a b", "", "\0", "zz"][random.below(6) as usize].to_owned();
    Person {
        id: random.below(IDS) as u32,
        email: format!("{}@{}", random.below(EMAILS), word(random)),
        name: random.flag().then(|| word(random)),
        tags: (0..random.below(4)).map(|_| word(random)).collect(),
        badge: (random.below(3) == 0).then(|| random.below(6)),
        team: random.flag().then(|| word(random)),
        role: random.below(3) as u8,
    }
}

/// Whether a row fits beside the others.
fn fits(model: &Model, row: &Person) -> bool {
    let meets = |other: &Person| {
        other.id != row.id
            && (other.email == row.email || (other.badge.is_some() && other.badge == row.badge))
    };
    !model.values().any(meets)
}

/// One random operation, on the transaction and on the model; reads are compared.
async fn step(txn: &WriteTxn, model: &mut Model, random: &mut Random) -> Result<(), Error> {
    let people = Person::table();
    let row = random_row(random);
    match random.below(12) {
        0..=3 => {
            if fits(model, &row) {
                people.put(txn, &row)?;
                model.insert(row.id, row);
            }
        }
        4 => {
            if fits(model, &row) && !model.contains_key(&row.id) {
                people.insert(txn, &row)?;
                model.insert(row.id, row);
            }
        }
        5 => {
            people.delete(txn, &row.id)?;
            model.remove(&row.id);
        }
        6 => {
            // Two rows exchange their unique value.
            let (low, high) = (row.id, (row.id + 1) % IDS as u32);
            if let (Some(mut low), Some(mut high)) = (model.get(&low).cloned(), model.get(&high).cloned()) {
                std::mem::swap(&mut low.email, &mut high.email);
                for row in [low, high] {
                    people.put(txn, &row)?;
                    model.insert(row.id, row);
                }
            }
        }
        7 if random.below(6) == 0 => {
            people.truncate(txn).await?;
            model.clear();
        }
        8 => {
            let expected = model.values().find(|other| other.email == row.email).cloned();
            assert_eq!(Person::by_email().get(txn, &row.email).await?, expected);
        }
        9 => {
            let tag = row.tags.first().cloned().unwrap_or_default();
            let expected: Vec<Person> =
                model.values().filter(|row| row.tags.contains(&tag)).cloned().collect();
            assert_eq!(Person::by_tags().get_all(txn, &tag).await?, expected);
        }
        10 => check(txn, model, random.flag(), random.below(6) as usize).await?,
        _ => {
            assert_eq!(people.get(txn, &row.id).await?, model.get(&row.id).cloned());
            let named = model.values().filter(|row| row.name.is_some()).count() as u64;
            assert_eq!(Person::by_name().count(txn).await?, named);
        }
    }
    Ok(())
}

/// Scans of the indexes that are in another order than the table.
async fn check(txn: &WriteTxn, model: &Model, reverse: bool, limit: usize) -> Result<(), Error> {
    let mut by_name: Vec<_> =
        model.values().filter_map(|row| row.name.clone().map(|name| (name, row.id))).collect();
    by_name.sort();
    let mut by_team: Vec<_> =
        model.values().filter_map(|row| row.team.clone().map(|team| (team, row.role, row.id))).collect();
    by_team.sort();
    if reverse {
        by_name.reverse();
        by_team.reverse();
    }
    fn turned(scan: Scan<'_, u32, Person>, reverse: bool) -> Scan<'_, u32, Person> {
        if reverse { scan.rev() } else { scan }
    }
    let names = turned(Person::by_name().all(txn), reverse).limit(limit).keys().await?;
    assert_eq!(names, by_name.iter().map(|(_, id)| *id).take(limit).collect::<Vec<_>>());
    let teams = turned(Person::by_team_role().all(txn), reverse).collect().await?;
    let found: Vec<u32> = teams.iter().map(|row| row.id).collect();
    assert_eq!(found, by_team.iter().map(|(_, _, id)| *id).collect::<Vec<_>>());
    let domains = turned(Person::by_domain().range(txn, "a".."b"), reverse).entries().await?;
    let in_range = |row: &&Person| {
        let domain = row.email.split_once('@').map(|(_, domain)| domain);
        domain.is_some_and(|domain| ("a".."b").contains(&domain))
    };
    assert_eq!(domains.len(), model.values().filter(in_range).count());
    Ok(())
}

/// Everything that etcd has of the table, without revisions.
async fn stored(db: &Database) -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys = KeySet::range(SLOTS.start().to_be_bytes().to_vec(), (SLOTS.end() + 1).to_be_bytes().to_vec());
    let rows = db.client().get(keys).await.unwrap().into_kvs();
    rows.iter().map(|kv| (kv.key().to_vec(), kv.value().to_vec())).collect()
}

async fn assert_consistent(db: &Database) {
    let report = Person::table().verify_indexes(db).await.unwrap();
    assert!(report.is_consistent(), "{report:#?}");
}

/// Random transactions until the time is over, each of a few random writes.
async fn contend(db: &Database, seed: u64, until: Instant) -> u64 {
    let people = Person::table();
    let mut random = Random::new(seed);
    let mut committed = 0;
    while Instant::now() < until {
        let rows: Vec<Person> = (0..1 + random.below(4)).map(|_| random_row(&mut random)).collect();
        let kind = random.below(6);
        let outcome: Result<(), Error> = db
            .write(async |txn| {
                for row in &rows {
                    match kind {
                        0 => people.delete(txn, &row.id)?,
                        1 => people.insert(txn, row)?,
                        2 => {
                            // Takes the email over from whoever has it.
                            if let Some(mut holder) = Person::by_email().get(txn, &row.email).await? {
                                holder.email = format!("was {}", holder.email);
                                holder.badge = None;
                                people.put(txn, &holder)?;
                            }
                            people.put(txn, &Person { badge: None, ..row.clone() })?;
                        }
                        3 => {
                            let neighbour = (row.id + 1) % IDS as u32;
                            let pair = people.get_many(txn, &[row.id, neighbour]).await?;
                            if let [Some(low), Some(high)] = pair.as_slice() {
                                people.put(txn, &Person { email: high.email.clone(), ..low.clone() })?;
                                people.put(txn, &Person { email: low.email.clone(), ..high.clone() })?;
                            }
                        }
                        _ => people.put(txn, row)?,
                    }
                }
                Ok(())
            })
            .await;
        match outcome {
            Ok(()) => committed += 1,
            Err(error) if error.is_unique_violation() || error.is_already_exists() || error.is_conflict() => {
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    committed
}

/// How long the concurrent runs take.
fn duration() -> Duration {
    let seconds = std::env::var("TXETCD_TEST_INDEX_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

stores! {
    async fn random_transactions_keep_the_indexes_as_the_model_has_them(store) {
        let db = store.connect().await;
        let people = Person::table();
        let mut model = Model::new();
        for seed in 0..120 {
            println!("seed {seed}");
            let mut random = Random::new(seed);
            let txn = db.begin().await.unwrap();
            let mut inside = model.clone();
            for _ in 0..random.below(10) {
                step(&txn, &mut inside, &mut random).await.unwrap();
            }
            if random.below(4) == 0 {
                drop(txn);
            } else {
                txn.commit().await.unwrap();
                model = inside;
            }
            let rows = db.read(async |txn| people.all(txn).collect().await).await.unwrap();
            assert_eq!(rows, model.values().cloned().collect::<Vec<_>>());
        }
        assert_consistent(&db).await;
        // The same rows in an empty table have the same entries.
        let before = stored(&db).await;
        db.write(async |txn| people.truncate(txn).await).await.unwrap();
        for row in model.values() {
            db.write(async |txn| people.insert(txn, row)).await.unwrap();
        }
        assert_eq!(stored(&db).await, before);
    }

    async fn transactions_at_the_same_time_leave_no_entry_behind(store) {
        let databases = store.connect_many(4).await;
        let until = Instant::now() + duration();
        let done = AtomicBool::new(false);
        let rebuilding = async {
            // Dropped now and then, as by a crash between its batches.
            let mut random = Random::new(99);
            let mut finished = 0_u32;
            while !done.load(Ordering::Relaxed) {
                let patience = Duration::from_millis(random.below(60));
                match tokio::time::timeout(patience, Person::table().rebuild_indexes(&databases[0])).await {
                    Ok(rebuilt) => {
                        let rebuilt = rebuilt.unwrap();
                        assert_eq!((rebuilt.added, rebuilt.removed), (0, 0));
                        finished += 1;
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
            finished
        };
        let contending = async {
            let runs = databases.iter().enumerate().map(|(seed, db)| contend(db, seed as u64, until));
            let committed: u64 = futures_util::future::join_all(runs).await.iter().sum();
            done.store(true, Ordering::Relaxed);
            committed
        };
        let (rebuilt, committed) = tokio::join!(rebuilding, contending);
        println!("{committed} transactions, {rebuilt} rebuilds");
        assert!(committed > 20, "{committed}");
        assert_consistent(&databases[0]).await;
    }
}

const WORKER: &str = "TXETCD_TEST_INDEX_WORKER";

/// A process of the test below; in a run of its own there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_several() {
    let Ok(settings) = std::env::var(WORKER) else { return };
    let [seed, namespace, url] = settings.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let db = Database::builder().url(url).namespace(namespace).connect().await.unwrap();
    let seed: u64 = seed.parse().unwrap();
    let until = Instant::now() + duration();
    let (a, b) = tokio::join!(contend(&db, seed, until), contend(&db, seed + 1, until));
    assert!(a + b > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_leave_no_entry_behind() {
    for store in crate::store::Store::servers() {
        let Some((url, namespace)) = store.address() else { continue };
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "index_model::a_process_of_several"])
                    .env(WORKER, format!("{} {namespace} {url}", 1_000 + worker * 10))
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let db = store.connect().await;
        let until = Instant::now() + duration();
        // One that adds the index anew while the others write: it is built from nothing, again and again.
        let mut rebuilds = 0;
        while Instant::now() < until {
            let rebuilt = Person::table().rebuild_indexes(&db).await.unwrap();
            assert_eq!((rebuilt.added, rebuilt.removed), (0, 0));
            rebuilds += 1;
        }
        for worker in workers {
            let ended =
                tokio::task::spawn_blocking(move || worker.wait_with_output()).await.unwrap().unwrap();
            assert!(ended.status.success());
        }
        assert!(rebuilds > 0);
        assert_consistent(&db).await;
    }
}
