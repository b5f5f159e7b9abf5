//! Registers that are written without being read, and read. What a lost or late write of that kind does is not seen in
//! lists, whose appends read first.

use std::sync::{Arc, Mutex, PoisonError};

use txetcd::{DatabaseBuilder, Error, Persist};

use super::Step;
use crate::simulate::record::Record;

#[derive(Persist, Clone, Debug, PartialEq)]
#[pmap(slot = 6)]
struct Register {
    #[pmap(key)]
    key: u32,
    value: u64,
}

pub(super) fn cached(builder: DatabaseBuilder) -> DatabaseBuilder {
    builder.cached::<Register>()
}

/// A write or a read of one register, with the times, in nanoseconds, between which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Access {
    key: u32,
    /// 0 if there was nothing.
    value: u64,
    start: i64,
    end: i64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Written,
    /// It was refused for sure.
    NotWritten,
    /// Nobody knows, so it ended at no time.
    Perhaps,
}

/// What all tasks wrote and read.
#[derive(Default, Clone)]
pub(in crate::simulate) struct Registers(Arc<Mutex<Vec<Access>>>);

impl Registers {
    fn push(&self, access: Access) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(access);
    }

    fn all(&self) -> Vec<Access> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A write under way. One that is dropped was perhaps applied.
struct Writing<'r> {
    record: &'r Record,
    access: Access,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.access.end = if self.access.kind == Kind::Perhaps { i64::MAX } else { self.record.now() };
        self.record.registers.push(self.access.clone());
    }
}

pub(super) async fn run(step: &mut Step) -> Result<(), Error> {
    let (key, start) = (step.key(), step.record.now());
    let (db, record) = (&step.db, &step.record);
    if step.random.bool() {
        let found = db.read(async |txn| Register::table().get(txn, &key).await).await?;
        let value = found.map_or(0, |register| register.value);
        record.registers.push(Access { key, value, start, end: record.now(), kind: Kind::Read });
        return Ok(());
    }
    let value = record.next_value();
    let mut writing =
        Writing { record, access: Access { key, value, start, end: i64::MAX, kind: Kind::Perhaps } };
    let written = db.write(async |txn| Register::table().put(txn, &Register { key, value })).await;
    writing.access.kind = match &written {
        Ok(()) => Kind::Written,
        Err(error) if error.is_commit_unknown() => Kind::Perhaps,
        Err(_) => Kind::NotWritten,
    };
    written
}

pub(super) async fn conclude(step: &mut Step) -> Result<(), Error> {
    for key in 0..step.record.settings.keys {
        let start = step.record.now();
        let found = step.db.read(async |txn| Register::table().get(txn, &key).await).await?;
        let value = found.map_or(0, |register| register.value);
        let end = step.record.now();
        step.record.registers.push(Access { key, value, start, end, kind: Kind::Read });
    }
    for stale in stale(&step.record.registers.all()) {
        step.record.violation(stale);
    }
    Ok(())
}

/// The reads that saw what was never written, or was overwritten before they began.
fn stale(accesses: &[Access]) -> Vec<String> {
    let mut found = Vec::new();
    for read in accesses.iter().filter(|access| access.kind == Kind::Read) {
        let writes = || accesses.iter().filter(|access| access.key == read.key && access.kind != Kind::Read);
        let origin = writes().find(|write| write.value == read.value);
        let (since, fits) = match origin {
            Some(write) => (write.end, write.kind != Kind::NotWritten && write.start <= read.end),
            None => (0, read.value == 0),
        };
        if !fits {
            found.push(format!("what was never written was read: {read:?}, {origin:?}"));
        }
        let over =
            |write: &&Access| write.kind == Kind::Written && write.start > since && write.end < read.start;
        if let Some(over) = writes().find(over) {
            found.push(format!("what was overwritten by {over:?} was read later: {read:?}, {origin:?}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Access, Kind, stale};

    fn access(kind: Kind, value: u64, start: i64, end: i64) -> Access {
        Access { key: 1, value, start, end, kind }
    }

    #[test]
    fn reads_that_some_order_explains_are_right() {
        let accesses = [
            access(Kind::Read, 0, 0, 1),
            access(Kind::Written, 1, 2, 5),
            access(Kind::Written, 2, 4, 6),
            access(Kind::Read, 1, 7, 8),
            access(Kind::Perhaps, 3, 3, i64::MAX),
            access(Kind::Read, 3, 20, 21),
        ];
        assert_eq!(stale(&accesses), [""; 0]);
    }

    #[test]
    fn what_was_overwritten_refused_or_never_there_is_found() {
        let [first, second] = [access(Kind::Written, 1, 2, 3), access(Kind::Written, 2, 4, 6)];
        let found = |accesses: &[Access]| stale(accesses).len();
        assert_eq!(found(&[first.clone(), second.clone(), access(Kind::Read, 1, 7, 8)]), 1);
        assert_eq!(found(&[first.clone(), access(Kind::Read, 0, 4, 5)]), 1);
        assert_eq!(found(&[access(Kind::NotWritten, 1, 2, 3), access(Kind::Read, 1, 7, 8)]), 1);
        assert_eq!(found(&[first.clone(), access(Kind::Read, 1, 0, 1)]), 1);
        assert_eq!(found(&[access(Kind::Read, 9, 0, 1)]), 1);
    }
}
