//! Names that belong to one member each: swapped, taken and freed. Rows and index always say the same.

use std::collections::BTreeMap;

use txetcd::{Database, DatabaseBuilder, Error, Persist, Read};

use super::Step;
use crate::simulate::record::Record;

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 4)]
struct Member {
    #[pmap(key)]
    id: u32,
    #[pmap(index(slot = 5, unique))]
    name: String,
}

pub(super) fn cached(builder: DatabaseBuilder) -> DatabaseBuilder {
    builder.cached::<Member>()
}

fn name(number: u32) -> String {
    format!("name {number:02}")
}

pub(super) async fn prepare(db: &Database, record: &Record) -> Result<(), Error> {
    for id in 0..record.settings.keys {
        let member = Member { id, name: name(id) };
        db.write(async |txn| Member::table().insert(txn, &member)).await?;
    }
    Ok(())
}

pub(super) async fn run(step: &mut Step) -> Result<(), Error> {
    let (one, other) = (step.key(), step.key());
    // A few names are nobody's.
    let wanted = name(step.random.u32(..step.record.settings.keys + 2));
    let (db, record, members) = (&step.db, &step.record, Member::table());
    let ended = match step.random.u8(..6) {
        0 => db.read(async |txn| compare(txn, record).await).await,
        1 => db.write(async |txn| members.delete(txn, &one)).await,
        2 => db.write(async |txn| members.insert(txn, &Member { id: one, name: wanted.clone() })).await,
        3 => {
            db.write(async |txn| {
                if let Some(member) = members.get(txn, &one).await? {
                    members.put(txn, &Member { name: wanted.clone(), ..member })?;
                }
                Ok(())
            })
            .await
        }
        _ => {
            db.write(async |txn| {
                let mut both = members.get_many(txn, &[one, other]).await?;
                if one != other
                    && let (Some(mut second), Some(mut first)) = (both.pop().flatten(), both.pop().flatten())
                {
                    std::mem::swap(&mut first.name, &mut second.name);
                    members.put(txn, &first)?;
                    members.put(txn, &second)?;
                }
                Ok(())
            })
            .await
        }
    };
    // Both are right answers: someone else has it.
    ended.or_else(
        |error| {
            if error.is_unique_violation() || error.is_already_exists() { Ok(()) } else { Err(error) }
        },
    )
}

pub(super) async fn conclude(step: &mut Step) -> Result<(), Error> {
    let record = &step.record;
    step.db.read(async |txn| compare(txn, record).await).await?;
    let report = Member::table().verify_indexes(&step.db).await?;
    if !report.is_consistent() {
        record.violation(format!("the index is not consistent: {report:?}"));
    }
    Ok(())
}

async fn compare(txn: &impl Read, record: &Record) -> Result<(), Error> {
    let rows = Member::table().all(txn).collect().await?;
    let indexed = Member::by_name().all(txn).collect().await?;
    let by_name: BTreeMap<&String, &Member> = rows.iter().map(|member| (&member.name, member)).collect();
    if by_name.len() != rows.len() || !by_name.into_values().eq(&indexed) {
        record.violation(format!("the rows {rows:?} and the index {indexed:?} differ"));
    }
    Ok(())
}
