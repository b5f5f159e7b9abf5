//! Phantoms: a group has one or two members. Whoever adds one has seen only one in a scan, and whoever takes one out has
//! seen two. Nothing but the scan keeps two of them apart: they add and take out different rows.

use txetcd::{Database, Error, Read};

use super::Worker;
use super::tables::Member;

const GROUPS: u32 = 4;

/// Puts the first member into each group.
///
/// # Errors
///
/// That of the transaction.
pub async fn open(db: &Database) -> Result<(), Error> {
    let members = Member::table();
    db.write(async |txn| (0..GROUPS).try_for_each(|group| members.put(txn, &Member { place: (group, 0) })))
        .await
}

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
    let is_wrong = members.is_empty() || members.len() > 2;
    let wrong = format!("phantoms: group {group} has {} members", members.len());
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

/// Adds a member to a group of one, or takes either out of a group of two.
async fn change(worker: &mut Worker) -> Result<(), Error> {
    let (group, place, chosen) = (worker.random.u32(..GROUPS), worker.unique(), worker.random.usize(..2));
    let (worker, table) = (&*worker, Member::table());
    worker
        .db
        .write(async |txn| {
            let (members, wrong) = scan(txn, group).await?;
            wrong.into_iter().for_each(|wrong| worker.wrong(wrong));
            match &members[..] {
                [first, second] => table.delete(txn, &[first, second][chosen].place),
                _ => table.put(txn, &Member { place: (group, place) }),
            }
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
