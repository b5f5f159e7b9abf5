//! Trails: who walks leaves a mark in one table and then one in another, each without looking, or both at once. Nobody who
//! sees the second mark misses the first one: not in any attempt, be it thrown away later or not, and whichever of the
//! tables is cached.

use std::collections::BTreeMap;

use txetcd::{DatabaseBuilder, Error, Persist, Read, Table};

use super::{Step, Through};
use crate::simulate::record::Record;

/// How far a walker has come.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 7)]
struct First {
    #[pmap(key)]
    walker: u64,
    step: u64,
}

/// The same, once that is stored.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 8)]
struct Second {
    #[pmap(key)]
    walker: u64,
    step: u64,
}

/// Who walks: one who was lost on the way does not come back.
pub(super) struct Walker {
    number: u64,
    step: u64,
}

pub(super) fn first_cached(builder: DatabaseBuilder) -> DatabaseBuilder {
    builder.cached::<First>()
}

pub(super) fn second_cached(builder: DatabaseBuilder) -> DatabaseBuilder {
    builder.cached::<Second>()
}

pub(super) async fn run(step: &mut Step) -> Result<(), Error> {
    let (db, record) = (&step.db, &step.record);
    if step.random.bool() {
        let walker = step.walker.take();
        let Walker { number: walker, step: before } =
            walker.unwrap_or_else(|| Walker { number: record.next_value(), step: 0 });
        let next = before + 1;
        let (first, second) = (First { walker, step: next }, Second { walker, step: next });
        if step.random.u8(..3) == 0 {
            let look = Look { backwards: step.random.bool(), scans: false };
            db.write(async |txn| {
                look.at_all(txn, Through::Write, record).await?;
                First::table().put(txn, &first)?;
                Second::table().put(txn, &second)
            })
            .await?;
        } else {
            db.write(async |txn| First::table().put(txn, &first)).await?;
            db.write(async |txn| Second::table().put(txn, &second)).await?;
        }
        step.walker = Some(Walker { number: walker, step: next });
        return Ok(());
    }
    let look = Look { backwards: step.random.bool(), scans: step.random.bool() };
    if step.random.u8(..4) == 0 {
        db.read(async |txn| look.at_all(txn, Through::Read, record).await).await
    } else {
        db.write(async |txn| look.at_all(txn, Through::Write, record).await).await
    }
}

pub(super) async fn conclude(step: &mut Step) -> Result<(), Error> {
    let look = Look { backwards: false, scans: true };
    step.db.read(async |txn| look.at_all(txn, Through::Read, &step.record).await).await
}

/// How to look at the marks.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// Whether the first marks are looked at first.
    backwards: bool,
    /// Whether those that are looked at last are scanned, too, and not got one by one.
    scans: bool,
}

impl Look {
    /// The marks in the table that is looked at last.
    async fn others<M: Persist<Key = u64>>(
        self,
        txn: &impl Read,
        table: Table<M>,
        walkers: Vec<u64>,
    ) -> Result<Vec<M>, Error> {
        if self.scans {
            return table.all(txn).collect().await;
        }
        Ok(table.get_many(txn, &walkers).await?.into_iter().flatten().collect())
    }

    async fn at_all(self, txn: &impl Read, through: Through, record: &Record) -> Result<(), Error> {
        let (first, second) = if self.backwards {
            let first: Vec<First> = First::table().all(txn).collect().await?;
            let walkers = first.iter().map(|mark| mark.walker).collect();
            let second = self.others(txn, Second::table(), walkers).await?;
            (first, second)
        } else {
            let second: Vec<Second> = Second::table().all(txn).collect().await?;
            let walkers = second.iter().map(|mark| mark.walker).collect();
            let first = self.others(txn, First::table(), walkers).await?;
            (first, second)
        };
        let come: BTreeMap<u64, u64> = first.iter().map(|mark| (mark.walker, mark.step)).collect();
        for Second { walker, step } in second {
            let before = come.get(&walker).copied().unwrap_or(0);
            if before < step {
                record.violation(format!(
                    "walker {walker} is at {before} in the first table, {step} in the second, seen through \
                     {through:?}, {self:?}"
                ));
            }
        }
        Ok(())
    }
}
