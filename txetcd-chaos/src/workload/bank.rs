//! The bank: money moves between accounts, and the sum is always the same, in every attempt of every transaction.

use txetcd::{Database, Error};

use super::Worker;
use super::tables::Account;

const ACCOUNTS: u32 = 20;
const EACH: i64 = 100;
const ALL: i64 = EACH * ACCOUNTS as i64;

/// Opens the accounts.
///
/// # Errors
///
/// That of the transaction.
pub async fn open(db: &Database) -> Result<(), Error> {
    let accounts = Account::table();
    db.write(async |txn| {
        for id in 0..ACCOUNTS {
            accounts.put(txn, &Account { id, balance: EACH })?;
        }
        Ok(())
    })
    .await
}

pub(super) async fn work(worker: &mut Worker) {
    while !worker.is_done() {
        let outcome = match worker.random.u32(..3) {
            0 => look(worker).await,
            _ => transfer(worker).await,
        };
        match outcome {
            Ok(()) => worker.did("bank"),
            Err(error) => worker.expect("bank", &error),
        }
    }
}

/// Says so if accounts that were read together are not all there or do not hold all the money.
fn count(worker: &Worker, accounts: &[Account]) {
    let sum: i64 = accounts.iter().map(|account| account.balance).sum();
    if accounts.len() != ACCOUNTS as usize || sum != ALL {
        worker.wrong(format!("bank: {} accounts hold {sum} instead of {ALL}", accounts.len()));
    }
}

async fn look(worker: &Worker) -> Result<(), Error> {
    worker
        .db
        .read(async |txn| {
            count(worker, &Account::table().all(txn).collect().await?);
            Ok(())
        })
        .await
}

async fn transfer(worker: &mut Worker) -> Result<(), Error> {
    let (from, to) = (worker.random.u32(..ACCOUNTS), worker.random.u32(..ACCOUNTS));
    let (amount, counts) = (worker.random.i64(1..20), worker.random.u32(..3) == 0);
    if from == to {
        return Ok(());
    }
    let (worker, accounts) = (&*worker, Account::table());
    worker
        .db
        .write(async |txn| {
            if counts {
                count(worker, &accounts.all(txn).collect().await?);
            }
            let found = accounts.get_many(txn, &[from, to]).await?;
            let [Some(payer), Some(payee)] = &found[..] else {
                worker.wrong(format!("bank: account {from} or {to} is not there"));
                return Ok(());
            };
            if payer.balance >= amount {
                accounts.put(txn, &Account { id: from, balance: payer.balance - amount })?;
                accounts.put(txn, &Account { id: to, balance: payee.balance + amount })?;
            }
            Ok(())
        })
        .await
}

/// What is wrong at the end.
///
/// # Errors
///
/// That of the transaction.
pub async fn judge(db: &Database) -> Result<Vec<String>, Error> {
    let accounts = db.read(async |txn| Account::table().all(txn).collect().await).await?;
    let sum: i64 = accounts.iter().map(|account| account.balance).sum();
    let wrong = accounts.len() != ACCOUNTS as usize || sum != ALL;
    let told = format!("bank: {} accounts hold {sum} instead of {ALL} at the end", accounts.len());
    Ok(wrong.then_some(told).into_iter().collect())
}
