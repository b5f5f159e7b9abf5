//! Money moves between accounts, from many tasks at once, and none is made or lost.
//!
//! Run it with `cargo run --example transfer` (building needs `protoc`, see the README). Eight tasks transfer while
//! a ninth adds up all balances again and again: every sum it sees is the same. With
//! `TXETCD_URL=http://localhost:2379` it can run in several processes side by side.

use std::time::Instant;

use txetcd::{Database, Error, Persist};

#[derive(Persist, Clone, Debug)]
#[pmap(slot = 1002)]
struct Account {
    #[pmap(key)]
    number: u32,
    balance: i64,
}

const ACCOUNTS: u32 = 10;
const TASKS: u32 = 8;
const TRANSFERS: u32 = 50;
const DEPOSIT: i64 = 100;

/// Why a transfer was not made. A closure may return any error that can be made from txetcd's.
#[derive(Debug)]
enum Refused {
    NotEnough,
    Store(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

async fn transfer(db: &Database, from: u32, to: u32, amount: i64) -> Result<(), Refused> {
    let accounts = Account::table();
    db.write(async |txn| {
        // Asked for together, the two reads are one request.
        let rows = tokio::try_join!(accounts.get(txn, &from), accounts.get(txn, &to))?;
        let (Some(mut from), Some(mut to)) = rows else { return Err(Refused::NotEnough) };
        if from.balance < amount {
            return Err(Refused::NotEnough); // Nothing was sent, so there is nothing to undo.
        }
        from.balance -= amount;
        to.balance += amount;
        accounts.put(txn, &from)?;
        accounts.put(txn, &to)?;
        Ok(())
    })
    .await
}

/// The sum of all balances, as of one revision.
async fn total(db: &Database) -> Result<i64, Error> {
    let rows = db.read(async |txn| Account::table().all(txn).collect().await).await?;
    Ok(rows.iter().map(|account| account.balance).sum())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let db = Database::from_env().await?;
    println!("connected to {}", db.client().endpoint());

    // Opens the accounts that are not there yet; another process may be doing the same.
    let accounts = Account::table();
    db.write(async |txn| {
        let numbers: Vec<u32> = (0..ACCOUNTS).collect();
        let found = accounts.get_many(txn, &numbers).await?;
        for (number, _) in numbers.into_iter().zip(found).filter(|(_, found)| found.is_none()) {
            accounts.insert(txn, &Account { number, balance: DEPOSIT })?;
        }
        Ok::<_, Error>(())
    })
    .await?;
    let sum = total(&db).await?;
    println!("{ACCOUNTS} accounts hold {sum}");

    let began = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let db = db.clone(); // Clones share one connection.
            tokio::spawn(async move {
                let mut refused = 0;
                for n in 0..TRANSFERS {
                    let from = (task * 7 + n * 3) % ACCOUNTS;
                    let to = (from + 1 + n % (ACCOUNTS - 1)) % ACCOUNTS;
                    match transfer(&db, from, to, i64::from(1 + n % 40)).await {
                        Ok(()) => {}
                        Err(Refused::NotEnough) => refused += 1,
                        Err(Refused::Store(error)) => return Err(error),
                    }
                }
                Ok(refused)
            })
        })
        .collect();

    let mut audits = 0;
    while !tasks.iter().all(|task| task.is_finished()) {
        assert_eq!(total(&db).await?, sum, "money was made or lost");
        audits += 1;
    }
    let mut refused = 0;
    for task in tasks {
        refused += task.await.expect("the task ran to its end")?;
    }
    assert_eq!(total(&db).await?, sum, "money was made or lost");

    let stats = db.stats();
    println!(
        "{} transfers in {:.2?}, {refused} more refused for lack of money",
        TASKS * TRANSFERS - refused,
        began.elapsed()
    );
    println!("{audits} sums were taken meanwhile: {sum} each time");
    println!(
        "{} commits met a conflict and {} attempts were run again; {} requests in all",
        stats.conflicts, stats.retries, stats.requests
    );
    Ok(())
}
