//! Unique addresses: people move in, move out, move to free addresses, and swap their addresses.

use std::collections::BTreeMap;

use txetcd::{Database, Error, Read};

use super::Worker;
use super::tables::Person;

const PEOPLE: u32 = 10;
const ADDRESSES: u32 = 12;

fn address(number: u32) -> String {
    format!("house {number}")
}

fn person(id: u32, house: u32) -> Person {
    Person { id, address: address(house), street: house % 3 }
}

pub(super) async fn work(worker: &mut Worker) {
    while !worker.is_done() {
        let outcome = match worker.random.u32(..4) {
            0 => look(worker).await,
            1 => swap(worker).await,
            _ => relocate(worker).await,
        };
        match outcome {
            Ok(()) => worker.did("unique"),
            // Somebody lives there: it was looked up in another transaction, if at all.
            Err(error) if error.is_unique_violation() || error.is_already_exists() => worker.did("unique"),
            Err(error) => worker.expect("unique", &error),
        }
    }
}

async fn relocate(worker: &mut Worker) -> Result<(), Error> {
    let (id, house) = (worker.random.u32(..PEOPLE), worker.random.u32(..ADDRESSES));
    let kind = worker.random.u32(..4);
    let people = Person::table();
    worker
        .db
        .write(async |txn| match kind {
            0 => people.delete(txn, &id),
            1 => people.insert(txn, &person(id, house)),
            2 => {
                if Person::by_address().get(txn, &address(house)).await?.is_none() {
                    people.put(txn, &person(id, house))?;
                }
                Ok(())
            }
            _ => people.put(txn, &person(id, house)),
        })
        .await
}

async fn swap(worker: &mut Worker) -> Result<(), Error> {
    let (a, b) = (worker.random.u32(..PEOPLE), worker.random.u32(..PEOPLE));
    let people = Person::table();
    worker
        .db
        .write(async |txn| {
            let found = people.get_many(txn, &[a, b]).await?;
            if let [Some(first), Some(second)] = &found[..]
                && a != b
            {
                people.put(txn, &Person { id: a, ..second.clone() })?;
                people.put(txn, &Person { id: b, ..first.clone() })?;
            }
            Ok(())
        })
        .await
}

async fn look(worker: &Worker) -> Result<(), Error> {
    worker
        .db
        .read(async |txn| {
            for wrong in differences(txn).await? {
                worker.wrong(wrong);
            }
            Ok(())
        })
        .await
}

/// What does not fit in what is read together: the rows, and what the indexes say of them.
async fn differences(txn: &impl Read) -> Result<Vec<String>, Error> {
    let rows = Person::table().all(txn).collect().await?;
    let mut wrong = Vec::new();
    let mut at: BTreeMap<&str, u32> = BTreeMap::new();
    for row in &rows {
        if let Some(other) = at.insert(&row.address, row.id) {
            wrong.push(format!("unique: {} and {other} both live in {}", row.id, row.address));
        }
    }
    for number in 0..ADDRESSES {
        let (told, address) = (Person::by_address().get(txn, &address(number)).await?, address(number));
        if told.as_ref().map(|row| row.id) != at.get(&address[..]).copied() {
            let told = told.map(|row| row.id);
            wrong.push(format!("unique: the index says that {told:?} lives in {address}, the table {at:?}"));
        }
    }
    let mut streets = Person::by_street().all(txn).collect().await?;
    streets.sort_by_key(|row| row.id);
    if streets != rows {
        wrong.push(format!(
            "unique: the index of streets has {} rows, the table {}",
            streets.len(),
            rows.len()
        ));
    }
    Ok(wrong)
}

/// What is wrong at the end.
///
/// # Errors
///
/// That of a transaction.
pub async fn judge(db: &Database) -> Result<Vec<String>, Error> {
    db.read(async |txn| differences(txn).await).await
}
