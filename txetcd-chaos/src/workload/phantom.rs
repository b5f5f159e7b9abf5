//! Phantoms: a group has one member at most, and whoever adds one has scanned the group for others. A row beside it
//! says how many there are.

use txetcd::{Database, Error, Read};

use super::Worker;
use super::tables::{Count, Member};

const GROUPS: u32 = 4;

pub(super) async fn work(worker: &mut Worker) {
    while !worker.is_done() {
        let outcome = match worker.random.u32(..3) {
            0 => look(worker).await,
            _ => change(worker).await,
        };
        match outcome {
            Ok(()) => worker.did("phantoms"),
            Err(error) => worker.expect("phantoms", &error),
        }
    }
}

/// The members of a group, and what is wrong with them.
async fn scan(txn: &impl Read, group: u32) -> Result<(Vec<Member>, Option<String>), Error> {
    let members = Member::table().range(txn, (group, 0)..(group + 1, 0)).collect().await?;
    let counted = Count::table().get(txn, &group).await?.map_or(0, |count| count.members);
    let is_wrong = members.len() > 1 || counted != members.len() as u64;
    let wrong = format!("phantoms: group {group} has {} members, and {counted} are counted", members.len());
    Ok((members, is_wrong.then_some(wrong)))
}

async fn look(worker: &mut Worker) -> Result<(), Error> {
    let group = worker.random.u32(..GROUPS);
    let worker = &*worker;
    worker
        .db
        .read(async |txn| {
            let (_, wrong) = scan(txn, group).await?;
            wrong.into_iter().for_each(|wrong| worker.wrong(wrong));
            Ok(())
        })
        .await
}

/// Adds a member to an empty group, or takes out those of a group that has some.
async fn change(worker: &mut Worker) -> Result<(), Error> {
    let (group, place) = (worker.random.u32(..GROUPS), worker.unique());
    let (worker, table) = (&*worker, Member::table());
    worker
        .db
        .write(async |txn| {
            let (members, wrong) = scan(txn, group).await?;
            wrong.into_iter().for_each(|wrong| worker.wrong(wrong));
            for member in &members {
                table.delete(txn, &member.place)?;
            }
            if members.is_empty() {
                table.put(txn, &Member { place: (group, place) })?;
            }
            let members = u64::from(members.is_empty());
            Count::table().put(txn, &Count { group, members })
        })
        .await
}

/// What is wrong at the end.
///
/// # Errors
///
/// That of a transaction.
pub async fn judge(db: &Database) -> Result<Vec<String>, Error> {
    let mut wrong = Vec::new();
    for group in 0..GROUPS {
        wrong.extend(db.read(async |txn| scan(txn, group).await).await?.1);
    }
    Ok(wrong)
}
