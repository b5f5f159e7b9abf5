//! Random transactions compared with a model in memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::random::Random;
use crate::store::Account;
use txetcd::{Error, WriteTxn};

const IDS: u64 = 12;

/// One random operation, on the transaction and on the model; reads are compared.
async fn step(txn: &WriteTxn, model: &mut BTreeMap<u32, i64>, random: &mut Random) -> Result<(), Error> {
    let accounts = Account::table();
    let id = random.below(IDS) as u32;
    let balance = random.below(100) as i64;
    match random.below(12) {
        0 | 1 => {
            accounts.put(txn, &Account { id, balance })?;
            model.insert(id, balance);
        }
        2 => {
            // Rows that are known to be absent only: an insert that fails would end the transaction.
            if let Entry::Vacant(absent) = model.entry(id) {
                accounts.insert(txn, &Account { id, balance })?;
                absent.insert(balance);
            }
        }
        3 => {
            accounts.delete(txn, &id)?;
            model.remove(&id);
        }
        4 => {
            let taken = accounts.take(txn, &id).await?;
            assert_eq!(taken.map(|account| account.balance), model.remove(&id));
        }
        5 if random.below(4) == 0 => {
            accounts.truncate(txn).await?;
            model.clear();
        }
        6 => assert_eq!(accounts.count(txn).await?, model.len() as u64),
        7 => {
            let (low, high) = (id, id + random.below(6) as u32);
            let reverse = random.below(2) == 0;
            let limit = random.below(5) as usize;
            let scan = accounts.range(txn, low..high).limit(limit);
            let scan = if reverse { scan.rev() } else { scan };
            let found: Vec<(u32, i64)> =
                scan.collect().await?.iter().map(|row| (row.id, row.balance)).collect();
            let mut expected: Vec<(u32, i64)> =
                model.range(low..high).map(|(id, balance)| (*id, *balance)).collect();
            if reverse {
                expected.reverse();
            }
            expected.truncate(limit);
            assert_eq!(found, expected);
        }
        8 => {
            let ids: Vec<u32> = (0..4).map(|_| random.below(IDS) as u32).collect();
            let found: Vec<Option<i64>> = accounts
                .get_many(txn, &ids)
                .await?
                .into_iter()
                .map(|row| row.map(|row| row.balance))
                .collect();
            assert_eq!(found, ids.iter().map(|id| model.get(id).copied()).collect::<Vec<_>>());
        }
        9 => {
            let page = accounts.all(txn).page(3).await?;
            let expected: Vec<u32> = model.keys().take(3).copied().collect();
            assert_eq!(page.items.iter().map(|row| row.id).collect::<Vec<_>>(), expected);
            assert_eq!(page.next.is_some(), model.len() > 3);
        }
        _ => {
            let found = accounts.get(txn, &id).await?;
            assert_eq!(found.map(|row| row.balance), model.get(&id).copied());
        }
    }
    Ok(())
}

stores! {
    async fn random_transactions_do_what_the_model_does(store) {
        let db = store.connect().await;
        let accounts = Account::table();
        let mut model = BTreeMap::new();
        for seed in 0..150 {
            println!("seed {seed}");
            let mut random = Random::new(seed);
            let txn = db.begin().await.unwrap();
            let mut inside = model.clone();
            for _ in 0..random.below(14) {
                step(&txn, &mut inside, &mut random).await.unwrap();
            }
            if random.below(4) == 0 {
                drop(txn);
            } else {
                txn.commit().await.unwrap();
                model = inside;
            }
            let stored = db.read(async |txn| accounts.all(txn).collect().await).await.unwrap();
            let stored: BTreeMap<u32, i64> = stored.into_iter().map(|row| (row.id, row.balance)).collect();
            assert_eq!(stored, model);
        }
    }
}
