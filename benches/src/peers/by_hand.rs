//! The loop that one writes by hand on `etcd-client`, and what the peers find in their keys at the end.
//!
//! One request reads, one compares the revisions and puts; where a comparison fails, the same request reads again, so
//! that a retry costs one round trip. All tasks share a connection.

use std::sync::Arc;

use etcd_client::{
    Client, Compare, CompareOp, GetOptions, KeyValue, KvClient, Txn, TxnOp, TxnOpResponse, TxnResponse,
};

use super::Result;
use super::audit::{Account, Found};
use super::drive::{Ended, Phase, Rows, Side};
use super::layout::{self, AMOUNT, KINDS, person, row_key, row_value};
use super::steps::Step;

/// How many keys one request of the preparation puts, and one of the audit reads.
const BATCH: usize = 100;
const PAGE: i64 = 5_000;

/// A connection of `etcd-client`.
#[derive(Clone)]
pub(crate) struct ByHand {
    kv: KvClient,
    prefix: Arc<str>,
}

impl ByHand {
    pub(crate) async fn connect(endpoint: &str, prefix: &str) -> Result<Self> {
        Ok(Self { kv: Client::connect([endpoint], None).await?.kv_client(), prefix: prefix.into() })
    }

    /// This person, if it has that key.
    fn checked(&self, id: u64, key: &str) -> u64 {
        let is_its_key = |its: &(String, Vec<u8>)| its.0.strip_prefix(&*self.prefix) == Some(key);
        if person(&self.prefix, id).iter().any(is_its_key) { id } else { u64::MAX }
    }

    /// The keys of a kind, without what stands in front, and the values.
    async fn all(&self, kind: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let front = format!("{}{kind}", self.prefix);
        let mut end = front.clone().into_bytes();
        end.pop();
        end.push(b'0'); // follows the slash
        let (mut all, mut start) = (Vec::new(), front.clone().into_bytes());
        loop {
            let options = GetOptions::new().with_range(end.clone()).with_limit(PAGE);
            let mut page = self.kv.clone().get(start, Some(options)).await?;
            let more = page.more();
            for kv in page.take_kvs() {
                let (key, value) = kv.into_key_value();
                all.push((String::from_utf8(key)?.split_off(front.len()), value));
            }
            let Some((last, _)) = all.last().filter(|_| more) else { return Ok(all) };
            start = format!("{front}{last}\0").into_bytes();
        }
    }

    /// Reads these rows, changes the amount of each, and puts them.
    async fn change<const N: usize>(&self, changes: [(u32, i64); N], phase: &Phase) -> Result<Ended> {
        let mut kv = self.kv.clone();
        let changes = changes.map(|(row, amount)| (row_key(&self.prefix, row), amount));
        let gets: Vec<TxnOp> = changes.iter().map(|(key, _)| TxnOp::get(key.clone(), None)).collect();
        let mut read = rows(&kv.txn(Txn::new().and_then(gets.clone())).await?);
        while !phase.is_over() {
            let (mut compares, mut puts) = (Vec::with_capacity(N), Vec::with_capacity(N));
            for ((key, amount), row) in changes.iter().zip(&read) {
                let mut account = layout::account(row.value()).ok_or("a value is too short")?;
                account.amount += amount;
                account.changes += 1;
                compares.push(Compare::mod_revision(key.clone(), CompareOp::Equal, row.mod_revision()));
                puts.push(TxnOp::put(key.clone(), row_value(account), None));
            }
            if read.len() != N {
                return Err("a row is not there".into());
            }
            match kv.txn(Txn::new().when(compares).and_then(puts).or_else(gets.clone())).await {
                Ok(done) if done.succeeded() => return Ok(Ended::Acknowledged),
                Ok(refused) => read = rows(&refused),
                Err(_) => return Ok(Ended::Unknown),
            }
        }
        Ok(Ended::GaveUp)
    }

    /// Inserts a person with its entries, whose keys and email must be new.
    async fn insert(&self, id: u64) -> Result<Ended> {
        let keys = person(&self.prefix, id);
        let is_new = |key: &String| Compare::create_revision(key.clone(), CompareOp::Equal, 0);
        let compares = [is_new(&keys[0].0), is_new(&keys[1].0)];
        let puts = keys.map(|(key, value)| TxnOp::put(key, value, None));
        match self.kv.clone().txn(Txn::new().when(compares).and_then(puts)).await {
            Ok(done) if done.succeeded() => Ok(Ended::Acknowledged),
            Ok(_) => Err("a person is there already".into()),
            Err(_) => Ok(Ended::Unknown),
        }
    }

    async fn read(&self, row: u32) -> Result<Ended> {
        let read = self.kv.clone().get(row_key(&self.prefix, row), None).await?;
        let value = read.kvs().first().and_then(|row| layout::account(row.value()));
        value.map(|_| Ended::Acknowledged).ok_or_else(|| "a row is not there".into())
    }
}

impl Rows for ByHand {
    async fn fill(&self, rows: u32) -> Result<()> {
        let value = row_value(Account { amount: AMOUNT, changes: 0 });
        let puts: Vec<TxnOp> =
            (0..rows).map(|row| TxnOp::put(row_key(&self.prefix, row), value.clone(), None)).collect();
        for some in puts.chunks(BATCH) {
            self.kv.clone().txn(Txn::new().and_then(some)).await?;
        }
        Ok(())
    }

    // An entry of an index that is not what it should be leads to nobody.
    async fn found(&self) -> Result<Found> {
        let mut found = Found::default();
        let [rows, people, emails, towns] = KINDS;
        let number = |text: &str| u64::from_str_radix(text, 16).unwrap_or(u64::MAX);
        for (key, value) in self.all(rows).await? {
            let account = layout::account(&value).ok_or("a value is too short")?;
            found.accounts.insert(u32::try_from(number(&key))?, account);
        }
        found.people.extend(self.all(people).await?.iter().map(|(key, _)| number(key)));
        for (key, value) in self.all(emails).await? {
            let id = value.first_chunk().map_or(u64::MAX, |id| u64::from_be_bytes(*id));
            found.by_email.push(self.checked(id, &format!("{emails}{key}")));
        }
        for (key, _) in self.all(towns).await? {
            let id = number(key.rsplit('/').next().unwrap_or_default());
            found.by_town.push(self.checked(id, &format!("{towns}{key}")));
        }
        Ok(found)
    }
}

impl Side for ByHand {
    async fn perform(&self, step: Step, phase: &Phase) -> Result<Ended> {
        match step {
            Step::Increment(row) => self.change([(row, 0)], phase).await,
            Step::Transfer { from, to } => self.change([(from, -1), (to, 1)], phase).await,
            Step::Insert(id) => self.insert(id).await,
            Step::Read(row) => self.read(row).await,
        }
    }
}

/// The rows that were read, in the order of the requests.
fn rows(response: &TxnResponse) -> Vec<KeyValue> {
    let responses = response.op_responses().into_iter();
    responses
        .filter_map(|response| match response {
            TxnOpResponse::Get(mut found) => found.take_kvs().pop(),
            _ => None,
        })
        .collect()
}
