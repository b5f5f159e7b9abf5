//! Accounts between which money is moved. It neither comes nor goes: not in any attempt, be it thrown away later or not.

use std::time::Duration;

use tokio::time::sleep;
use txetcd::{Database, DatabaseBuilder, Error, Persist, Read};

use super::{Step, Through};
use crate::simulate::record::Record;

const BALANCE: i64 = 100;

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 2)]
struct Account {
    #[pmap(key)]
    id: u32,
    balance: i64,
}

pub(super) fn cached(builder: DatabaseBuilder) -> DatabaseBuilder {
    builder.cached::<Account>()
}

pub(super) async fn prepare(db: &Database, record: &Record) -> Result<(), Error> {
    // One by one, as there may be more than a transaction takes.
    for id in 0..record.settings.keys {
        db.write(async |txn| Account::table().put(txn, &Account { id, balance: BALANCE })).await?;
    }
    Ok(())
}

pub(super) async fn run(step: &mut Step) -> Result<(), Error> {
    let (from, to, amount) = (step.key(), step.key(), step.random.i64(1..=20));
    let (audits, moves, stale) = (step.random.u8(..3) == 0, step.random.u8(..4) != 0, step.random.bool());
    let thinking = Duration::from_millis(step.random.u64(..=step.record.settings.thinking));
    let (db, record, accounts) = (&step.db, &step.record, Account::table());
    if !moves && stale {
        return db.read_stale(async |txn| audit(txn, Through::StaleRead, record).await).await.map(drop);
    }
    if !moves {
        return db.read(async |txn| audit(txn, Through::Read, record).await).await;
    }
    db.write(async |txn| {
        if audits {
            audit(txn, Through::Write, record).await?;
        }
        let payer = accounts.get(txn, &from).await?;
        sleep(thinking).await;
        let payee = accounts.get(txn, &to).await?;
        let (Some(mut payer), Some(mut payee)) = (payer, payee) else {
            record.violation(format!("account {from} or {to} is gone"));
            return Ok(());
        };
        if from != to && payer.balance >= amount {
            payer.balance -= amount;
            payee.balance += amount;
            accounts.put(txn, &payer)?;
            accounts.put(txn, &payee)?;
        }
        Ok(())
    })
    .await
}

pub(super) async fn conclude(step: &mut Step) -> Result<(), Error> {
    let record = &step.record;
    step.db.read(async |txn| audit(txn, Through::Read, record).await).await
}

async fn audit(txn: &impl Read, through: Through, record: &Record) -> Result<(), Error> {
    let accounts = Account::table().all(txn).collect().await?;
    let expected = i64::from(record.settings.keys) * BALANCE;
    let sum: i64 = accounts.iter().map(|account| account.balance).sum();
    if sum != expected || accounts.iter().any(|account| account.balance < 0) {
        record.violation(format!(
            "the accounts hold {sum}, not {expected}, seen through {through:?}: {accounts:?}"
        ));
    }
    Ok(())
}
