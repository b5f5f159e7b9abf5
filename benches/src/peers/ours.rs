//! txetcd: its tables, its transactions, and what it finds in them at the end.

use std::collections::BTreeMap;

use txetcd::{Database, Error, Persist};

use super::Result;
use super::audit::{Account, Found};
use super::drive::{Ended, Phase, Rows, Side};
use super::layout::{AMOUNT, TOWNS};
use super::steps::Step;

/// Makes rows about as long as the values of the peers, which have 100 bytes.
const FILLER: &str = "............................................................";
/// How many rows one transaction of the preparation inserts.
const BATCH: u32 = 50;

#[derive(Persist, Clone, Debug)]
#[pmap(slot = 1)]
struct Row {
    #[pmap(key)]
    id: u32,
    amount: i64,
    changes: u64,
    filler: String,
}

#[derive(Persist, Clone, Debug)]
#[pmap(slot = 2)]
struct Person {
    #[pmap(key)]
    id: u64,
    #[pmap(index(slot = 3, unique))]
    email: String,
    #[pmap(index(slot = 4))]
    town: u64,
    filler: String,
}

/// A connection of txetcd.
#[derive(Clone)]
pub(crate) struct Ours {
    db: Database,
}

/// Why a closure ended without writing.
enum Stop {
    TimeIsUp,
    Missing,
    Store(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Ours {
    pub(crate) async fn connect(endpoint: &str, prefix: &str, cached: bool) -> Result<Self> {
        let builder = Database::builder().url(endpoint).namespace(prefix);
        let builder = if cached { builder.cached::<Row>().cached::<Person>() } else { builder };
        Ok(Self { db: builder.connect().await? })
    }

    async fn increment(&self, id: u32, phase: &Phase) -> Result<(), Stop> {
        let rows = Row::table();
        self.db
            .write(async |txn| {
                go_on(phase)?;
                let mut row = rows.get(txn, &id).await?.ok_or(Stop::Missing)?;
                row.changes += 1;
                Ok(rows.put(txn, &row)?)
            })
            .await
    }

    async fn transfer(&self, from: u32, to: u32, phase: &Phase) -> Result<(), Stop> {
        let rows = Row::table();
        self.db
            .write(async |txn| {
                go_on(phase)?;
                let (from, to) = tokio::try_join!(rows.get(txn, &from), rows.get(txn, &to))?;
                let (mut from, mut to) = from.zip(to).ok_or(Stop::Missing)?;
                from.amount -= 1;
                from.changes += 1;
                to.amount += 1;
                to.changes += 1;
                rows.put(txn, &from)?;
                Ok(rows.put(txn, &to)?)
            })
            .await
    }

    async fn insert(&self, id: u64, phase: &Phase) -> Result<(), Stop> {
        let person = Person {
            id,
            email: format!("{id:016x}@example.org"),
            town: id % TOWNS,
            filler: FILLER.to_owned(),
        };
        self.db
            .write(async |txn| {
                go_on(phase)?;
                Ok(Person::table().insert(txn, &person)?)
            })
            .await
    }

    async fn read(&self, id: u32) -> Result<(), Stop> {
        let row = self.db.read(async |txn| Row::table().get(txn, &id).await).await?;
        row.map(drop).ok_or(Stop::Missing)
    }
}

impl Rows for Ours {
    async fn fill(&self, rows: u32) -> Result<()> {
        for first in (0..rows).step_by(BATCH as usize) {
            let ids = first..rows.min(first + BATCH);
            let row = |id| Row { id, amount: AMOUNT, changes: 0, filler: FILLER.to_owned() };
            self.db
                .write(async |txn| ids.clone().try_for_each(|id| Row::table().insert(txn, &row(id))))
                .await?;
        }
        Ok(())
    }

    async fn found(&self) -> Result<Found> {
        let rows = self.db.read(async |txn| Row::table().all(txn).collect().await).await?;
        let people = Person::table();
        let (people, by_email, by_town) = self
            .db
            .read(async |txn| {
                Ok::<_, Error>((
                    people.all(txn).keys().await?,
                    Person::by_email().all(txn).keys().await?,
                    Person::by_town().all(txn).keys().await?,
                ))
            })
            .await?;
        let accounts =
            rows.into_iter().map(|row| (row.id, Account { amount: row.amount, changes: row.changes }));
        Ok(Found { accounts: accounts.collect::<BTreeMap<_, _>>(), people, by_email, by_town })
    }
}

impl Side for Ours {
    async fn perform(&self, step: Step, phase: &Phase) -> Result<Ended> {
        let ended = match step {
            Step::Increment(id) => self.increment(id, phase).await,
            Step::Transfer { from, to } => self.transfer(from, to, phase).await,
            Step::Insert(id) => self.insert(id, phase).await,
            Step::Read(id) => self.read(id).await,
        };
        match ended {
            Ok(()) => Ok(Ended::Acknowledged),
            Err(Stop::TimeIsUp) => Ok(Ended::GaveUp),
            Err(Stop::Store(error)) if error.is_commit_unknown() => Ok(Ended::Unknown),
            Err(Stop::Store(error)) => Err(error.into()),
            Err(Stop::Missing) => Err("a row is not there".into()),
        }
    }

    fn requests(&self) -> Option<u64> {
        Some(self.db.stats().requests)
    }
}

fn go_on(phase: &Phase) -> Result<(), Stop> {
    if phase.is_over() { Err(Stop::TimeIsUp) } else { Ok(()) }
}
