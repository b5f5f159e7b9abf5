//! Groups that a row is put into when they are short of one, and taken out of when they have one too many. Who decides
//! on what is not there any more, or not there yet, gets a group out of bounds.

use txetcd::{Database, DatabaseBuilder, Error, Persist, Read};

use super::{Step, Through};
use crate::simulate::record::Record;

const GROUPS: u32 = 2;
/// Places in a group.
const PLACES: u32 = 40;

/// A row is there or not; its key says which group it is in.
#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 3, key = (u32, u32))]
struct Present {}

pub(super) fn cached(builder: DatabaseBuilder) -> DatabaseBuilder {
    builder.cached::<Present>()
}

pub(super) async fn prepare(db: &Database, record: &Record) -> Result<(), Error> {
    for group in 0..GROUPS {
        for place in 0..record.settings.group {
            db.write(async |txn| Present::table().put_at(txn, &(group, place), &Present {})).await?;
        }
    }
    Ok(())
}

pub(super) async fn run(step: &mut Step) -> Result<(), Error> {
    let group = step.random.u32(..GROUPS);
    let (first, any) = (step.random.u32(..PLACES), step.random.usize(..usize::from(u16::MAX)));
    let looks = step.random.u8(..4) == 0;
    let (db, record, table) = (&step.db, &step.record, Present::table());
    if looks {
        return db.read(async |txn| members(txn, group, Through::Read, record).await.map(drop)).await;
    }
    db.write(async |txn| {
        let there = members(txn, group, Through::Write, record).await?;
        if there.len() > record.settings.group as usize {
            table.delete(txn, &there[any % there.len()])
        } else {
            let free = (0..PLACES).map(|place| (group, (first + place) % PLACES));
            match free.into_iter().find(|place| !there.contains(place)) {
                Some(place) => table.put_at(txn, &place, &Present {}),
                None => Ok(()),
            }
        }
    })
    .await
}

pub(super) async fn conclude(step: &mut Step) -> Result<(), Error> {
    let record = &step.record;
    for group in 0..GROUPS {
        step.db.read(async |txn| members(txn, group, Through::Read, record).await.map(drop)).await?;
    }
    Ok(())
}

/// Who is in a group, in some attempt. There is one too many at most.
async fn members(
    txn: &impl Read,
    group: u32,
    through: Through,
    record: &Record,
) -> Result<Vec<(u32, u32)>, Error> {
    let there = Present::table().range(txn, (group, 0)..(group + 1, 0)).keys().await?;
    let size = record.settings.group as usize;
    if !(size..=size + 1).contains(&there.len()) {
        record.violation(format!(
            "group {group} has {} members, not {size} or one more, seen through {through:?}",
            there.len()
        ));
    }
    Ok(there)
}
